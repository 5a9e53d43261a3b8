"""Find the folders of a split's images: below `--data`, or in `datasets/`."""

import json
from dataclasses import dataclass
from pathlib import Path

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import IMAGENET, Suite
from robustbench_cls.data.parquet import SYNONYMS, parquet_files
from robustbench_cls.data.source import ImageSource, open_source

DATASETS = Path("datasets")
TREE_MANIFEST = "corrupted.json"
"""A file in each tree of corrupted images that `robust data corrupt` writes. It says how the tree was made."""

DEFAULT_TRAIN = DATASETS / IMAGENET


@dataclass(frozen=True)
class SuiteData:
    """The folders of one suite.

    Attributes:
        images: the images that the suite measures on; for the published ImageNet-C, the folder of the corruptions.
        reference: clean images of the same classes, or None where there are none.
        published: whether `images` is a tree `<corruption>/<severity>/<class>` of stored corrupted images.
        made_by: the engine that wrote such a tree, or empty for the published files.
        arrays: whether `images` is a folder of the published CIFAR-10-C instead, with an array a corruption.
    """

    images: tuple[Path, str]
    reference: tuple[Path, str] | None
    published: bool = False
    made_by: str = ""
    arrays: bool = False


def foreign_name(suite: Suite, data: Path | None) -> str:
    """The name of the data set in `data`, where it is not the suite's own; empty where it is."""
    if data is None:
        return ""
    folder = data.resolve()
    own = {suite.folder, suite.clean}
    if folder.name not in own and folder.name in {suite.split, *SYNONYMS["val"]}:
        folder = folder.parent
    return "" if folder.name in own else folder.name


def _is_tree_of(suite: Suite, path: Path) -> bool:
    """True for a folder in the layout of the published ImageNet-C, with corruptions of the suite."""
    return any((path / condition.name / str(condition.severity)).is_dir() for condition in suite.conditions)


def _holds_arrays(suite: Suite, folder: Path) -> bool:
    """True for a folder in the layout of the published CIFAR-10-C, with corruptions of the suite."""
    names = {condition.name for condition in suite.conditions}
    return suite.variant == "cifar" and any((folder / f"{name}.npy").is_file() for name in names)


def clean_of(suite: Suite, corrupted: Path) -> tuple[Path, str] | None:
    """Where the clean images of corrupted ones lie, or None: in the same folder, else beside it.

    Beside arrays it is a folder of the data set's name: their labels are compared with it.
    """
    beside = corrupted.parent / suite.clean if _holds_arrays(suite, corrupted) else corrupted.parent
    return split_in(corrupted, "val") or split_in(beside, "val")


def _arrays(suite: Suite, folder: Path, clean: tuple[Path, str] | None) -> SuiteData:
    """A folder of arrays, with the clean images that its labels are checked against.

    Raises:
        UserError: there are no clean images.
    """
    if clean is None:
        raise UserError(
            f"{folder} holds arrays, whose labels are numbers without names. The names are read from the clean images: "
            f"put test-*.parquet of {suite.clean} into {folder.parent / suite.clean}. See datasets/README.md#"
            f"{suite.folder}."
        )
    return SuiteData((folder, ""), clean, published=True, made_by=_made_by(suite, folder), arrays=True)


def _tree(suite: Suite, folder: Path, clean: tuple[Path, str] | None) -> SuiteData:
    """A tree of corrupted images, with the engine that made it.

    Raises:
        UserError: the tree is not one that the suite can read.
    """
    if not (folder / TREE_MANIFEST).exists() and suite.variant != "published":
        raise UserError(f"Suite '{suite.name}' corrupts clean images; {folder} holds published ones. Use imagenet-c.")
    return SuiteData((folder, ""), clean, published=True, made_by=_made_by(suite, folder))


def _made_by(suite: Suite, folder: Path) -> str:
    """The engine and the seed of images that `robust data corrupt` wrote; empty for the published ones.

    Raises:
        UserError: they are unfinished or of another variant, or the manifest is unreadable.
    """
    manifest = folder / TREE_MANIFEST
    if not manifest.exists():
        return ""
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        made_by, variant = f"{told['engine']}, seed {told['seed']}", told["variant"]
        unfinished = {condition.name for condition in suite.conditions} - set(told["finished"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{manifest} can't be read ({error}). Write the tree again into another folder.") from error
    if variant != suite.variant:
        raise UserError(f"{folder} was corrupted as {variant}, but suite '{suite.name}' wants {suite.variant}.")
    if unfinished:
        raise UserError(
            f"{folder} is not finished for {len(unfinished)} corruptions of '{suite.name}', {min(unfinished)} among "
            "them. Go on with robust data corrupt, or measure the others with a suite file of your own."
        )
    return made_by


def split_in(root: Path, split: str) -> tuple[Path, str] | None:
    """Where `split` lies in a data set's root, as folder and split name, or None where it is not there."""
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
        data: a data set's root (with `val/`), one split's folder, a published ImageNet-C tree, a folder of the
            published CIFAR-10-C, or None for the suite's own place in `datasets/`.

    Raises:
        UserError: they are not there. The message says what was expected.
    """
    if data is None:
        return _in_datasets(suite)
    if not data.is_dir():
        raise UserError(f"There is no folder {data}. Give --data a data set's root or one split's folder.")
    if _holds_arrays(suite, data):
        return _arrays(suite, data, clean_of(suite, data))
    if suite.corrupts and _is_tree_of(suite, data):
        return _tree(suite, data, clean_of(suite, data))
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
    root = DATASETS / suite.clean
    clean = split_in(root, "val") if suite.reference else None
    if _holds_arrays(suite, folder):
        return _arrays(suite, folder, clean)
    if suite.corrupts and suite.variant == "published" and _is_tree_of(suite, folder):
        return _tree(suite, folder, clean)
    images = split_in(root, "val") if suite.corrupts else split_in(folder, "val") or _flat(folder)
    if images is None:
        wanted = root / "val" if suite.corrupts else folder
        raise UserError(
            f"Suite '{suite.name}' expects class folders in {wanted}, found none. "
            f"See datasets/README.md#{suite.folder}, or give --data."
        )
    return SuiteData(images, clean)


def _flat(folder: Path) -> tuple[Path, str] | None:
    """The folder itself, if it holds class folders directly, as ImageNet-A does; else None."""
    return (folder, "") if folder.is_dir() and any(entry.is_dir() for entry in folder.iterdir()) else None


def _sibling(data: Path, suite: Suite) -> tuple[Path, str] | None:
    """The `val` split beside one split's folder: it serves as the clean reference."""
    return split_in(data.parent, "val") if suite.reference and data.name == suite.split else None
