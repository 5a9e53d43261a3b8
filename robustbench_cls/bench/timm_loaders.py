"""Training images made by timm: `create_dataset` and `create_loader`, set to augment as a recipe of this package does.

timm normalises either where the model runs, after workers have handed over whole levels (its prefetcher), or in its
workers. Each way is measured. Both go on from one epoch to the next without a pause (`use_multi_epochs_loader`).
"""

from collections.abc import Generator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import torch
from timm.data import AugMixDataset, FastCollateMixup, Mixup, create_dataset, create_loader
from timm.data.auto_augment import (
    AugMixAugment,
    AutoAugment,
    RandAugment,
    augment_and_mix_transform,
    auto_augment_transform,
    rand_augment_transform,
)
from timm.data.constants import IMAGENET_DEFAULT_MEAN
from timm.data.transforms import str_to_pil_interp

from robustbench_cls.core.recipe import Recipe, Setting
from robustbench_cls.data.source import EXTENSIONS, ImageSource
from robustbench_cls.models.classifier import Preprocessing
from robustbench_cls.recipes.posterize import keep_one_bit

Batches: TypeAlias = Generator[tuple[torch.Tensor, int], None, None]
"""Normalised images, and of how many photos they are: the views of one count once."""

PREFETCHER, IN_WORKERS = "timm, prefetcher", "timm, workers normalise"
WAYS = (PREFETCHER, IN_WORKERS)

RED, GREEN, BLUE = (round(255 * value) for value in IMAGENET_DEFAULT_MEAN)
MEAN_COLOUR = RED, GREEN, BLUE


@dataclass(frozen=True)
class Peer:
    """A recipe in timm's words.

    Attributes:
        policy: timm's name of its augmentation; empty for none.
        fill: colour of pixels from outside the image; None for the default of timm's augmentations alone.
        interpolation: of rotations, shears and shifts; empty for that default.
        jitter: of colours; None for none.
        erase, erase_mode, erase_count: of random erasing.
        mixup, cutmix, switch: the two alphas, and the share of batches that get CutMix.
        views: of an image, itself included.
    """

    policy: str = ""
    fill: tuple[int, int, int] | None = None
    interpolation: str = ""
    jitter: float | None = None
    erase: float = 0.0
    erase_mode: str = "pixel"
    erase_count: int = 1
    mixup: float = 0.0
    cutmix: float = 0.0
    switch: float = 0.5
    views: int = 1


def peer_of(recipe: Recipe) -> Peer | None:
    """The recipe with its default settings in timm's words; None where timm has no such thing."""
    own = recipe.settings
    told = Peer(
        policy=str(own.get("config", "")),
        erase=_number(own, "erase_probability"),
        erase_mode=str(own.get("erase_mode", "pixel")),
        erase_count=int(own.get("erase_count", 1)),
        mixup=_number(own, "mixup_alpha"),
        cutmix=_number(own, "cutmix_alpha"),
        switch=_number(own, "switch"),
    )
    filled = replace(told, fill=MEAN_COLOUR, interpolation="bicubic")
    known = {
        **dict.fromkeys(("baseline", "randaugment", "autoaugment", "random-erasing", "mixup-cutmix"), told),
        "three-augment": replace(told, policy="3a", jitter=_number(own, "jitter")),
        "mixup": replace(told, mixup=_number(own, "alpha")),
        "cutmix": replace(told, cutmix=_number(own, "alpha")),
        "effnet-ra": replace(filled, interpolation=""),
        **dict.fromkeys(("deit", "rsb-a1", "rsb-a2", "rsb-a3"), filled),
        "augmix": replace(told, policy=_augmix(own), interpolation="bilinear", views=int(own.get("views", 1))),
    }
    return known.get(recipe.name)


def _augmix(settings: Mapping[str, Setting]) -> str:
    depth = int(settings.get("depth", -1))
    chosen = f"-d{depth}" if depth > 0 else ""  # without it the depth is drawn
    return f"augmix-m{settings.get('severity')}-w{settings.get('width')}{chosen}-a{settings.get('alpha')}"


def _number(settings: Mapping[str, Setting], name: str) -> float:
    return float(settings.get(name, 0))


def timm_dataset(source: ImageSource, split: str, cache: Path) -> Any:
    """timm's dataset of the same images.

    Args:
        split: of parquet files; empty for a folder of class folders.
        cache: folder in which the library `datasets` keeps its copy of parquet files.
    """
    if not split:
        return create_dataset("", root=source.path, search_split=False, input_key=";".join(EXTENSIONS))
    image, label, _ = source.reader.columns
    return create_dataset(f"hfds/{source.path}", root=str(cache), split=split, input_key=image, target_key=label)


def timm_batches(
    dataset: Any, peer: Peer, own: Preprocessing, classes: int, batch_size: int, workers: int, way: str
) -> Batches:
    """Batches without end.

    Args:
        own: size, interpolation and normalisation.
        classes: of the data set, for mixing.
        way: one of `WAYS`.
    """
    prefetch = way == PREFETCHER
    dataset = copy(dataset)
    dataset.transform = None
    mixing = {
        "mixup_alpha": peer.mixup,
        "cutmix_alpha": peer.cutmix,
        "switch_prob": peer.switch,
        "label_smoothing": 0.0,
        "num_classes": classes,
    }
    mixed = peer.mixup > 0 or peer.cutmix > 0
    loader = create_loader(
        AugMixDataset(dataset, num_splits=peer.views) if peer.views > 1 else dataset,
        input_size=own.input_size,
        batch_size=batch_size,
        is_training=True,
        re_prob=peer.erase,
        re_mode=peer.erase_mode,
        re_count=peer.erase_count,
        color_jitter=peer.jitter,
        auto_augment=peer.policy or None,
        num_aug_splits=peer.views if peer.views > 1 else 0,
        interpolation=own.interpolation,
        mean=own.mean,
        std=own.std,
        num_workers=workers,
        collate_fn=FastCollateMixup(**mixing) if mixed and prefetch else None,
        device=torch.device("cpu"),
        use_prefetcher=prefetch,
        use_multi_epochs_loader=True,
    )
    if peer.policy:
        _set_policy(loader.dataset, _policy(peer, own.input_size))
    mix = Mixup(**mixing) if mixed and not prefetch else None
    while True:
        for images, targets in loader:
            if isinstance(images, list):  # views that workers have not joined
                images = torch.cat(images)
            yield images if mix is None else mix(images, targets)[0], len(images) // peer.views


def _policy(peer: Peer, size: int) -> Any:
    """timm's augmentation with the recipe's fill colour and interpolation."""
    settings: dict[str, Any] = {"translate_const": int(size * 0.45), "translate_pct": 0.3}
    if peer.fill is not None:
        settings["img_mean"] = peer.fill
    if peer.interpolation:
        settings["interpolation"] = str_to_pil_interp(peer.interpolation)
    kind = peer.policy.partition("-")[0]
    make = {"augmix": augment_and_mix_transform, "rand": rand_augment_transform}.get(kind, auto_augment_transform)
    made: Any = make(peer.policy, settings)
    keep_one_bit(made.ops if kind in ("augmix", "rand") else chain.from_iterable(made.policy))
    return made


def _set_policy(dataset: Any, policy: Any) -> None:
    """Put the policy in the place of the one that the loader made."""
    transform = dataset.augmentation if isinstance(dataset, AugMixDataset) else dataset.transform
    kinds = (AutoAugment, RandAugment, AugMixAugment)
    transform.transforms = [policy if isinstance(step, kinds) else step for step in transform.transforms]
