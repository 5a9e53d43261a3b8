"""Where a split's images are: below `--data`, or in `datasets/`."""

import json
from dataclasses import dataclass
from pathlib import Path

from robustbench_cls.core.corruption import EXTRA, IMAGENET_C
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Suite
from robustbench_cls.data.source import SYNONYMS, ImageSource, open_source, parquet_files

DATASETS = Path("datasets")
TREE_MANIFEST = "corrupted.json"
"""What lies in a tree of corrupted images that was written here, and tells how."""

DEFAULT_TRAIN = DATASETS / "imagenet"


@dataclass(frozen=True)
class SuiteData:
    """The folders of one suite.

    Attributes:
        images: what the suite measures on; for published ImageNet-C the folder of the corruptions.
        reference: clean images of the same classes, or None where there are none.
        published: `images` is a tree `<corruption>/<severity>/<class>` of stored corrupted images.
        made_by: the engine that wrote such a tree, where it was written here; empty for the published files.
    """

    images: tuple[Path, str]
    reference: tuple[Path, str] | None
    published: bool = False
    made_by: str = ""


def is_published_tree(path: Path) -> bool:
    """True for a folder in the layout of the published ImageNet-C."""
    return any((path / name / "1").is_dir() for name in IMAGENET_C + EXTRA)


def _tree(suite: Suite, folder: Path, clean: tuple[Path, str] | None) -> SuiteData:
    """A tree of corrupted images, and who made it.

    Raises:
        UserError: it was made here, and is not finished, not the suite's variant, or does not say so readably.
    """
    manifest = folder / TREE_MANIFEST
    if not manifest.exists():
        if suite.variant != "published":
            raise UserError(
                f"Suite '{suite.name}' corrupts clean images; {folder} holds published ones. Use imagenet-c."
            )
        return SuiteData((folder, ""), clean, published=True)
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        made_by, variant = f"{told['engine']}, seed {told['seed']}", told["variant"]
        unfinished = {condition.name for condition in suite.conditions} - set(told["finished"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{manifest} can't be read ({error}). Write the tree again into another folder.") from error
    if variant != suite.variant:
        raise UserError(f"{folder} was written as {variant}, and suite '{suite.name}' is as {suite.variant}.")
    if unfinished:
        raise UserError(
            f"{folder} is not finished for {len(unfinished)} corruptions of '{suite.name}', {min(unfinished)} among "
            "them. Go on with robust data corrupt, or measure the others with a suite file of your own."
        )
    return SuiteData((folder, ""), clean, published=True, made_by=made_by)


def split_in(root: Path, split: str) -> tuple[Path, str] | None:
    """Folder and split name of `split` in a data set's root, or None."""
    if parquet_files(root, split):
        return root, split
    for name in SYNONYMS.get(split, (split,)):
        # A class may be called "test"; as a split it stands beside train/.
        if (root / name).is_dir() and (name != "test" or (root / "train").is_dir()):
            return root / name, ""
    return None


def find_split(root: Path, split: str) -> tuple[Path, str]:
    """Folder and split name of `split` in a data set's root.

    Raises:
        UserError: the root or the split is not there.
    """
    if not root.is_dir():
        raise UserError(f"There is no data set {root}. Give --data, or see datasets/README.md for what goes where.")
    found = split_in(root, split)
    if found is None:
        raise UserError(
            f"{root} has no {split}/ folder and no {split}-*.parquet. Expected {root / split}/<class>/<image>."
        )
    return found


def open_split(root: Path, split: str) -> ImageSource:
    """The images of one split of a data set's root.

    Raises:
        UserError: the root or the split is not there, or holds no labelled images.
    """
    return open_source(*find_split(root, split))


def open_split_or_folder(data: Path) -> ImageSource:
    """The clean images of a data set's root (its `val` split), or those of one split's folder.

    Raises:
        UserError: there are none.
    """
    return open_source(*(split_in(data, "val") or (data, "")))


def locate(suite: Suite, data: Path | None) -> SuiteData:
    """The folders that `suite` reads.

    Args:
        suite: what to measure.
        data: a data set's root (with `val/`), one split's folder, a published ImageNet-C tree, or None for
            the suite's own place in `datasets/`.

    Raises:
        UserError: they are not there; the message says what was expected.
    """
    if data is None:
        return _in_datasets(suite)
    if not data.is_dir():
        raise UserError(f"There is no folder {data}. Give --data a data set's root or one split's folder.")
    if suite.corrupts and is_published_tree(data):
        return _tree(suite, data, split_in(data.parent, "val"))
    clean = split_in(data, "val") if suite.reference else None
    images = split_in(data, suite.split)
    if images is None and clean is None and not parquet_files(data, "train"):
        return SuiteData((data, ""), (data, "") if suite.corrupts else _sibling(data, suite))
    if images is None:
        raise UserError(
            f"Suite '{suite.name}' reads {data / suite.split}, which is not there. "
            f"Give --data the folder that holds the class folders, or leave the suite out."
        )
    return SuiteData(images, clean)


def _in_datasets(suite: Suite) -> SuiteData:
    folder = DATASETS / suite.folder
    clean = split_in(DEFAULT_TRAIN, "val") if suite.reference else None
    if suite.corrupts and suite.variant == "published" and is_published_tree(folder):
        return _tree(suite, folder, clean)
    images = split_in(DEFAULT_TRAIN, "val") if suite.corrupts else split_in(folder, "val") or _flat(folder)
    if images is None:
        wanted = DEFAULT_TRAIN / "val" if suite.corrupts else folder
        raise UserError(
            f"Suite '{suite.name}' expects class folders in {wanted}, found none. "
            f"See datasets/README.md#{suite.folder}, or give --data."
        )
    return SuiteData(images, clean)


def _flat(folder: Path) -> tuple[Path, str] | None:
    """The folder itself where it holds class folders, as ImageNet-A does."""
    return (folder, "") if folder.is_dir() and any(entry.is_dir() for entry in folder.iterdir()) else None


def _sibling(data: Path, suite: Suite) -> tuple[Path, str] | None:
    """The `val` split beside one split's folder, as the clean reference."""
    return split_in(data.parent, "val") if suite.reference and data.name == suite.split else None
