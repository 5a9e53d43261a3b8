"""Labelled images in parquet files in Hugging Face layout.

The files that are measured are the files that are read, all of them: the library `datasets` gets their names, and
neither looks for others nor at a README beside them. It keeps a copy of them for quick access, under a key that
changes when a file does.
"""

import glob
import io
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.core.run import names_sha256

SYNONYMS = {"val": ("val", "validation", "test"), "train": ("train",)}
"""Folder or file names that stand for a split, the preferred one first. Other splits have their own name only."""

PART = re.compile(r"-(\d+)-of-(\d+)")
"""In the name of a file that is one of several."""


class Columns(NamedTuple):
    """The columns that count, and the classes that labels stand for."""

    image: str
    label: str
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """The rows of a split, read by position."""

    dataset: Any
    columns: Columns

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> tuple[BinaryIO, int]:
        """The encoded image as an open file, and the label.

        Raises:
            TypeError: the row holds no image.
            OSError: the image is in a file beside, which can't be read.
        """
        told = self.dataset[row]
        image = told[self.columns.image]
        content, path = (image["bytes"], image["path"]) if image is not None else (None, None)
        if content is None and not path:
            raise TypeError("no image")
        return (io.BytesIO(content) if content is not None else Path(str(path)).open("rb")), told[self.columns.label]

    def sizes(self) -> npt.NDArray[np.int64]:
        """Bytes of each encoded image; 0 where it is not in the file."""
        import pyarrow.compute as pc

        chunks = [chunk.field("bytes") for chunk in self.dataset.data.column(self.columns.image).chunks]
        sizes = [pc.fill_null(pc.binary_length(chunk), 0).to_numpy(zero_copy_only=False) for chunk in chunks]
        return np.concatenate([*sizes, np.empty(0)]).astype(np.int64)

    def labels(self) -> list[int | None]:
        """The label of each row; None where it has none."""
        found: list[int | None] = self.dataset[self.columns.label][:]
        return found


def parquet_files(path: Path, split: str) -> list[Path]:
    """The parquet files of a split, under the first of its names that has any."""
    for name in SYNONYMS.get(split, (split,)):
        for folder in (path, path / "data"):
            if files := sorted(folder.glob(f"{name}-*.parquet")) or sorted(folder.glob(f"{name}.parquet")):
                return files
    return []


def read_rows(files: Sequence[Path], stamp: str) -> Rows:
    """The rows of these files, one file after the other.

    Args:
        stamp: another one where a file has changed.

    Raises:
        UserError: a file of the split is missing or can't be read, or the files have no image and label column, or not
            the same classes.
    """
    _require_all_parts(files)
    columns = _columns(files[0])
    for file in files[1:]:
        if _columns(file) != columns:
            raise UserError(
                f"{files[0]} and {file} have other columns or other classes, or classes in another order. Export all "
                "files of a split from one dataset."
            )
    import datasets

    datasets.disable_progress_bars()
    logging.getLogger("datasets").setLevel(logging.ERROR)
    names = [glob.escape(str(file)) for file in files]
    key = names_sha256((stamp, *(str(file.resolve()) for file in files)))[:20]
    try:
        read = datasets.load_dataset("parquet", name=key, data_files={"own": names}, split="own")
        kept = read.select_columns([columns.image, columns.label])
        return Rows(kept.cast_column(columns.image, datasets.Image(decode=False)), columns)
    except (ValueError, TypeError, KeyError, OSError, datasets.exceptions.DatasetsError) as error:
        shown = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more files"
        raise UserError(f"{shown} can't be read ({first_line(error.__cause__ or error)}). Fetch them again.") from error


def _require_all_parts(files: Sequence[Path]) -> None:
    """Refuse a split of which files named `-of-N` are missing, or are of several exports."""
    numbers = [PART.search(file.name) for file in files]
    told = {(int(number[1]), int(number[2])) for number in numbers if number}
    if not told:
        return
    totals = {total for _, total in told}
    if len(totals) > 1 or len(told) < len(files):
        names = ", ".join(file.name for file in files[:4])
        raise UserError(f"{files[0].parent} holds files of several exports ({names}). Keep those of one.")
    (total,) = totals
    missing = sorted(set(range(total)) - {part for part, _ in told})
    if missing:
        raise UserError(
            f"{files[0].parent} lacks {len(missing)} of the {total} files of this split, number {missing[0]} "
            f"(from 0) among them. Fetch them too; numbers of a part would pass for those of the whole."
        )


def _columns(file: Path) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{file} is not a readable parquet file ({first_line(error)}). Fetch it again.") from error
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        images = [name for name, told in features.items() if told.get("_type") == "Image"]
        labels = {name: tuple(told["names"]) for name, told in features.items() if told.get("_type") == "ClassLabel"}
        stored = {name: schema.field(name).type for name in (*images, *labels)}
    except (KeyError, TypeError, ValueError, AttributeError):
        images, labels = [], {}
    if not images or not labels:
        raise UserError(
            f"{file} has no Hugging Face columns of type Image and ClassLabel. Export it with datasets.Dataset."
        )
    for kind, names in (("Image", images), ("ClassLabel", [*labels])):
        if len(names) > 1:
            raise UserError(
                f"{file} has {len(names)} columns of type {kind} ({', '.join(names)}), and it is not known which one "
                "counts. Export it with one: dataset.remove_columns(...)."
            )
    (label,) = labels
    if not pa.types.is_integer(stored[label]) or not pa.types.is_struct(stored[images[0]]):
        raise UserError(
            f"{file} stores images as {stored[images[0]]} and labels as {stored[label]}; expected a struct with bytes "
            "and path, and integers. Export it with datasets.Dataset."
        )
    if not all(isinstance(name, str) for name in labels[label]) or len(set(labels[label])) != len(labels[label]):
        raise UserError(f"{file} has class names that are no text, or one of them twice. Export it again.")
    return Columns(images[0], label, labels[label])
