"""Sources of labelled images: a folder with one folder for each class, or Hugging Face parquet."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from robustbench_cls.core.errors import UserError
from robustbench_cls.data.decode import decode_rgb
from robustbench_cls.data.parquet import parquet_files, read_rows

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
"""Endings of image files in a class folder, in upper or lower case. Other files are passed over."""

SAMPLED = 32
"""Number of files whose content enters the fingerprint: images that a program drew often have the same file size."""


@dataclass(frozen=True)
class ImageSource:
    """N labelled images, read by position.

    Attributes:
        path: where they come from, for messages.
        class_names: what the source itself calls its classes.
        ids: N names, stable across machines: the path below the split's folder, or the row.
        labels_N: index into `class_names`.
        fingerprint: a digest of names, labels, file sizes and the content of `SAMPLED` files. It is the same on every
            machine.
        stamp: a digest of each file's size and times of change on this machine.
        reader: timm's reader, or the rows of parquet files; `reader[position]` gives an open file and a label.
        positions_N: where each image stands in the reader.
        sizes_N: bytes of each encoded image.
    """

    path: str
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels_N: npt.NDArray[np.int64]
    fingerprint: str
    stamp: str
    reader: Any
    positions_N: npt.NDArray[np.int64]
    sizes_N: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, index: int) -> str:
        """The name of image `index` in messages."""
        return f"{self.path}/{self.ids[index]}"

    def data(self, index: int) -> bytes:
        """The encoded file of image `index`.

        Raises:
            UserError: the file is gone or can't be read. The message names it.
        """
        name = self.name(index)
        try:
            with self.reader[int(self.positions_N[index])][0] as file:
                data: bytes = file.read()
        except OSError as error:
            raise UserError(f"{name} can't be read: {error.strerror or error}.") from error
        except TypeError as error:
            raise UserError(f"{name} holds no image. Leave the row out.") from error
        return data

    def sha256(self, index: int) -> str:
        """A SHA-256 hex digest of the encoded file of image `index`; empty where it can't be read."""
        try:
            return hashlib.sha256(self.data(index)).hexdigest()
        except UserError:  # the image is named when it is needed
            return ""

    def image(self, index: int) -> Image.Image:
        """Image `index`, decoded to RGB.

        Raises:
            UserError: the file is gone or not a readable image; the message names it.
        """
        return decode_rgb(self.data(index), self.name(index))

    def version(self, index: int) -> tuple[int, str]:
        """Which of several joined sources image `index` is from, and a name that its versions in all of them share."""
        folder, slash, file = self.ids[index].rpartition("/")
        return 0, f"{folder}{slash}{file.partition('.')[0]}"

    def take(self, indices: npt.NDArray[np.int64]) -> "ImageSource":
        """A source of only the images at `indices`, in that order."""
        return replace(
            self,
            ids=tuple(self.ids[i] for i in indices),
            labels_N=self.labels_N[indices],
            positions_N=self.positions_N[indices],
            sizes_N=self.sizes_N[indices],
        )


@dataclass(frozen=True)
class _Joined:
    """The readers of several sources, one after the other."""

    sources: Sequence[ImageSource]
    starts: npt.NDArray[np.int64]

    def __getitem__(self, position: int) -> Any:
        number, index = self.place(position)
        source = self.sources[number]
        return source.reader[int(source.positions_N[index])]

    def place(self, position: int) -> tuple[int, int]:
        """The number of the source that holds an image, and the image's index in it."""
        number = int(np.searchsorted(self.starts, position, side="right")) - 1
        return number, position - int(self.starts[number])


@dataclass(frozen=True)
class _JoinedSource(ImageSource):
    """Images of several sources."""

    def name(self, index: int) -> str:
        """The name of image `index` in messages."""
        number, own = self.reader.place(int(self.positions_N[index]))
        return str(self.reader.sources[number].name(own))

    def version(self, index: int) -> tuple[int, str]:
        """As of a single source."""
        number, own = self.reader.place(int(self.positions_N[index]))
        return number, self.reader.sources[number].version(own)[1]


def joined_sources(sources: Sequence[ImageSource]) -> ImageSource:
    """The images of several sources with the same classes; the ids of all but the first begin with their number."""
    if len(sources) == 1:
        return sources[0]
    counts = np.array([len(source) for source in sources], np.int64)
    ids = [f"{number}:{name}" if number else name for number, one in enumerate(sources) for name in one.ids]
    return _JoinedSource(
        path=sources[0].path,
        class_names=sources[0].class_names,
        ids=tuple(ids),
        labels_N=np.concatenate([source.labels_N for source in sources]),
        fingerprint=_digest([source.fingerprint for source in sources]),
        stamp=_digest([source.stamp for source in sources]),
        reader=_Joined(sources, np.cumsum(counts) - counts),
        positions_N=np.arange(int(counts.sum()), dtype=np.int64),
        sizes_N=np.concatenate([source.sizes_N for source in sources]),
    )


def open_source(path: Path, split: str = "", *, labelled: bool = True) -> ImageSource:
    """The images of one split.

    Args:
        path: a folder with one folder for each class, or one with `<split>-*.parquet` files in Hugging Face layout.
        split: the split's name, where `path` holds parquet files.
        labelled: folders are classes; else images may lie in any folders, or in none.

    Raises:
        UserError: there are no images, no class folders, or images beside the class folders.
    """
    if not path.is_dir():
        raise UserError(f"There is no folder {path}. See datasets/README.md for what goes where.")
    if split and (names := parquet_files(path, split)):
        return _open_parquet(path, split, names)
    return _open_folder(path, labelled)


def _open_folder(path: Path, labelled: bool) -> ImageSource:
    from timm.data import create_dataset

    try:
        reader = create_dataset("", root=str(path), search_split=False, input_key=";".join(EXTENSIONS)).reader
    except RuntimeError as error:
        kinds = ", ".join(EXTENSIONS)
        raise UserError(
            f"No images in {path}: expected one folder for each class, with image files in it ({kinds})."
        ) from error
    class_names = tuple(sorted(reader.class_to_idx, key=reader.class_to_idx.__getitem__))
    files = [Path(file) for file, _ in reader.samples]
    loose = sum(file.parent == path for file in files)
    if loose and labelled:
        raise UserError(
            f"{path} holds {loose} images that lie in no class folder. Sort them into one folder for each class."
        )
    _check_links(files)
    ids = tuple(file.relative_to(path).as_posix() for file in files)
    labels_N = np.array([label for _, label in reader.samples], dtype=np.int64)
    try:
        stats = [file.stat() for file in files]
    except OSError as error:
        raise UserError(f"{error.filename} can't be read: {error.strerror}. Is it a broken link?") from error
    sizes_N = np.array([stat.st_size for stat in stats], dtype=np.int64)
    return source_of(str(path), class_names, ids, labels_N, stats, reader, sizes_N)


def _check_links(files: Sequence[Path]) -> None:
    """Refuse a folder that is reached twice through a link: its images would count twice, or without end."""
    seen: dict[Path, Path] = {}
    for folder in dict.fromkeys(file.parent for file in files):
        other = seen.setdefault(folder.resolve(), folder)
        if other != folder:
            raise UserError(f"{folder} and {other} are the same folder through a link. Remove the link.")


def _open_parquet(path: Path, split: str, files: Sequence[Path]) -> ImageSource:
    stats = [file.stat() for file in files]
    reader = read_rows(files, _stamp(stats))
    class_names, labels = reader.columns.class_names, reader.labels()
    without = sum(label is None or not 0 <= label < len(class_names) for label in labels)
    if without:
        raise UserError(
            f"{files[0]}: {without} of {len(labels)} rows have no label. Leave them out, or name a split with labels."
        )
    ids = tuple(f"{split}/{row:07d}" for row in range(len(reader)))
    return source_of(str(path), class_names, ids, np.array(labels, dtype=np.int64), stats, reader, reader.sizes())


def _stamp(stats: Sequence[os.stat_result]) -> str:
    """A digest that changes when a file does. Its time of change, unlike that of its content, can't be set back."""
    return _digest([[stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns] for stat in stats])


def source_of(
    path: str,
    class_names: tuple[str, ...],
    ids: tuple[str, ...],
    labels_N: npt.NDArray[np.int64],
    stats: Sequence[os.stat_result],
    reader: Any,
    sizes_N: npt.NDArray[np.int64],
) -> ImageSource:
    """The images of a reader whose row i is image i, with their fingerprint and stamp; `stats` are of its files.

    Raises:
        UserError: a name is not UTF-8.
    """
    _require_utf_8(path, (*class_names, *ids))
    positions_N = np.arange(len(ids), dtype=np.int64)
    source = ImageSource(path, class_names, ids, labels_N, "", _stamp(stats), reader, positions_N, sizes_N)
    sampled = [source.sha256(int(i)) or "unreadable" for i in np.linspace(0, len(ids) - 1, min(len(ids), SAMPLED))]
    sizes = [stat.st_size for stat in stats]
    return replace(source, fingerprint=_digest([class_names, ids, labels_N.tolist(), sizes, sampled]))


def _require_utf_8(path: str, names: Sequence[str]) -> None:
    """Refuse names that could not be written into results."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise UserError(f"{path} holds the name {name}, which is not UTF-8. Rename it.") from error


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
