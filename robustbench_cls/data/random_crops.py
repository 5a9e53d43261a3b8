"""Random crops of training images, drawn by a key: the window, then its pixels with no more decoded than it needs."""

import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.data.crops import interpolation_mode
from robustbench_cls.data.decode import decode_jpeg, decode_jpeg_top, decode_rgb, jpeg_shape
from robustbench_cls.data.resize import SUPPORT, Interpolation, Pixels, Window, resized_window, working_pixels

RATIOS = 3 / 4, 4 / 3
"""Least and greatest width of a window, as a multiple of its height."""

TRIES = 10


@dataclass(frozen=True)
class Crop:
    """A window of an image in px, `left` and `top` being its corner, and whether it is mirrored."""

    top: int
    left: int
    height: int
    width: int
    mirrored: bool


@dataclass(frozen=True)
class CropRule:
    """How crops are drawn.

    Attributes:
        scale_min: least area of a window, as a fraction of the image.
        padding: px around the image, of which a window of the image's own size is taken; 0 for resized crops.
        interpolation: of resizing.
    """

    scale_min: float
    padding: int
    interpolation: str

    def draw(self, shape: tuple[int, int], key: Key) -> Crop:
        """The window of one image of this height and width.

        Source: torchvision's `RandomResizedCrop` and `RandomHorizontalFlip`, or its `RandomCrop` with padding. The
        draws come from a generator of the key's own.
        """
        draws = random.Random(key.integer(64))
        mirrored = draws.random() < 0.5
        height, width = shape
        if self.padding:
            top, left = (int(draws.random() * (2 * self.padding + 1)) - self.padding for _ in range(2))
            return Crop(top, left, height, width, mirrored)
        for _ in range(TRIES):
            area = height * width * draws.uniform(self.scale_min, 1.0)
            ratio = math.exp(draws.uniform(math.log(RATIOS[0]), math.log(RATIOS[1])))
            wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < wide <= width and 0 < high <= height:
                top = int(draws.random() * (height - high + 1))
                return Crop(top, int(draws.random() * (width - wide + 1)), high, wide, mirrored)
        wide = min(width, round(height * RATIOS[1]))
        high = min(height, round(width / RATIOS[0]))
        return Crop((height - high) // 2, (width - wide) // 2, high, wide, mirrored)

    def cut(self, pixels: Pixels, crop: Crop, size: int, out_HW3: UInt8Image) -> None:
        """Write the window, resized to `size` px, with Pillow's pixels."""
        if self.padding:
            pixels = _shifted(pixels, crop)
            crop = Crop(0, 0, crop.height, crop.width, crop.mirrored)
        if (crop.height, crop.width) == (size, size):
            own_HW3 = pixels.image[crop.top : crop.top + size, crop.left : crop.left + size]
            out_HW3[:] = own_HW3[:, ::-1] if crop.mirrored else own_HW3
        elif self.interpolation in SUPPORT:
            rows, columns = Window(crop.height, size, 0, size), Window(crop.width, size, 0, size)
            way: Interpolation = self.interpolation
            corner = crop.top, crop.left
            resized_window(pixels, rows, columns, way, corner=corner, mirrored=crop.mirrored, out_HW3=out_HW3)
        else:
            window_HW3 = pixels.image[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
            filter_ = Image.Resampling[interpolation_mode(self.interpolation).value.upper()]
            resized_HW3 = np.asarray(Image.fromarray(window_HW3).resize((size, size), filter_))
            out_HW3[:] = resized_HW3[:, ::-1] if crop.mirrored else resized_HW3

    def cut_file(self, data: bytes, name: str, key: Key, size: int, out_HW3: UInt8Image) -> None:
        """Draw the window of an encoded image and write its pixels; of a JPEG photo, no row below it is decoded.

        Raises:
            UserError: the file is not a readable image; `name` is what messages call it.
        """
        if (shape := jpeg_shape(data)) is not None:
            crop = self.draw(shape, key)
            pixels = decode_jpeg(data) if self.padding else decode_jpeg_top(data, crop.top + crop.height)
            if pixels is not None:
                self.cut(pixels, crop, size, out_HW3)
                return
        pixels = as_pixels(decode_rgb(data, name))
        self.cut(pixels, self.draw((pixels.height, pixels.width), key), size, out_HW3)


def as_pixels(image: Image.Image) -> Pixels:
    """An RGB image's pixels, in the thread's working memory."""
    pixels = working_pixels("decoded", image.height, image.width)
    pixels.image[:] = np.asarray(image)
    return pixels


def _shifted(pixels: Pixels, crop: Crop) -> Pixels:
    """The image as seen through a window of its own size whose corner lies elsewhere; what is outside is black."""
    height, width = pixels.height, pixels.width
    moved = working_pixels("shifted", height, width)
    moved.image[:] = 0
    rows, columns = (_seen(start, side) for start, side in ((crop.top, height), (crop.left, width)))
    to_rows, to_columns = (
        slice(part.start - start, part.stop - start) for part, start in ((rows, crop.top), (columns, crop.left))
    )
    moved.image[to_rows, to_columns] = pixels.image[rows, columns]
    return moved


def _seen(start: int, side: int) -> slice:
    """The part of `side` pixels that a window as long sees from `start` on: nothing where it lies outside."""
    first = min(max(start, 0), side)
    return slice(first, max(first, min(start + side, side)))
