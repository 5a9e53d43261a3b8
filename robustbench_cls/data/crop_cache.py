"""Crops on disk: every image is decoded and cut once, for all conditions, models and later runs.

    CROPS/<key>/crops.u8        N x H x W x 3 bytes, memory-mapped
    CROPS/<key>/crops.crc32     N checksums
    CROPS/<key>/manifest.json   which images they are crops of

The key is a digest of where the data is, the data's fingerprint, the images that are taken and the protocol's crop. A
folder is written under a temporary name and then renamed, so a folder that exists is complete. A lock makes the second
of two processes wait for the first. A process checks each crop against its checksum when it first reads it.

Why raw bytes and not an image format? Reading an image, in any order, must cost nothing beside a forward pass.
"""

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.files import locked, write_json
from robustbench_cls.core.progress import notice, progress_bar
from robustbench_cls.core.run import names_sha256
from robustbench_cls.core.suite import Protocol
from robustbench_cls.core.workers import thread_pool
from robustbench_cls.data.crops import crop_of
from robustbench_cls.data.source import ImageSource

FORMAT = 1
PIXELS = "crops.u8"
CHECKSUMS = "crops.crc32"
MANIFEST = "manifest.json"

SPARE = 1 << 30
"""Bytes of the disk that are left free: crops are stored only where more room than this stays."""


@dataclass(frozen=True)
class _Stored:
    """Crops on disk.

    Attributes:
        place: their folder.
        pixels_NHW3: the crops.
        checksums_N: CRC-32 of each.
        found_N: 1 for those found to be as their checksum says, -1 for those found to be not, 0 before that.
    """

    place: Path
    pixels_NHW3: UInt8Image
    checksums_N: npt.NDArray[np.uint32]
    found_N: npt.NDArray[np.int8]

    @classmethod
    def open(cls, place: Path, shape: tuple[int, ...]) -> "_Stored":
        """The crops in a folder that holds them whole."""
        checksums_N = np.fromfile(place / CHECKSUMS, np.uint32)
        return cls(
            place, np.memmap(place / PIXELS, np.uint8, "r", shape=shape), checksums_N, np.zeros(shape[0], np.int8)
        )

    def crop(self, index: int) -> UInt8Image | None:
        """Crop `index`, or None where it has changed on the disk."""
        crop_HW3: UInt8Image = self.pixels_NHW3[index]
        if not self.found_N[index]:
            self.found_N[index] = 1 if zlib.crc32(crop_HW3.data) == self.checksums_N[index] else -1
            if self.found_N[index] < 0:
                notice(f"A crop in {self.place} has changed on the disk; its image is decoded anew. Delete the folder.")
        return crop_HW3 if self.found_N[index] > 0 else None


@dataclass(frozen=True)
class Crops:
    """The crops of a source's images by position, from the cache. Without a cache, each call decodes the image."""

    source: ImageSource
    protocol: Protocol
    stored: "_Stored | None" = None

    def __len__(self) -> int:
        return len(self.source)

    @property
    def checksum(self) -> tuple[str, str] | None:
        """A digest of what is stored, and a checksum of its pixels; None where nothing is."""
        if self.stored is None:
            return None
        return self.stored.place.name, f"{zlib.crc32(self.stored.checksums_N.tobytes()):08x}"

    def __getitem__(self, index: int) -> UInt8Image:
        """Crop `index`, uint8 HW3. Do not modify it.

        Raises:
            UserError: the image can't be read; the message names it.
        """
        if self.stored is not None and (stored_HW3 := self.stored.crop(index)) is not None:
            return stored_HW3
        return _crop(self.source, index, self.protocol)


def open_crops(source: ImageSource, protocol: Protocol, folder: Path | None, threads: int, *, progress: bool) -> Crops:
    """Open the crops of a source. If they are not in `folder` yet, decode all images and store them there first.

    Nothing is stored where `folder` is None, has no room or can't be written, or where the protocol does not crop.

    Raises:
        UserError: an image can't be read; the message names it.
    """
    if folder is None or not protocol.crop or not len(source):
        return Crops(source, protocol)
    about = _about(source, protocol)
    place = folder / names_sha256((json.dumps(about),))[:20]
    try:
        with locked(place.with_suffix(".lock"), wait=True):
            if not _is_there(place, about, source):
                if not _has_room(place, about):
                    return Crops(source, protocol)
                _store(place, about, source, protocol, threads, progress)
    except OSError as error:
        notice(f"{place}: {error.strerror or error}. Images are decoded for each condition instead.")
        return Crops(source, protocol)
    return Crops(source, protocol, _Stored.open(place, tuple(about["shape"])))


def _crop(source: ImageSource, index: int, protocol: Protocol) -> UInt8Image:
    return crop_of(source.data(index), source.name(index), protocol)


def _about(source: ImageSource, protocol: Protocol) -> dict[str, Any]:
    """Fields that change the cached pixels."""
    size = protocol.crop or 0
    return {
        "format": FORMAT,
        "path": str(Path(source.path).resolve()),
        "fingerprint": source.fingerprint,
        "ids_sha256": names_sha256(source.ids),
        "shape": [len(source), size, size, 3],
        "resize": protocol.resize,
        "interpolation": protocol.interpolation,
        "decoder": protocol.decoder,
    }


def _is_there(place: Path, about: dict[str, Any], source: ImageSource) -> bool:
    """Whether complete crops of these very files are stored. Crops of older files are removed."""
    if not place.is_dir():
        return False
    try:
        told = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        whole = (place / PIXELS).stat().st_size == int(np.prod(about["shape"]))
        whole &= (place / CHECKSUMS).stat().st_size == 4 * len(source)
    except (OSError, ValueError):
        told, whole = {}, False
    if whole and told == {**about, "stamp": source.stamp}:
        return True
    changed = f"Images in {source.path} have changed since their crops were stored"
    notice(f"{changed if whole else f'The crops in {place} are damaged'}. Storing them anew.")
    shutil.rmtree(place)
    return False


def _has_room(place: Path, about: dict[str, Any]) -> bool:
    needed, free = int(np.prod(about["shape"])), shutil.disk_usage(place.parent).free
    if needed + SPARE <= free:
        return True
    notice(
        f"Crops take {needed / 1e9:.1f} GB, and {place.parent} has {free / 1e9:.1f} GB free, of which 1 GB is left "
        "alone. Images are decoded for each condition instead; --crops names another folder."
    )
    return False


def _store(
    place: Path, about: dict[str, Any], source: ImageSource, protocol: Protocol, threads: int, progress: bool
) -> None:
    for leftover in place.parent.glob(f".{place.name}.*"):  # a killed process left it, since we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    size = int(np.prod(about["shape"])) / 1e6
    if progress:
        notice(f"Storing {len(source)} crops, {size:.0f} MB, in {place}, for all conditions and later runs.")
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        _reserve(temporary / PIXELS, int(np.prod(about["shape"])))
        crops_NHW3 = np.memmap(temporary / PIXELS, np.uint8, "r+", shape=tuple(about["shape"]))
        with progress_bar(len(source), 0, f"crops of {source.path}", show=progress) as bar:
            checksums_N = _fill(crops_NHW3, source, protocol, threads, bar.update)
        crops_NHW3.flush()
        checksums_N.tofile(temporary / CHECKSUMS)
        write_json(temporary / MANIFEST, {**about, "stamp": source.stamp})
        temporary.chmod(0o755)
        temporary.rename(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _reserve(path: Path, size: int) -> None:
    """Make a file of this size and take its disk space. If space ran out later, the process would be killed."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)


def _fill(
    crops_NHW3: UInt8Image, source: ImageSource, protocol: Protocol, threads: int, advance: Callable[[int], object]
) -> npt.NDArray[np.uint32]:
    """Fill in all crops, and give their checksums."""
    checksums_N = np.zeros(len(source), np.uint32)

    def fill(index: int) -> None:
        crop_HW3 = np.ascontiguousarray(_crop(source, index, protocol))
        crops_NHW3[index], checksums_N[index] = crop_HW3, zlib.crc32(crop_HW3.data)

    with thread_pool(threads) as pool:
        for _ in pool.map(fill, range(len(source))):
            advance(1)
    return checksums_N
