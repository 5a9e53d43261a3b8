"""The project's own checkpoint: weights that describe themselves.

A dictionary of plain values and tensors, read with `weights_only=True`: `format`, `about` (the fields of
`About`), `weights`, and in `last.pt` also `training`, what a resumed run needs.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from robustbench_cls.core.discovery import require_name
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.records import added, as_record, from_record
from robustbench_cls.models.classifier import Preprocessing, check_preprocessing, tensors_sha256
from robustbench_cls.models.weights import read_torch_file

FORMAT = "robustbench_cls-1"
MOST_CLASSES = 1_000_000


@dataclass(frozen=True)
class About:
    """A checkpoint's description of itself.

    Attributes:
        settings: every setting of recipe and regimen the weights were trained with.
        overlaps: test corruptions that the recipe's augmentation contains.
        code_sha256: of a recipe of the user's own, with the modules beside it that it imports.
        weights_sha256: of the weights beside it.
        selected_on: fingerprint of the `val` images whose accuracy chose `best.pt`; none of a later training.
        selection: what chose `best.pt`: `val`, `minival` (held-out training images), or `last epoch`.
        step: steps of the epoch that was begun; 0 between two epochs.
        models: each classifier that the recipe learned from: its setting, its name and the digest of its weights.
        started_from: the name and the digest of the weights that it began with; empty for random ones.
        notes: what readers of its numbers should know of the training.
        epoch: epochs finished; top1_accuracy: on the images that chose `best.pt`, 0..1.
    """

    name: str
    architecture: str
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    recipe: str
    settings: Mapping[str, int | float | str | bool]
    overlaps: tuple[str, ...]
    data_fingerprint: str
    seed: int
    epoch: int
    top1_accuracy: float
    versions: Mapping[str, str]
    code_sha256: str = added("")
    weights_sha256: str = added("")
    selected_on: str = added("")
    notes: tuple[str, ...] = added(())
    selection: str = added("val")
    step: int = added(0)
    models: tuple[str, ...] = added(())
    started_from: str = added("")

    @property
    def origin(self) -> Origin:
        """Where the weights are from."""
        return Origin(
            architecture=self.architecture,
            recipe=self.recipe,
            overlaps=self.overlaps,
            settings=self.settings,
            seed=self.seed,
            data=self.data_fingerprint,
            epoch=self.epoch,
            versions=self.versions,
            selected_on=self.selected_on,
            notes=self.notes,
            selection=self.selection,
            models=self.models,
            started_from=self.started_from,
        )


def is_own(content: Any) -> bool:
    """True for what `torch.load` gives of a checkpoint of this project."""
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def save(path: Path, about: About, weights: Mapping[str, torch.Tensor], training: Mapping[str, Any]) -> None:
    """Write a checkpoint to `path`; the caller sees to it that the file appears whole.

    Raises:
        OSError: it could not be written; torch itself raises RuntimeError for a full disk.
    """
    about = replace(about, weights_sha256=tensors_sha256(weights))
    told = {"format": FORMAT, "about": as_record(about), "weights": dict(weights), "training": dict(training)}
    content = _anew(told)
    try:
        with path.open("wb") as file:  # torch would write a path's name into the file, so that equal runs would differ
            torch.save(content, file)
    except RuntimeError as error:  # PyTorch puts its own error before that of the file, or before Ctrl-C
        first: BaseException | None = error
        while first is not None and not isinstance(first, KeyboardInterrupt | OSError):
            first = first.__context__
        raise first or OSError("PyTorch could not write all of it; the disk may be full") from error


def _anew(value: Any) -> Any:
    """The same plain values as new objects: pickle writes an object once, so equal runs would differ by what is shared.

    Tensors stay as they are.
    """
    if isinstance(value, Mapping):
        return {_anew(name): _anew(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_anew(item) for item in value])
    return sys.intern(value) if type(value) is str else value


def _read_about(content: Mapping[str, Any], path: Path) -> About:
    about = from_record(About, content.get("about"), f"The description in {path}")
    try:
        _check(about)
    except (ValueError, UserError) as error:
        raise UserError(f"{path} calls itself {FORMAT} but its description is damaged ({error}).") from error
    return about


def _check(about: About) -> None:
    if not 0 < len(about.class_names) <= MOST_CLASSES:
        raise ValueError(f"{len(about.class_names)} class names")
    if len(set(about.class_names)) != len(about.class_names):
        raise ValueError("class_names repeat")
    require_name(about.name, "model")
    check_preprocessing(about.preprocessing)


def read_checkpoint(path: Path) -> tuple[About, dict[str, torch.Tensor], dict[str, Any]]:
    """Description, weights and training state of an own checkpoint.

    Raises:
        UserError: the file is not one, or is damaged, or its weights are not those that it describes.
    """
    return checkpoint_in(read_torch_file(path), path)


def checkpoint_in(content: Any, path: Path) -> tuple[About, dict[str, torch.Tensor], dict[str, Any]]:
    """As `read_checkpoint`, of a file whose content was read.

    Raises:
        UserError: as there.
    """
    if not is_own(content):
        raise UserError(
            f"{path} does not describe itself (it is not a checkpoint of `robust train`). Name its architecture: "
            f"--model resnet50 --weights {path}"
        )
    weights, training = content.get("weights"), content.get("training", {})
    if not isinstance(weights, dict) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) and not v.is_sparse and not v.is_complex()
        for k, v in weights.items()
    ):
        raise UserError(f"{path} calls itself {FORMAT} but holds no weights.")
    about = _read_about(content, path)
    if about.weights_sha256 and about.weights_sha256 != tensors_sha256(weights):
        raise UserError(
            f"{path} holds other weights than those that its description speaks of. Take the original file; to measure "
            f"weights of your own, save them alone and give them with --model and --weights."
        )
    return about, weights, training if isinstance(training, dict) else {}
