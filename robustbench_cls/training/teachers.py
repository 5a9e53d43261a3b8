"""The classifiers that a recipe's settings name, such as a teacher."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from robustbench_cls.core.errors import UserError, first_difference
from robustbench_cls.core.progress import notice
from robustbench_cls.core.recipe import Recipe, Setting
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.load import load_classifier
from robustbench_cls.models.options import ModelOptions, kind_of


def load_teachers(
    recipe: Recipe, settings: Mapping[str, Setting], classes: tuple[str, ...], device: torch.device
) -> dict[str, Classifier]:
    """The classifiers that the recipe's settings name.

    Raises:
        UserError: none is named, it can't be loaded, or it has other classes.
    """
    loaded = {}
    for name in recipe.models:
        if not settings[name]:
            raise UserError(f"Recipe '{recipe.name}' learns from another classifier. Name it: --set {name}=best.pt.")
        classifier = _teacher(str(settings[name]), classes, device)
        if classifier.class_names != classes:
            raise UserError(
                f"{settings[name]} has other classes than the training images, or another order: "
                f"{first_difference(classifier.class_names, classes)}. A {name} must have the same."
            )
        if isinstance(classifier.network, nn.Module):
            classifier.network.requires_grad_(False).eval()
        loaded[name] = classifier
    return loaded


def _teacher(model: str, classes: tuple[str, ...], device: torch.device) -> Classifier:
    """A classifier that the user names as for `robust eval`; a program that names no classes is taken to have these."""
    options = ModelOptions(model)
    program = options.form() in ("program", "factory")
    if program:
        notice(f"{model} is taken to answer with the training's classes in their order: {', '.join(classes[:3])} ...")
    runs_on_cpu = kind_of(Path(model)) == "onnx"
    return load_classifier(
        model,
        class_names=classes if program else (),
        device="cpu" if runs_on_cpu else str(device),
        backend="auto" if runs_on_cpu else "torch",
    )
