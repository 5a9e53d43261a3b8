"""How each architecture family is optimised unless a recipe or `--set` says otherwise."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, replace
from numbers import Integral, Real
from typing import Any

from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe, Regimen, Setting
from robustbench_cls.models.choices import LARGEST_INPUT

_ADAMW = Regimen(
    optimizer="adamw",
    lr=5e-4,
    lr_batch_size=512,
    weight_decay=0.05,
    drop_path=0.1,
    clip_grad=1.0,
    epochs=300,
)

REGIMENS: dict[str, Regimen] = {
    "resnet": Regimen(),
    "cifar": Regimen(
        optimizer="nmuon",
        lr=0.02,
        lr_batch_size=128,
        batch_size=128,
        epochs=20,
        schedule="one-cycle",
        weight_decay=0.05,
        crop_padding=4,
    ),
    "efficientnet": Regimen(optimizer="rmsproptf", lr=0.016, weight_decay=1e-5, drop_path=0.2, dropout=0.2, epochs=300),
    "vit": _ADAMW,
    "swin": replace(_ADAMW, warmup_epochs=20, clip_grad=5.0, drop_path=0.2),
    "convnext": replace(_ADAMW, lr=4e-3, lr_batch_size=4096, warmup_epochs=20, clip_grad=0.0),
    "coatnet": replace(_ADAMW, lr=1e-3, lr_batch_size=4096, warmup_epochs=32, drop_path=0.2),
}
"""Sources: torchvision's references (ResNet, with a cosine schedule); timm's EfficientNet-B0 training at the same rate
per image (0.048 at 768); facebookresearch/deit (ViT), microsoft/Swin-Transformer (Swin-T), facebookresearch/ConvNeXt
(ConvNeXt-T) and the paper of CoAtNet, arXiv:2106.04803 (10,000 steps of 4,096 images are 32 epochs of ImageNet). Of
`cifar` see README.md; its optimizer is Muon, kellerjordan.github.io/posts/muon, whose rate timm scales to AdamW's."""


def defaults(recipe: Recipe, family: str) -> tuple[Regimen, dict[str, Setting]]:
    """Regimen and recipe settings after the family and the recipe had their say.

    Args:
        recipe: its regimen for every family (`""`) and for this one, and its settings' defaults.
        family: a key of `REGIMENS`.

    Raises:
        UserError: the recipe changes what no regimen has, or has a setting of a regimen's name.
    """
    regimen = REGIMENS[family]
    if both := sorted(set(recipe.settings) & set(asdict(regimen))):
        raise UserError(
            f"Recipe '{recipe.name}' has a setting '{both[0]}', which every regimen has as well, so --set {both[0]} "
            "would mean two things. Give the recipe's setting another name."
        )
    for key in ("", family):
        changes = dict(recipe.regimen.get(key, {}))
        if unknown := set(changes) - set(asdict(regimen)):
            raise UserError(f"Recipe '{recipe.name}' changes {', '.join(sorted(unknown))}, which no regimen has.")
        typed = {name: fitting(name, value, getattr(regimen, name)) for name, value in changes.items()}
        regimen = replace(regimen, **typed)  # type: ignore[arg-type]
    return regimen, {name: plain(name, value, recipe) for name, value in recipe.settings.items()}


def settle(recipe: Recipe, family: str, overrides: Mapping[str, Setting]) -> tuple[Regimen, dict[str, Setting]]:
    """Regimen and recipe settings after the family, the recipe and the user had their say.

    Args:
        recipe, family: as for `defaults`.
        overrides: values by setting; each has the type of what it replaces, or is a whole number for a fraction.

    Raises:
        UserError: a name that neither regimen nor recipe has, or a value of another type or out of range.
    """
    regimen, settings = defaults(recipe, family)
    known = {**asdict(regimen), **settings}
    for name, given in overrides.items():
        value = fitting(name, given, like(name, recipe, known))
        if name in settings:
            settings[name] = value
        else:
            regimen = replace(regimen, **{name: value})  # type: ignore[arg-type]
    check(regimen)
    for name, setting in settings.items():
        if isinstance(setting, float) and not math.isfinite(setting):
            raise UserError(f"--set {name} must be a finite number, got {setting}.")
    for name in ("decay_epochs", "decay_rate"):
        if name in overrides and regimen.schedule in ("cosine", "one-cycle", "sgdr", "constant"):
            raise UserError(f"--set {name} goes with schedule=step, not with {regimen.schedule}.")
    return regimen, settings


def like(name: str, recipe: Recipe, known: Mapping[str, Setting]) -> Setting:
    """The value that the setting has so far.

    Raises:
        UserError: neither regimen nor recipe has it.
    """
    if name not in known:
        raise UserError(f"Recipe '{recipe.name}' has no setting '{name}'. {did_you_mean(name, known)}")
    return known[name]


KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
"""What a setting of each type takes, in words."""


def fitting(name: str, value: object, known: Setting) -> Setting:
    """`value` with the very type of `known`: a checkpoint with a subclass of it, as numpy's, could not be loaded.

    Raises:
        UserError: it has another type.
    """
    kind: Any = type(known)
    takes: dict[Any, Any] = {bool: bool, int: Integral, float: Real, str: str}
    if isinstance(value, takes[kind]) and isinstance(value, bool) == (kind is bool):
        with suppress(OverflowError):
            made: Setting = kind(value)
            return made
    raise UserError(
        f"Setting '{name}' takes {KINDS[kind]} such as {known!r}, got {str(value)[:60]!r} ({type(value).__name__})."
    )


def plain(name: str, value: object, recipe: Recipe) -> Setting:
    """A recipe's value as one of Python's own types.

    Raises:
        UserError: it is neither a number nor text nor true or false.
    """
    kinds: tuple[tuple[Any, Setting], ...] = ((bool, False), (Integral, 0), (Real, 0.0), (str, ""))
    for kind, known in kinds:
        if isinstance(value, kind):
            return fitting(name, value, known)
    raise UserError(
        f"Recipe '{recipe.name}': setting '{name}' must be a number, text, true or false, got {value!r:.60}."
    )


MOST = 10**9
"""Beyond which a whole number is taken for a mistake."""

MOST_MINIVAL = 0.5
"""Largest share of the training images that may be held out."""


MOST_REPEATS = 100


def check(regimen: Regimen) -> None:
    """Refuse values that can't be trained with.

    Raises:
        UserError: names the value and its range.
    """
    at_least = {"epochs": 1, "batch_size": 2, "lr_batch_size": 1, "cycles": 1, "repeats": 1}
    for field in fields(regimen):
        value = getattr(regimen, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"--set {field.name} must be a finite number, got {value}.")
        if isinstance(value, int) and value > MOST:
            raise UserError(f"--set {field.name} must be at most {MOST:,}.")
        if isinstance(value, (int, float)) and value < at_least.get(field.name, 0):
            raise UserError(f"--set {field.name} must be at least {at_least.get(field.name, 0)}, got {value}.")
    for name in ("label_smoothing", "crop_scale_min", "drop_path", "dropout", "ema_decay", "size_range"):
        if getattr(regimen, name) >= 1:
            raise UserError(f"--set {name} must be under 1, got {getattr(regimen, name)}.")
    if not 0 < regimen.layer_decay <= 1:
        raise UserError(f"--set layer_decay must be over 0 and at most 1, got {regimen.layer_decay}.")
    if regimen.minival > MOST_MINIVAL:
        raise UserError(f"--set minival must be at most {MOST_MINIVAL}, got {regimen.minival}.")
    if regimen.patience and not regimen.minival:
        raise UserError("--set patience asks for a minival accuracy, which --set minival=0 leaves out.")
    for name in ("input_size", "start_size"):
        if getattr(regimen, name) > LARGEST_INPUT:
            raise UserError(f"--set {name} must be at most {LARGEST_INPUT}, got {getattr(regimen, name)}.")
    if not re.fullmatch(r"all|head|last-[1-9]\d{0,3}", regimen.tune):
        raise UserError(f"--set tune takes all, head, or last-N for the last N blocks, got '{regimen.tune}'.")
    if regimen.repeats > MOST_REPEATS:
        raise UserError(f"--set repeats must be at most {MOST_REPEATS}, got {regimen.repeats}.")
    if regimen.micro_batch == 1:
        raise UserError("--set micro_batch must be at least 2, or 0 for the whole batch.")
    if regimen.schedule != "sgdr" and regimen.cycles > 1:
        raise UserError(f"--set cycles goes with schedule=sgdr, not with {regimen.schedule}.")
