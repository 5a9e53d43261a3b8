"""torchvision's classifiers by name: `torchvision:resnet50`, `torchvision:resnet50.IMAGENET1K_V1`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torchvision
from torch import nn

from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.origin import Origin
from robustbench_cls.models.classifier import Preprocessing, weights_sha256
from robustbench_cls.models.options import TORCHVISION
from robustbench_cls.models.programs import Program, file_name
from robustbench_cls.models.weights import fetching, load_foreign


def from_torchvision(
    name: str, content: Any, weights: Path | None, ordered_match: bool, class_names: tuple[str, ...]
) -> Program:
    """A torchvision classifier with published weights, the newest or those of the tag, or with a file's.

    `content` is what `read_weights_file` read from `weights`. The preprocessing is that of the published weights;
    with a file, that of the tag or of the first ones.

    Raises:
        UserError: no such model or tag, or weights that can't be fetched or don't fit.
    """
    base, _, tag = name.partition(".")
    known = torchvision.models.list_models(module=torchvision.models)
    if base not in known:
        raise UserError(f"torchvision has no classifier '{base}'. {did_you_mean(base, known)}".rstrip())
    published = torchvision.models.get_model_weights(base)
    if tag and tag not in published.__members__:
        raise UserError(f"torchvision has no weights '{tag}' of {base}. {did_you_mean(tag, published.__members__)}")
    if weights is None:
        entry = published[tag] if tag else published.DEFAULT
        network, source = _published(base, entry, len(class_names)), f"torchvision {entry.name}"
    else:
        entry = published[tag] if tag else next(iter(published))
        network, source = torchvision.models.get_model(base, num_classes=len(class_names) or 1000), str(weights)
        load_foreign(network, content, weights, ordered_match)
    origin = Origin(architecture=f"{TORCHVISION}{base}", weights=source)
    name = file_name(f"torchvision-{name}")
    program = Program(name, network.eval(), _preprocessing(entry), weights_sha256(network), class_names, origin)
    return replace(program, told_by="torchvision")


def _published(base: str, entry: Any, num_classes: int) -> nn.Module:
    if num_classes not in (0, len(entry.meta["categories"])):
        raise UserError(
            f"The published weights of {base} have 1000 classes, --class-names {num_classes}. Give --weights."
        )
    with fetching(base):
        network: nn.Module = torchvision.models.get_model(base, weights=entry)
    return network


def _preprocessing(entry: Any) -> Preprocessing:
    stated = entry.transforms()
    return Preprocessing(
        stated.crop_size[0],
        stated.resize_size[0],
        str(stated.interpolation.value),
        tuple(stated.mean),
        tuple(stated.std),
    )
