"""Elastic transform: the published files' pictures and the package's, each under their draws."""

import hashlib

import numpy as np
import pytest
from PIL import Image
from reference_draws import by_package, differences

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import elastic_transform


@pytest.mark.parametrize("severity", SEVERITIES)
def test_matches_the_published_algorithm_under_its_draws(severity: int, shared):
    golden = np.load(shared / "facts" / "golden_published.npz")
    name = f"elastic_transform-{severity}"
    moves, right, down = (golden[f"{name}-draw{i}-uniform"] for i in range(3))
    fields = np.stack([right, down]).astype(np.float32)
    ours = elastic_transform.render(
        golden["image"], severity, moves / elastic_transform.ELASTIC[severity - 1].tilt, fields
    )
    largest, share = differences(ours, golden[f"{name}-output"])
    assert largest <= 1 and share < 0.005


def difference_from_the_package(image: np.ndarray, severity: int) -> tuple[int, float]:
    theirs, draws = by_package("elastic_transform", image, severity)
    fields = (np.stack(draws) / (0.005 * image.shape[0])).astype(np.float32)
    return differences(elastic_transform.render_package(image, severity, fields), theirs)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("size", [(64, 64), (57, 91), (200, 32)], ids=str)
def test_matches_the_package_under_the_same_draws(severity: int, size: tuple[int, int], photo):
    largest, share = difference_from_the_package(photo(*size), severity)
    assert largest <= 1 and share < 0.001


@pytest.mark.parametrize("severity", SEVERITIES)
def test_real_photo(severity: int, shared):
    file = min(shared.glob("data/imagenet-mini/val/*/*.JPEG"))
    image = np.array(Image.open(file).convert("RGB").resize((224, 224)))
    largest, share = difference_from_the_package(image, severity)
    assert largest <= 1 and share < 0.001


@pytest.mark.parametrize("sigmas", [(0.4, 0.9), (2.44, 2.44), (19.5, 12), (170.8, 90)], ids=str)
def test_smooth_fields_are_those_of_scikit_image(sigmas: tuple[float, float]):
    from skimage.filters import gaussian

    field = np.random.default_rng(0).uniform(-1, 1, (224, 161))
    expected = gaussian(field, sigmas, mode="reflect", truncate=3)
    ours = elastic_transform.smoothed(field.astype(np.float32), *sigmas)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1.5e-5)  # 0.007 px in the strongest field


@pytest.mark.parametrize(
    ("apply", "severity", "expected"),
    [
        (elastic_transform.apply, 1, "f4ebde30e0d6cc1b"),
        (elastic_transform.apply, 2, "a208f68fdc9b3054"),
        (elastic_transform.apply, 5, "a7f5693633e22812"),
        (elastic_transform.apply_package, 3, "d2b0c7ff4f329506"),
    ],
)
def test_bytes_stay_the_same(apply, severity: int, expected: str):
    image = (np.arange(64 * 64 * 3) * 37 % 251).astype(np.uint8).reshape(64, 64, 3)
    assert hashlib.sha256(apply(image, severity, Key.of("bytes")).tobytes()).hexdigest()[:16] == expected


def test_a_triangle_without_area_gives_a_picture(photo):
    moves = np.array([[-1, -1], [-1, 1], [1, 1]]) * (64 // 3) / (elastic_transform.ELASTIC[0].tilt * 64 / 224)
    flat = elastic_transform.render(photo(64, 64), 1, moves, np.zeros((2, 64, 64), np.float32))
    assert flat.shape == (64, 64, 3)
