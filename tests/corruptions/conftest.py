"""A synthetic photo: coloured 1/f noise, a gradient as of a sky, and shapes with sharp edges."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.core.arrays import UInt8Image

Photo = Callable[..., UInt8Image]


def _photo(height: int = 64, width: int = 64, number: int = 0) -> UInt8Image:
    draws = np.random.default_rng([height, width, number])
    y_H1, x_1W = np.mgrid[:height, :1][0] / height, np.mgrid[:1, :width][1] / width
    frequency_HW = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    white_HW3 = draws.normal(size=(height, width, 3)) + 2 * draws.normal(size=(height, width, 1))
    spectrum_HW3 = np.fft.fft2(white_HW3, axes=(0, 1)) / np.maximum(frequency_HW, 1 / height)[..., None]
    texture_HW3 = np.fft.ifft2(spectrum_HW3, axes=(0, 1)).real
    values_HW3 = 110 + 30 * texture_HW3 / texture_HW3.std() + 60 * (0.5 - y_H1)[..., None]
    values_HW3[(y_H1 - 0.6) ** 2 + (x_1W - 0.4) ** 2 < 0.04] = draws.integers(20, 235, 3)
    values_HW3[np.broadcast_to((abs(y_H1 - 0.5) < 0.3) & (abs(x_1W - 0.8) < 0.05), (height, width))] = 230
    return np.clip(values_HW3, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photo() -> Photo:
    """`photo(height, width, number)`: a uint8 HW3 image, the same each time."""
    return _photo


@pytest.fixture(scope="session")
def cifar(shared: Path) -> list[UInt8Image]:
    """Forty images of CIFAR-10's test split."""
    import pyarrow.parquet as pq

    files = sorted((shared / "data" / "cifar10").glob("test-*.parquet"))
    if not files:
        pytest.skip("needs ../shared/data/cifar10/test-*.parquet, which is not there")
    rows = next(pq.ParquetFile(files[0]).iter_batches(40, columns=["img"]))["img"].to_pylist()
    return [np.array(Image.open(io.BytesIO(row["bytes"])).convert("RGB")) for row in rows]
