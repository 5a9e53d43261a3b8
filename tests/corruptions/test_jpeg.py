"""The JPEG step: the pixels that Pillow loads from the file it saved, exactly, in any size, quality and picture."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.corruptions.jpeg import jpeg_file, jpeg_roundtrip
from robustbench_cls.corruptions.jpeg_blocks import divisors

Make = Callable[[np.random.Generator, int, int], UInt8Image]

PICTURES: dict[str, Make] = {
    "noise": lambda draws, height, width: draws.integers(0, 256, (height, width, 3), dtype=np.uint8),
    "binary": lambda draws, height, width: draws.integers(0, 2, (height, width, 3), dtype=np.uint8) * np.uint8(255),
    "flat": lambda draws, height, width: np.full((height, width, 3), draws.integers(0, 256, 3), np.uint8),
    "smooth": lambda draws, height, width: _smooth(draws, height, width),
}

DIGEST = """
from hashlib import sha256
import numpy as np
from robustbench_cls.corruptions.jpeg import jpeg_roundtrip
draws = np.random.default_rng(7)
digest = sha256()
for quality in (5, 50, 85, 100):
    digest.update(jpeg_roundtrip(draws.integers(0, 256, (61, 83, 3), dtype=np.uint8), quality))
print(digest.hexdigest())
"""


def pillows(image_HW3: UInt8Image, quality: int, mode: str = "RGB") -> UInt8Image:
    file = BytesIO()
    Image.fromarray(image_HW3).convert(mode).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).convert("RGB"))


def basis_images() -> UInt8Image:
    """A block for each frequency at its greatest size, 0 and 255, and its negative: 64 x 2 blocks."""
    places = (2 * np.arange(8) + 1) * np.pi / 16
    waves = np.cos(np.outer(np.arange(8), places))
    blocks = np.einsum("ay,bx->aybx", waves, waves).reshape(64, 64) > 0
    both = np.concatenate([blocks, ~blocks], axis=1)
    return np.repeat(both[..., None] * np.uint8(255), 3, axis=2)


def _smooth(draws: np.random.Generator, height: int, width: int) -> UInt8Image:
    walk_HW3 = np.cumsum(np.cumsum(draws.normal(0, 2, (height, width, 3)), axis=0), axis=1)
    return np.clip(128 + walk_HW3, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("picture", PICTURES)
def test_sizes_and_qualities(picture: str):
    draws = np.random.default_rng(sorted(PICTURES).index(picture))
    sizes = [*zip(range(1, 71), draws.permutation(np.arange(1, 71)), strict=True), (1, 1), (1, 5), (3, 4), (4, 3)]
    for height, width in sizes:
        image, quality = PICTURES[picture](draws, height, width), int(draws.integers(1, 101))
        np.testing.assert_array_equal(
            jpeg_roundtrip(image, quality), pillows(image, quality), f"{height} x {width}, quality {quality}"
        )


@pytest.mark.parametrize("size", [(224, 224), (299, 331), (97, 500), (1025, 40)])
def test_larger_images(photo, size: tuple[int, int]):
    for image in (photo(*size), PICTURES["noise"](np.random.default_rng(0), *size)):
        np.testing.assert_array_equal(jpeg_roundtrip(image), pillows(image, 85))


def test_every_quality(photo):
    images = photo(40, 40), PICTURES["noise"](np.random.default_rng(0), 40, 40)
    for quality in range(1, 101):
        for image in images:
            np.testing.assert_array_equal(jpeg_roundtrip(image, quality), pillows(image, quality), str(quality))


def test_saturated_frequencies():
    white = basis_images()
    coloured = np.stack([white[..., 0], white[::-1, :, 0], white[:, ::-1, 0]], axis=-1)
    shifted = np.ascontiguousarray(np.roll(np.kron(white, np.ones((2, 2, 1), np.uint8)), 3, axis=1))
    for quality in (1, 10, 50, 85, 96, 100):
        for image in (white, coloured, shifted):
            np.testing.assert_array_equal(jpeg_roundtrip(image, quality), pillows(image, quality), str(quality))


def test_all_colours():
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 16, 3)[:8192]
    flat = np.repeat(np.repeat(colours, 4, axis=0), 4, axis=1)[:8192]
    np.testing.assert_array_equal(jpeg_roundtrip(flat, 100), pillows(flat, 100))


def test_a_grey_image_is_what_a_grey_file_gives(photo):
    grey = np.repeat(photo(45, 51)[..., :1], 3, axis=2)
    np.testing.assert_array_equal(jpeg_roundtrip(grey, 60), pillows(grey, 60, "L"))


@pytest.mark.parametrize(
    "view", [lambda image: image[::-1], lambda image: image[:, ::2], lambda image: image[..., ::-1]]
)
def test_views_are_read_as_they_are(photo, view: Callable[[UInt8Image], UInt8Image]):
    image = view(photo(64, 96))
    assert not image.flags.c_contiguous
    np.testing.assert_array_equal(jpeg_roundtrip(image), jpeg_roundtrip(np.ascontiguousarray(image)))


def test_the_image_stays_and_the_result_is_its_own(photo):
    image = photo(64, 80)
    before = image.copy()
    image.flags.writeable = False
    first = jpeg_roundtrip(image)
    kept = first.copy()
    second = jpeg_roundtrip(photo(64, 80, 1))
    assert first.flags.writeable and not np.shares_memory(first, second)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(first, kept)


def test_threads_do_not_disturb_each_other(photo):
    images = [photo(70, 90, number) for number in range(4)] * 8
    with ThreadPoolExecutor(4) as pool:
        for image, result in zip(images, pool.map(jpeg_roundtrip, images), strict=True):
            np.testing.assert_array_equal(result, pillows(image, 85))


def test_the_file_holds_the_same_pixels(photo):
    image = photo(50, 70)
    np.testing.assert_array_equal(np.array(Image.open(BytesIO(jpeg_file(image, 30)))), jpeg_roundtrip(image, 30))


def test_quality_is_85_by_default(photo):
    np.testing.assert_array_equal(jpeg_roundtrip(photo()), jpeg_roundtrip(photo(), 85))
    assert not np.array_equal(jpeg_roundtrip(photo(), 30), jpeg_roundtrip(photo()))


@pytest.mark.parametrize(("quality", "error"), [(0, ValueError), (101, ValueError), (85.0, TypeError)])
def test_quality_out_of_range_is_named(photo, quality: int, error: type[Exception]):
    with pytest.raises(error, match=f"quality must be .*got {quality}"):
        jpeg_roundtrip(photo(32, 32), quality)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), "at least 1 px high and wide"),
        (np.zeros((5, 5), np.uint8), "must be RGB"),
        (np.zeros((2, 65501, 3), np.uint8), "at most 65500 px"),
    ],
)
def test_images_that_no_file_can_hold(image: UInt8Image, message: str):
    with pytest.raises(ValueError, match=message):
        jpeg_roundtrip(image)


def test_division_by_a_product_is_exact():
    steps = np.arange(1, 256)
    values = np.arange(1 << 15, dtype=np.uint32)
    for step, half, factor, shift in divisors(steps).T.astype(np.uint32):
        assert half == 4 * step
        np.testing.assert_array_equal((values * factor >> 16) >> shift, values // (8 * step), str(step))


@pytest.mark.slow
def test_a_processor_without_vector_extensions_computes_the_same_bytes(tmp_path: Path):
    plain = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    run = subprocess.run([sys.executable, "-c", DIGEST], env=plain, capture_output=True, text=True, check=True)
    draws, digest = np.random.default_rng(7), sha256()
    for quality in (5, 50, 85, 100):
        digest.update(pillows(draws.integers(0, 256, (61, 83, 3), dtype=np.uint8), quality))
    assert run.stdout.strip() == digest.hexdigest()
