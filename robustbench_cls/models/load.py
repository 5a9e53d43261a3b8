"""`load_classifier`: from what a user names to a Classifier."""

import os
from pathlib import Path

import torch
from timm.data import ImageNetInfo, infer_imagenet_subset
from torch import nn

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.architectures import check_architecture, create_network, preprocessing_of
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.models.classifier import Classifier, weights_sha256
from robustbench_cls.models.weights import load_weights, match_by_order, read_state_dict


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is the first GPU there is, else the CPU.

    Raises:
        UserError: no such device on this machine.
    """
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    try:
        if name.startswith("meta"):
            raise NotImplementedError("it holds no data")
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"Device '{name}' can't be used here ({reason}). Use --device cpu.") from error
    return device


def read_class_names(path: Path) -> tuple[str, ...]:
    """The class names in a text file, one a line.

    Raises:
        UserError: no such file, or a name that stands twice.
    """
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as a list of class names ({error}).") from error
    if not names or len(set(names)) != len(names):
        raise UserError(f"{path} must hold each class name once, one a line; found {len(names)} lines.")
    return names


def load_classifier(
    model: str | Path,
    *,
    weights: Path | None = None,
    ordered_match: bool = False,
    class_names: tuple[str, ...] = (),
    device: str = "auto",
) -> Classifier:
    """The classifier in a checkpoint of `robust train`, or a timm model with its own or foreign weights.

    Args:
        model: a checkpoint's path, or a timm model's name.
        weights: for a timm name: a .pt, .pth or .safetensors file; the published weights where None.
        ordered_match: match tensors of equal shapes in equal order, where only their names differ.
        class_names: of a foreign head in its order; needed where the head is not ImageNet's.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...

    Raises:
        UserError: no such file or model, weights that don't fit, or a head whose classes aren't known.
    """
    chosen = pick_device(device)
    if Path(model).is_dir():
        raise UserError(f"{model} is a folder. Name the checkpoint in it, such as {Path(model) / 'best.pt'}.")
    if Path(model).is_file():
        if weights is not None or class_names or ordered_match:
            raise UserError(f"{model} describes itself; --weights, --class-names and --ordered-match go with --model.")
        return _own(Path(model), chosen)
    looks_like_a_path = os.sep in str(model) and Path(model).parent.is_dir()
    if looks_like_a_path or Path(model).suffix in {".pt", ".pth", ".safetensors", ".ckpt"}:
        raise UserError(f"There is no checkpoint {model}.")
    return _from_timm(str(model), weights, ordered_match, class_names, chosen)


def ready(network: nn.Module, device: torch.device) -> nn.Module:
    """On the device, in evaluation mode, channels last: convolutions are up to twice as fast so."""
    on_device: nn.Module = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return on_device.eval()


def _own(path: Path, device: torch.device) -> Classifier:
    about, weights, _ = read_checkpoint(path)
    network = create_network(about.architecture, len(about.class_names), about.preprocessing.input_size)
    load_weights(network, weights, path)
    provenance = {
        "architecture": about.architecture,
        "recipe": about.recipe,
        "recipe_overlaps": list(about.overlaps),
        "settings": dict(about.settings),
        "training_seed": about.seed,
        "training_data": about.data_fingerprint,
        "epoch": about.epoch,
        "training_versions": dict(about.versions),
    }
    network = ready(network, device)
    digest = weights_sha256(network)
    return Classifier(
        about.name, network, about.class_names, about.preprocessing, digest, device, provenance=provenance
    )


def _from_timm(
    name: str, weights: Path | None, ordered_match: bool, class_names: tuple[str, ...], device: torch.device
) -> Classifier:
    check_architecture(name)
    if weights is None:
        network, source = _published(name, len(class_names)), "timm"
    else:
        network, source = _foreign(name, weights, ordered_match, len(class_names)), str(weights)
    network = ready(network, device)
    names = class_names or _imagenet_names(network, name)
    provenance = {"architecture": name, "recipe": "", "weights": source}
    return Classifier(
        name, network, names, preprocessing_of(network), weights_sha256(network), device, provenance=provenance
    )


def _published(name: str, num_classes: int) -> nn.Module:
    try:
        network: nn.Module = create_network(name, num_classes, 0, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"The published weights of {name} could not be fetched ({str(error).partition(chr(10))[0][:160]}). "
            "Give a file with --weights, or try again with a network."
        ) from error
    return network


def _foreign(name: str, path: Path, ordered_match: bool, num_classes: int) -> nn.Module:
    state = read_state_dict(path)
    network: nn.Module = create_network(name, num_classes, 0)
    load_weights(network, match_by_order(state, network, path) if ordered_match else state, path)
    return network


def _imagenet_names(network: nn.Module, name: str) -> tuple[str, ...]:
    subset = infer_imagenet_subset(network)
    if subset is None:
        count = getattr(network, "num_classes", "an unknown number of")
        raise UserError(
            f"The head of {name} has {count} classes, which is no ImageNet head, so their names are not known. "
            "Give --class-names FILE with one class name a line in the head's order."
        )
    return tuple(ImageNetInfo(subset).label_names())
