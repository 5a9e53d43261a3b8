"""The pictures that PixMix mixes images with: fractals that are drawn here, or the images in a folder.

As in the published program, a picture's shorter side is resized to 8/7 of the images' side (256 px for 224, and 36 for
32), and a window of it is drawn. Fractals are drawn at that side.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.data.decode import decode_rgb
from robustbench_cls.data.source import EXTENSIONS
from robustbench_cls.recipes.fractals import fractal

KEPT = 500
"""Pictures of a folder that a process keeps, each some 250 kB at 224 px; others are decoded whenever they are drawn."""


class Draw(NamedTuple):
    """A picture and its window, in fractions of what there is to choose from."""

    picture: float
    top: float
    left: float


@dataclass(frozen=True)
class Pictures:
    """Pictures to mix with.

    Attributes:
        size: side in px of the windows.
        fractals: how many are drawn.
        files: images of the user's instead; none for fractals.
    """

    size: int
    fractals: int
    files: tuple[Path, ...]

    def crop(self, draw: Draw) -> UInt8Image:
        """The window of a picture.

        Raises:
            UserError: the picture's file is no image.
        """
        side = self.size * 8 // 7
        if self.files:
            picture_HW3 = read_picture(self.files[int(draw.picture * len(self.files))], side)
        else:
            picture_HW3 = kept_fractal(int(draw.picture * self.fractals), side)
        rows, columns = picture_HW3.shape[0] - self.size, picture_HW3.shape[1] - self.size
        top, left = int(draw.top * (rows + 1)), int(draw.left * (columns + 1))
        window_HW3 = np.ascontiguousarray(picture_HW3[top : top + self.size, left : left + self.size])
        window_HW3.setflags(write=False)  # as Pillow's pixels are, or kernels would be compiled for both kinds
        return window_HW3


kept_fractal = cache(fractal)
"""As `fractal`; the process keeps each picture."""


@lru_cache(maxsize=KEPT)
def read_picture(file: Path, side: int) -> UInt8Image:
    """The image in a file, its shorter side resized to `side` px.

    Raises:
        UserError: it can't be read.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror or error}.") from error
    picture = decode_rgb(data, str(file))
    short = min(picture.size)
    size = (side * picture.width // short, side * picture.height // short)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def files_in(folder: str) -> tuple[Path, ...]:
    """The images in a folder and in those below it, sorted by their names, in the same order on every machine.

    Raises:
        UserError: the folder is missing, or holds no images.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UserError(f"There is no folder {root} to take mixing pictures from. Name one, or none to mix fractals.")
    files = [path for path in root.rglob("*") if path.suffix.lower() in EXTENSIONS and path.is_file()]
    if not files:
        raise UserError(
            f"{root} holds no mixing pictures ({', '.join(EXTENSIONS)}), and neither do the folders below it. Name "
            "another folder, or none to mix fractals."
        )
    return tuple(sorted(files, key=lambda path: path.relative_to(root).as_posix()))
