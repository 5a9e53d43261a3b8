"""The blurs against the package, and the Gaussian filter against scikit-image."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference_draws import by_package, differences, recorded_draws
from skimage.filters import gaussian as by_skimage

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import defocus_blur, gaussian_blur, glass_blur
from robustbench_cls.corruptions.gaussian import blur, smooth

SIZES = [(64, 90), (57, 91), (32, 200)]

FRINGE = 0.02
"""Share of values: beside an even shape the package's sums can lie some 1e-5 under a whole number, ours on it."""

every_severity = pytest.mark.parametrize("severity", SEVERITIES)
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def real_photo(shared: Path) -> UInt8Image:
    paths = sorted((shared / "data" / "imagenet-mini").rglob("*.JPEG"))
    if not paths:
        pytest.skip("needs photos in ../shared/data/imagenet-mini, found none")
    with Image.open(paths[0]) as photo:
        return np.asarray(photo.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR))


def package_glass_blur(image: UInt8Image, severity: int, monkeypatch) -> tuple[np.ndarray, np.ndarray]:
    """The package's picture and its offsets, as `glass_blur.render` takes them; interpreted, to record its draws."""
    from imagecorruptions import corruptions

    loop = corruptions._shuffle_pixels_njit_glass_blur
    monkeypatch.setattr(corruptions, "_shuffle_pixels_njit_glass_blur", getattr(loop, "py_func", loop))
    with recorded_draws() as draws:
        theirs = np.uint8(corruptions.glass_blur(Image.fromarray(image), severity, seed=3))
    _, reach, rounds = glass_blur.GLASS[severity - 1]
    shape = (rounds, image.shape[0] - 2 * reach, image.shape[1] - 2 * reach)
    return theirs, np.array(draws, np.int8).T.reshape(2, *shape)


@pytest.mark.parametrize("mode, truncate", [("nearest", 4.0), ("reflect", 3.0)])
@pytest.mark.parametrize("sigma", [0.4, 1, 1.5, 6, 12])
def test_smooth_is_the_filter_of_skimage(sigma: float, mode: str, truncate: float, photo):
    for channels in (1, 3):
        values = photo(32, 45)[..., :channels].astype(np.float32)
        theirs = by_skimage(values.astype(float), sigma=sigma, mode=mode, truncate=truncate, channel_axis=-1)
        np.testing.assert_allclose(smooth(values, sigma, mode, truncate), theirs, atol=2e-4)


@pytest.mark.parametrize("sigma", [0.7, 0.9, 1, 1.1, 1.5, 2, 3, 4, 6])
def test_blur_leaves_even_areas_as_they_are(sigma: float):
    for level in range(256):
        image = np.full((32, 33, 3), level, np.uint8)
        np.testing.assert_array_equal(blur(image, sigma), image)


@every_size
@every_severity
def test_gaussian_blur_is_the_packages(severity: int, size: tuple[int, int], photo):
    theirs, _ = by_package("gaussian_blur", photo(*size), severity)
    largest, share = differences(gaussian_blur.render(photo(*size), severity), theirs)
    assert largest <= 1 and share < FRINGE


@every_size
@every_severity
def test_defocus_blur_is_the_packages(severity: int, size: tuple[int, int], photo):
    theirs, _ = by_package("defocus_blur", photo(*size), severity)
    largest, share = differences(defocus_blur.render(photo(*size), severity), theirs)
    assert largest <= 1 and share < 0.003


@every_severity
def test_defocus_blur_of_even_areas_is_the_packages(severity: int):
    every_level = np.repeat(np.arange(256, dtype=np.uint8), 32)[None, :, None].repeat(32, 0).repeat(3, 2)
    theirs, _ = by_package("defocus_blur", every_level, severity)
    np.testing.assert_array_equal(defocus_blur.render(every_level, severity)[:, 16::32], theirs[:, 16::32])


@every_severity
def test_glass_blur_is_the_packages_under_its_draws(severity: int, photo, monkeypatch):
    for size in ((48, 48), (32, 91)):
        image = photo(*size)
        theirs, offsets = package_glass_blur(image, severity, monkeypatch)
        largest, share = differences(glass_blur.render(image, severity, offsets), theirs)
        assert largest <= 1 and share < FRINGE


@every_severity
def test_glass_offsets_are_uniform_and_independent(severity: int):
    glass = glass_blur.GLASS[severity - 1]
    reach, offsets = glass.reach, glass_blur.offsets(Key.of("offsets"), 300, 300, glass)
    count = offsets[0].size
    pairs = np.bincount(((offsets[0] + reach) * 2 * reach + offsets[1] + reach).reshape(-1).astype(int))
    assert pairs.size == 4 * reach**2
    np.testing.assert_allclose(pairs / count, 1 / pairs.size, atol=5 * (pairs.size * count) ** -0.5)
    neighbours = np.corrcoef(offsets[0, 0, :, 1:].reshape(-1), offsets[0, 0, :, :-1].reshape(-1))[0, 1]
    assert abs(neighbours) < 0.02


@every_severity
def test_a_real_photo_is_blurred_as_by_the_package(severity: int, shared: Path):
    image = real_photo(shared)
    for module in (gaussian_blur, defocus_blur):
        theirs, _ = by_package(module.CORRUPTION.name, image, severity)
        largest, share = differences(module.render(image, severity), theirs)
        assert largest <= 1 and share < 0.01


def test_glass_blur_of_a_key_stays_the_same(photo):
    blurred = glass_blur.apply(photo(64, 64), 4, Key.of("a"))
    assert blurred[::21, ::21, 1].tolist() == [
        [138, 139, 116, 150],
        [128, 143, 130, 128],
        [97, 75, 96, 94],
        [90, 84, 65, 96],
    ]
