"""Photos to measure on: the user's own, or made ones with a photo's spectrum, flat areas and edges."""

from pathlib import Path

import numpy as np

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.core.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def load_photos(count: int, size: int, folder: Path | None) -> list[UInt8Image]:
    """`count` uint8 RGB images of size x size px: from `folder` at any depth, evenly spread, or made.

    Raises:
        UserError: the folder holds no images.
    """
    if folder is None:
        return [made_photo(size, number) for number in range(count)]
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise UserError(f"No images ({', '.join(SUFFIXES)}) in {folder} or the folders below it.")
    return [_read(files[i * len(files) // count], size) for i in range(min(count, len(files)))]


def made_photo(size: int, number: int) -> UInt8Image:
    """Coloured 1/f noise under a gradient, with a disk and a bar: the same for the same number."""
    draws = np.random.default_rng([size, number])
    y_HW, x_HW = np.mgrid[:size, :size] / size
    frequency_HW = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    white_HW3 = draws.normal(size=(size, size, 3)) + 2 * draws.normal(size=(size, size, 1))
    spectrum_HW3 = np.fft.fft2(white_HW3, axes=(0, 1)) / np.maximum(frequency_HW, 1 / size)[..., None]
    texture_HW3 = np.fft.ifft2(spectrum_HW3, axes=(0, 1)).real
    values_HW3 = 110 + 30 * texture_HW3 / texture_HW3.std() + 60 * (0.5 - y_HW)[..., None]
    values_HW3[(y_HW - 0.6) ** 2 + (x_HW - 0.4) ** 2 < 0.04] = draws.integers(20, 235, 3)
    values_HW3[(abs(y_HW - 0.5) < 0.3) & (abs(x_HW - 0.8) < 0.05)] = 230
    photo_HW3: UInt8Image = np.clip(values_HW3, 0, 255).astype(np.uint8)
    return photo_HW3


def _read(file: Path, size: int) -> UInt8Image:
    from PIL import Image, ImageOps

    try:
        return np.array(ImageOps.fit(Image.open(file).convert("RGB"), (size, size)))
    except OSError as error:
        raise UserError(f"{file} can't be read as an image ({error}).") from error
