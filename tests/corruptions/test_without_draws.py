"""Corruptions that draw nothing: the package's picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference_draws import by_package, differences

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.corruptions import brightness, contrast, jpeg_compression, pixelate, saturate, zoom_blur

SHARES = {contrast: 0.0, pixelate: 0.0, jpeg_compression: 0.0, brightness: 0.01, zoom_blur: 0.02, saturate: 0.15}
"""The share of values that may lie a level apart."""

every_module = pytest.mark.parametrize("module", SHARES, ids=lambda module: module.CORRUPTION.name)


@every_module
@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("size", [(64, 64), (57, 91), (32, 200)], ids=str)
def test_the_packages_picture(module, severity: int, size: tuple[int, int], photo):
    image = photo(*size)
    theirs, draws = by_package(module.CORRUPTION.name, image, severity)
    largest, share = differences(module.render(image, severity), theirs)
    assert not draws
    assert largest <= 1 and share <= SHARES[module]


@every_module
@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_packages_picture_of_a_real_photo(module, severity: int, shared: Path):
    file = sorted((shared / "data" / "imagenet-mini" / "val").glob("*/*.JPEG"))[7]
    image = np.array(Image.open(file).convert("RGB").resize((224, 224)))
    largest, share = differences(module.render(image, severity), by_package(module.CORRUPTION.name, image, severity)[0])
    assert largest <= 1 and share <= SHARES[module]


@pytest.mark.parametrize("size", [(33, 40), (37, 37), (80, 111), (200, 150)], ids=str)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_pixelate_is_identical_at_every_size(severity: int, size: tuple[int, int]):
    image = np.random.default_rng(severity).integers(0, 256, (*size, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixelate.render(image, severity), by_package("pixelate", image, severity)[0])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_groups_of_zoom_blur_hold_the_columns_of_each_enlargement(severity: int):
    end, step = zoom_blur.ZOOMS[severity - 1]
    for width in range(32, 400):
        groups_LC3 = zoom_blur._layers((end, step), 32, width).groups_LC3
        lanes = np.arange(4 * zoom_blur.GROUP, step=4)
        repeats_LCG = (groups_LC3[..., 1:, None] <= lanes).sum(axis=2)
        first_LC1 = groups_LC3[..., :1] // 4 - zoom_blur.GROUP
        columns_LW = (first_LC1 + lanes // 4 - repeats_LCG).reshape(len(groups_LC3), -1)[:, :width]
        expected = [zoom_blur._places(width, zoom)[0] for zoom in np.arange(1, end, step)[1:]]
        np.testing.assert_array_equal(columns_LW, expected, str(width))


@pytest.mark.parametrize("module", [brightness, saturate], ids=lambda module: module.CORRUPTION.name)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_grey_and_the_pure_colours(module, severity: int):
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    colours = np.stack([np.roll([level, 0, 0], turn) for level in range(256) for turn in range(3)]).astype(np.uint8)
    image = np.resize(np.concatenate([greys, colours]), (32, 32, 3))
    largest, share = differences(module.render(image, severity), by_package(module.CORRUPTION.name, image, severity)[0])
    assert largest <= 1 and share <= 0.01


@pytest.mark.parametrize("value", [0, 1, 77, 128, 254, 255])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_flat_image(severity: int, value: int):
    image = np.full((48, 40, 3), value, np.uint8)
    np.testing.assert_array_equal(contrast.render(image, severity), image)
    np.testing.assert_array_equal(zoom_blur.render(image, severity), by_package("zoom_blur", image, severity)[0])
