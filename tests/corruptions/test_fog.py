"""Fog: the package's picture under the package's draws."""

import numpy as np
import pytest
from PIL import Image
from reference_draws import by_package, differences

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import fog


def rendered_under(draws: list[np.ndarray], image: np.ndarray, severity: int) -> np.ndarray:
    """Ours, under the uniform numbers that the package scaled by 100, 100 / decay ... before it multiplies by them."""
    wibbles = (100 / fog.VEIL[severity - 1][1] ** (i // 3) for i in range(len(draws)))
    uniform = np.concatenate([draw.reshape(-1) / wibble for draw, wibble in zip(draws, wibbles, strict=True)])
    return fog.render(image, severity, uniform.astype(np.float32))


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("size", [(64, 64), (57, 91), (200, 32)], ids=str)
def test_matches_the_package_under_the_same_draws(severity: int, size: tuple[int, int], photo):
    image = photo(*size)
    theirs, draws = by_package("fog", image, severity)
    largest, share = differences(rendered_under(draws, image, severity), theirs)
    assert largest <= 1 and share < 0.001


@pytest.mark.parametrize("severity", SEVERITIES)
def test_real_photo(severity: int, shared):
    file = min(shared.glob("data/imagenet-mini/val/*/*.JPEG"))
    image = np.array(Image.open(file).convert("RGB").resize((224, 224)))
    theirs, draws = by_package("fog", image, severity)
    largest, share = differences(rendered_under(draws, image, severity), theirs)
    assert largest <= 1 and share < 0.001


def test_uniform_numbers_fill_the_range_evenly(monkeypatch, photo):
    seen = []
    monkeypatch.setattr(fog, "render", lambda image, severity, uniform, constants: seen.append(uniform))
    fog.apply(photo(224, 224), 1, Key.of("range"))
    (uniform,) = seen
    assert uniform.shape == (256 * 256 - 1,) and abs(uniform).max() < 1
    counts = np.histogram(uniform, bins=16, range=(-1, 1))[0]
    np.testing.assert_allclose(counts, uniform.size / 16, rtol=0.07)  # four standard errors


def test_black_image_stays_black():
    np.testing.assert_array_equal(fog.apply(np.zeros((40, 40, 3), np.uint8), 5, Key.of("black")), 0)
