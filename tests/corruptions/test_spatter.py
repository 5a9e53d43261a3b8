"""Spatter: the package's picture under the package's draws, OpenCV's filters, and what happens without a drop."""

import numpy as np
import pytest
from PIL import Image
from reference_draws import by_package, differences

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import spatter


def difference_under_the_same_draws(image: np.ndarray, severity: int, seed: int = 0) -> tuple[int, float]:
    theirs, (noise,) = by_package("spatter", image, severity, seed)
    mean, deviation, *_ = spatter.SPATTER[severity - 1]
    normal = (noise - mean) / deviation
    return differences(spatter.render(image, severity, normal.astype(np.float32)), theirs)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("size", [(64, 64), (57, 91), (200, 32)], ids=str)
def test_matches_the_package_under_the_same_draws(severity: int, size: tuple[int, int], photo):
    largest, share = difference_under_the_same_draws(photo(*size), severity)
    assert largest <= 1 and share < 0.001


@pytest.mark.parametrize("severity", SEVERITIES)
def test_real_photo(severity: int, shared):
    file = min(shared.glob("data/imagenet-mini/val/*/*.JPEG"))
    image = np.array(Image.open(file).convert("RGB").resize((224, 224)))
    largest, share = difference_under_the_same_draws(image, severity)
    assert largest <= 1 and share < 0.001


@pytest.mark.parametrize("size", [(32, 32), (45, 70), (224, 224)], ids=str)
@pytest.mark.parametrize("smallest", [0, 170, 255], ids=str)
def test_shading_is_that_of_opencv(size: tuple[int, int], smallest: int):
    cv2 = pytest.importorskip("cv2")
    draws = np.random.default_rng(3)
    depth = cv2.GaussianBlur(draws.integers(0, 256, size).astype(np.uint8), (0, 0), 2)
    depth[depth < smallest] = 0
    outside = 255 - cv2.Canny(depth, 50, 150)
    far = np.minimum(cv2.distanceTransform(outside, cv2.DIST_L2, 5), 20)
    emboss = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    lit = cv2.filter2D(cv2.equalizeHist(cv2.blur(far, (3, 3)).astype(np.uint8)), cv2.CV_8U, emboss)
    np.testing.assert_array_equal(spatter.shading(depth.astype(np.int32)), cv2.blur(lit, (3, 3)))


def test_without_a_drop_the_image_stays_as_it_is(photo):
    image = photo(32, 32)
    wet = spatter.render(image, 1, np.zeros((32, 32), np.float32))
    np.testing.assert_array_equal(wet, image)
    assert wet is not image


def test_few_small_images_stay_dry(photo):
    image = photo(32, 32)
    same = [np.array_equal(spatter.apply(image, 1, Key.of("dry", i)), image) for i in range(400)]
    assert 1 <= sum(same) <= 24
