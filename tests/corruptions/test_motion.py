"""Motion blur and snow: the pictures of the package and of the published files' generator, under their draws."""

import hashlib
from math import exp

import numpy as np
import pytest
from PIL import Image
from reference_draws import by_package, differences

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import motion_blur, snow
from robustbench_cls.corruptions.motion import blur, taps, taps_of_package

SIZES = [(64, 64), (57, 91), (33, 140), (32, 200)]

every_severity = pytest.mark.parametrize("severity", SEVERITIES)


def photograph(shared) -> UInt8Image:
    path = sorted((shared / "data/imagenet-mini/val").glob("*/*"))[0]
    return np.array(Image.open(path).convert("RGB").resize((256, 256)).crop((16, 16, 240, 240)))


def pattern() -> UInt8Image:
    """A picture of integers alone, the same on every machine."""
    y_H11, x_1W1, channel_113 = np.ogrid[:64, :64, :3]
    return ((y_H11 * y_H11 // 9 + 5 * x_1W1 + 40 * channel_113) % 256).astype(np.uint8)


def digest(image: UInt8Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


@pytest.fixture
def exact_exp(monkeypatch: pytest.MonkeyPatch):
    """The package's Gaussian with a rightly rounded exp: numpy's is a bit off on some processors, and it shows."""
    from imagecorruptions import corruptions

    def gaussian(x, mean, sigma):
        return np.array([exp(-((i - mean) ** 2) / (2 * sigma**2)) for i in x]) / (np.sqrt(2 * np.pi) * sigma)

    monkeypatch.setattr(corruptions, "gauss_function", gaussian)


def of_centre(noise_HW: np.ndarray, severity: int) -> np.ndarray:
    constants = snow.SNOW[severity - 1]
    rows, columns = (snow.centre(size, constants) for size in noise_HW.shape)
    return ((noise_HW[rows, columns] - constants.mean) / constants.deviation).astype(np.float32)


@every_severity
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_motion_blur_of_the_package(size: tuple[int, int], severity: int, photo, exact_exp):
    image = photo(*size)
    for seed in range(4):
        theirs, (angle,) = by_package("motion_blur", image, severity, seed)
        largest, share = differences(motion_blur.render_package(image, severity, float(angle)), theirs)
        assert largest <= 1 and share < 0.002


@every_severity
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_snow_of_the_package(size: tuple[int, int], severity: int, photo):
    image = photo(*size)
    for seed in range(4):
        theirs, (noise, angle) = by_package("snow", image, severity, seed)
        ours = snow.render_package(image, severity, of_centre(noise, severity), float(angle))
        largest, share = differences(ours, theirs)
        assert largest <= 1 and share < 0.005


@every_severity
def test_a_photo_as_by_the_package(severity: int, shared, exact_exp):
    image = photograph(shared)
    theirs, (angle,) = by_package("motion_blur", image, severity)
    largest, share = differences(motion_blur.render_package(image, severity, float(angle)), theirs)
    assert largest <= 1 and share < 0.002
    theirs, (noise, angle) = by_package("snow", image, severity)
    largest, share = differences(snow.render_package(image, severity, of_centre(noise, severity), float(angle)), theirs)
    assert largest <= 1 and share < 0.005


@every_severity
def test_as_the_published_files(severity: int, shared):
    golden = np.load(shared / "facts/golden_published.npz")
    angle = float(golden[f"motion_blur-{severity}-draw0-uniform"])
    blurred = motion_blur.render(golden["image"], severity, angle)
    largest, share = differences(blurred, golden[f"motion_blur-{severity}-output"])
    assert largest <= 1 and share < 0.0005
    normal = of_centre(golden[f"snow-{severity}-draw0-normal"], severity)
    snowed = snow.render(golden["image"], severity, normal, float(golden[f"snow-{severity}-draw1-uniform"]))
    largest, share = differences(snowed, golden[f"snow-{severity}-output"])
    assert largest <= 1 and share < 0.005


def test_results_have_not_changed():
    image, key = pattern(), Key.of("golden")
    applied = [motion_blur.apply, motion_blur.apply_package, snow.apply, snow.apply_package]
    found = [digest(np.stack([apply(image, severity, key) for severity in SEVERITIES])) for apply in applied]
    assert found == [
        "e4d3147e4fe04eb9",
        "18efc1d904922b5b",
        "d33c1e63e085b91b",
        "1f5807385577c9a4",
    ]


@every_severity
@pytest.mark.parametrize("degrees", [-135.0, -90.0, -44.9, 0.0, 12.3, 45.0])
def test_what_is_flat_stays_flat(degrees: float, severity: int):
    for value in (0, 1, 37, 128, 254, 255):
        flat = np.full((32, 40, 3), value, np.uint8)
        np.testing.assert_array_equal(motion_blur.render(flat, severity, degrees), flat)


def test_taps_are_shifts_of_a_half_gaussian():
    few, exact = taps(12, 8, 90)
    kept = few.weights_T > 0
    np.testing.assert_array_equal(few.columns_T, 0)
    np.testing.assert_array_equal(few.rows_T[kept], np.arange(kept.sum()))
    np.testing.assert_allclose(few.weights_T[kept] / few.weights_T[0], np.exp(-(np.arange(25) ** 2) / 128), 1e-5)
    assert few.weights_T.sum() == pytest.approx(1, abs=1e-6) and len(few.weights_T) % 4 == 0
    assert exact.weights_T.size == 0
    of_package = taps_of_package(12, 8, 90, 7, 100)
    for terms in of_package:
        assert terms.weights_T.sum() == pytest.approx(few.weights_T[:7].sum(), abs=1e-6)
    assert of_package.exact.weights_T.dtype == np.float64


def test_an_even_picture_by_the_package_is_decided_in_double_precision(exact_exp):
    for severity in (1, 4):
        levels = [np.full((32, 32, 3), level, np.uint8) for level in range(0, 256, 5)]
        theirs = [by_package("motion_blur", image, severity) for image in levels]
        ours = [motion_blur.render_package(levels[i], severity, float(theirs[i][1][0])) for i in range(len(levels))]
        np.testing.assert_array_equal(ours, [image for image, _ in theirs])


@pytest.mark.parametrize(("degrees", "down", "right"), [(0, 0, 1), (90, 1, 0), (-90, -1, 0), (180, 0, -1)])
def test_a_dot_moves_against_the_direction(degrees: int, down: int, right: int):
    picture = np.zeros((41, 41, 3), np.float32)
    picture[20, 20] = 255, 100, 200
    blurred = blur(picture, taps(5, 3, degrees), 0.001)
    line = np.array([blurred[20 - i * down, 20 - i * right] for i in range(8)])
    gaussian = np.exp(-(np.arange(11) ** 2) / 18)
    np.testing.assert_array_equal(line, np.floor(gaussian[:8, None] / gaussian.sum() * picture[20, 20] + 0.001))
    assert blurred.sum(dtype=int) == pytest.approx(555, abs=33)


def test_angles_are_uniform():
    image = np.zeros((32, 32, 3), np.uint8)
    motions = np.array([motion_blur.angle(Key.of("angle", i)) for i in range(1000)])
    falls = np.array([snow.draw(image, snow.SNOW[2], Key.of("angle", i))[1] for i in range(1000)])
    for angles, middle in ((motions, 0), (falls, -90)):
        assert abs(angles - middle).max() <= 45
        quartiles = np.quantile(angles - middle, [0.25, 0.5, 0.75])
        np.testing.assert_allclose(quartiles, [-22.5, 0, 22.5], atol=5)  # a standard error of 1.4
