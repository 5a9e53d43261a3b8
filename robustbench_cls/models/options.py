"""`ModelOptions`: the model that a user names, checked before PyTorch is imported."""

import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from robustbench_cls.core.corruption import MINIMUM_SIDE
from robustbench_cls.core.discovery import require_name
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import RUNS, require_file
from robustbench_cls.models.choices import (
    INTERPOLATIONS,
    LARGEST_INPUT,
    check_choice,
    check_device,
    check_installed,
)
from robustbench_cls.models.names import check_architecture

Form: TypeAlias = Literal["checkpoint", "program", "factory", "torchvision", "timm"]

TORCHVISION = "torchvision:"
"""Begins the name of a torchvision model."""

PROGRAMS = {".onnx": "onnx", ".pt2": "exported", ".torchscript": "torchscript"}
"""The kind of a file, by its ending alone."""

TRAINING_LOG = "log.csv"
"""A file that each training writes beside its checkpoints."""

MODEL_FILES = {".pt", ".pth", ".safetensors", ".ckpt", ".pt2", ".onnx", ".torchscript"}
"""Endings that no model's name has."""


@dataclass(frozen=True)
class ModelOptions:
    """All that loading a model can be told; see `load_classifier`.

    Attributes:
        input_size, mean, std, interpolation: how images are shown, where the model's own statement is missing or wrong.
        name: under which reports speak of it; its own where empty.
    """

    model: str | Path
    weights: Path | None = None
    ordered_match: bool = False
    class_names: tuple[str, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    backend: str = "auto"
    input_size: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    interpolation: str = ""
    name: str = ""

    def check(self) -> None:
        """Find mistakes that show without loading anything.

        Raises:
            UserError: no such file, model, backend or device, or options that don't go together.
        """
        check_choice(self.backend, self.precision)
        check_device(self.device)
        check_installed(self.backend)
        if self.form() == "timm":
            check_architecture(str(self.model))
        if self.weights is not None:
            require_file(self.weights)
        if self.name:
            require_name(self.name, "model")
        self._check_preprocessing()

    def _check_preprocessing(self) -> None:
        if self.input_size and not MINIMUM_SIDE <= self.input_size <= LARGEST_INPUT:
            raise UserError(f"--input-size must be {MINIMUM_SIDE} to {LARGEST_INPUT} px, got {self.input_size}.")
        if self.interpolation and self.interpolation not in INTERPOLATIONS:
            raise UserError(f"Unknown interpolation '{self.interpolation}'. Known: {', '.join(INTERPOLATIONS)}.")
        for option, shades in (("--mean", self.mean), ("--std", self.std)):
            if shades and (len(shades) != 3 or not all(0 <= shade <= 1 for shade in shades)):
                raise UserError(f"{option} takes three numbers for values in 0..1, such as 0.485,0.456,0.406.")
        if self.std and not all(self.std):
            raise UserError("--std must not be 0.")
        if (self.mean or self.std or self.interpolation) and self.form() == "checkpoint":
            raise UserError(f"{self.model} says itself how images are shown to it; only --input-size may change that.")

    def home(self) -> Path | None:
        """The folder of results where the user names none, as far as it is known before the model is loaded."""
        form = self.form()
        if form == "checkpoint" and (training := training_of(Path(self.model))) is not None:
            return training
        name = self.name or (str(self.model) if form == "timm" else "")
        return RUNS / name if name else None

    def form(self) -> Form:
        """How the user names the model.

        Raises:
            UserError: a folder or a missing file, or options that don't go with this form.
        """
        text, path = str(self.model), Path(self.model)
        foreign_weights = self.weights is not None or self.ordered_match
        if path.is_dir():
            raise UserError(f"{path} is a folder. Name the checkpoint in it, such as {path / 'best.pt'}.")
        if path.is_file() and kind_of(path) != "checkpoint":
            if foreign_weights:
                raise UserError(f"{path} holds its weights; --weights and --ordered-match go with the name of a model.")
            return "program"
        if path.is_file() and path.suffix != ".py":
            if foreign_weights or self.class_names:
                raise UserError(
                    f"{path} describes itself; --weights, --class-names and --ordered-match go with --model."
                )
            return "checkpoint"
        if named := re.fullmatch(r"(.+\.py)(?::(\w+))?", text):
            if foreign_weights or not named[2]:
                raise UserError(
                    f"Name the function in {named[1]} that returns the model with its weights: {named[1]}:NAME"
                )
            require_file(Path(named[1]))
            return "factory"
        if text.startswith(TORCHVISION):
            return "torchvision"
        looks_like_a_path = os.sep in text and path.parent.is_dir()
        if looks_like_a_path or path.suffix in MODEL_FILES:
            raise UserError(f"There is no checkpoint or model file {text}.")
        return "timm"


def training_of(checkpoint: Path) -> Path | None:
    """The folder of a checkpoint, where it is still that of the training that wrote it."""
    return checkpoint.parent if (checkpoint.parent / TRAINING_LOG).is_file() else None


def kind_of(path: Path) -> str:
    """`onnx`, `torchscript`, `exported` or, for all else, `checkpoint`."""
    if path.suffix in PROGRAMS:
        return PROGRAMS[path.suffix]
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return "checkpoint"
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return "torchscript"
    exported = "archive_format" in inner or "serialized_exported_program.json" in names
    return "exported" if exported else "checkpoint"


def read_shades(text: str | None) -> tuple[float, ...]:
    """Three numbers for the channels, as `0.485,0.456,0.406` or, alike for all three, `0.5`; none without text.

    Raises:
        UserError: they are no numbers.
    """
    if text is None:
        return ()
    try:
        shades = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--mean and --std take numbers such as 0.485,0.456,0.406, got '{text:.40}'.") from None
    return shades * 3 if len(shades) == 1 else shades


def read_class_names(path: Path) -> tuple[str, ...]:
    """The class names in a text file, one a line.

    Raises:
        UserError: no such file, or a name that stands twice.
    """
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as a list of class names ({error}).") from error
    if not names or len(set(names)) != len(names):
        raise UserError(f"{path} must hold each class name once, one a line; found {len(names)} lines.")
    return names
