"""The training images of a recipe: those of the data set, and those in folders that its settings name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import pathsep
from pathlib import Path

import numpy as np

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.core.recipe import Recipe, Setting
from robustbench_cls.core.run import names_sha256
from robustbench_cls.data.label_spaces import to_head
from robustbench_cls.data.locate import open_split, split_in
from robustbench_cls.data.source import ImageSource, joined_sources, open_source


@dataclass(frozen=True)
class Sources:
    """All training images, and a digest of them; labels are indices of the data set's own classes."""

    images: ImageSource
    class_names: tuple[str, ...]
    fingerprint: str


def open_sources(root: Path, recipe: Recipe, settings: Mapping[str, Setting], limit: int) -> Sources:
    """The training images.

    Args:
        root: of the data set.
        limit: keyed images that are taken; 0 for all.

    Raises:
        UserError: a folder is missing or empty, or has other classes.
    """
    sources = [_training_source(root), *_further(recipe, settings), *_unlabelled(recipe, settings)]
    whole = joined_sources([_in_classes_of(sources[0], source) for source in sources])
    named = [Path(str(settings[name])) for name in recipe.pictures if settings[name]]
    pictures = [open_source(folder, labelled=False) for folder in named]
    names = [source.fingerprint for source in (*sources, *pictures)]
    if limit:
        whole = whole.take(keyed_subset(whole.ids, limit, seed=0))
        names.append(str(limit))
    return Sources(whole, sources[0].class_names, names_sha256(tuple(names)))


def _training_source(root: Path) -> ImageSource:
    training = open_split(root, "train")
    if len(training.class_names) < 2:
        raise UserError(f"{training.path} has {len(training.class_names)} class; a classifier needs at least two.")
    path = Path(training.path)
    filled = {image_id.partition("/")[0] for image_id in training.ids}
    empty = [folder.name for folder in path.iterdir() if folder.is_dir() and folder.name not in filled]
    if empty and path != root:
        raise UserError(
            f"{path} has class folders without images ({', '.join(sorted(empty)[:5])}). Fill or delete them."
        )
    return training


def _further(recipe: Recipe, settings: Mapping[str, Setting]) -> list[ImageSource]:
    """The training images in the folders that the recipe's settings name."""
    found = []
    for name in recipe.folders:
        folders = [Path(text) for text in str(settings[name]).split(pathsep) if text]
        if not folders:
            raise UserError(
                f"Recipe '{recipe.name}' learns from a second folder of training images. Name it: --set {name}=FOLDER."
            )
        found += [open_source(*(split_in(folder, "train") or (folder, ""))) for folder in folders]
    return found


def _unlabelled(recipe: Recipe, settings: Mapping[str, Setting]) -> list[ImageSource]:
    """The images without labels in the folders that the recipe's settings name, where they name any."""
    named = [Path(str(settings[name])) for name in recipe.unlabelled if settings[name]]
    sources = [open_source(folder, labelled=False) for folder in named]
    return [replace(source, labels_N=np.full(len(source), -1), class_names=()) for source in sources]


def _in_classes_of(first: ImageSource, source: ImageSource) -> ImageSource:
    if source is first or not source.class_names:
        return source
    mapping = to_head(source.class_names, first.class_names, source.path)
    return replace(source, labels_N=mapping[source.labels_N], class_names=first.class_names)
