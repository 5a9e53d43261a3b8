"""Free photos for use without a data set. They come with scikit-image, which imagecorruptions brings."""

import importlib.util
from pathlib import Path

from PIL import Image, ImageOps

from robustbench_cls.core.errors import UserError
from robustbench_cls.data.decode import decode_rgb
from robustbench_cls.data.source import EXTENSIONS

NAMES = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg")
"""The photos: a cat, a cup (CC0), an astronaut and a rocket (NASA, SpaceX; public domain)."""


def sample_photos() -> list[Path]:
    """The files of the sample photos.

    Raises:
        UserError: scikit-image is not installed, or lacks the photos.
    """
    spec = importlib.util.find_spec("skimage")
    root = Path(spec.origin).parent / "data" if spec and spec.origin else Path("skimage/data")
    files = [root / name for name in NAMES if (root / name).is_file()]
    if not files:
        raise UserError(f"{root} has none of {', '.join(NAMES)}. Name photos of your own.")
    return files


def read_photo(file: Path) -> Image.Image:
    """A photo as Pillow RGB.

    Raises:
        UserError: it can't be read.
    """
    try:
        return decode_rgb(file.read_bytes(), str(file))
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror or error}.") from error


def photos(folder: Path | None, count: int, size: int) -> list[Image.Image]:
    """`count` photos, cut to their centre square and resized to `size` px.

    They are evenly spread over the images below `folder`; without a folder they are the sample photos. Where there
    are fewer than `count`, mirrored copies make up the rest.

    Raises:
        UserError: the folder holds no images, or one can't be read.
    """
    files = (
        sample_photos() if folder is None else sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS)
    )
    if not files:
        raise UserError(f"No images ({', '.join(EXTENSIONS)}) in {folder} or the folders below it.")
    chosen = [files[i * len(files) // count] if count <= len(files) else files[i % len(files)] for i in range(count)]
    squares = [ImageOps.fit(read_photo(file), (size, size)) for file in chosen]
    return [ImageOps.mirror(square) if i // len(files) % 2 else square for i, square in enumerate(squares)]
