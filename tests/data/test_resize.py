"""Windows of resized images have Pillow's pixels, for any sizes, filter and window."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from robustbench_cls.core.suite import Protocol
from robustbench_cls.data.crops import crop, crop_pixels
from robustbench_cls.data.resize import CHOOSES_ORDER, Pixels, Window, resized_window, working_pixels

SIDES = st.integers(1, 300)
FILTERS = st.sampled_from(["bilinear", "bicubic"])
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def noise(height: int, width: int) -> Pixels:
    """Of extreme levels, where a cubic overshoots and a wrong weight shows."""
    pixels = working_pixels("decoded", height, width)
    levels = np.array([0, 0, 255, 255, 96], np.uint8)
    pixels.image[:] = levels[np.random.default_rng(height * 301 + width).integers(0, 5, pixels.image.shape)]
    pixels.memory_S[pixels.image.size :] = 255
    return pixels


def assert_as_pillow(pixels: Pixels, rows: Window, columns: Window, interpolation: str) -> None:
    whole = Image.fromarray(pixels.image).resize((columns.resized, rows.resized), RESAMPLING[interpolation])
    expected = np.asarray(whole)[rows.start : rows.stop, columns.start : columns.stop]
    np.testing.assert_array_equal(resized_window(pixels, rows, columns, interpolation), expected)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    resized = draw(SIDES)
    start = draw(st.integers(0, resized - 1))
    return Window(draw(SIDES), resized, start, draw(st.integers(start + 1, resized)))


@settings(max_examples=300, deadline=None)
@given(windows(), windows(), FILTERS)
@example(Window(1, 300, 0, 300), Window(2, 300, 0, 300), "bicubic")
@example(Window(300, 1, 0, 1), Window(300, 1, 0, 1), "bilinear")
@example(Window(200, 200, 3, 9), Window(100, 50, 0, 50), "bilinear")
def test_windows_of_any_size(rows: Window, columns: Window, interpolation: str) -> None:
    assert_as_pillow(noise(rows.size, columns.size), rows, columns, interpolation)


@pytest.mark.parametrize("lost", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_order_of_the_passes_changes_where_pillow_changes_it(lost: int, interpolation: str) -> None:
    """Rows first where the height loses more than twice what the width loses, in the versions that do that."""
    rows, columns = Window(120, 90 - lost, 20, 70), Window(80, 65, 10, 50)
    assert_as_pillow(noise(120, 80), rows, columns, interpolation)
    larger = Window(80, 95, 10, 50)
    assert_as_pillow(noise(120, 80), Window(120, 120 - lost, 20, 70), larger, interpolation)


def test_the_orders_differ() -> None:
    """So that the test above can fail."""
    pixels = noise(120, 80)
    columns_only = resized_window(pixels, Window(120, 120, 0, 120), Window(80, 65, 0, 65), "bilinear")
    narrow = working_pixels("narrow", 120, 65)
    narrow.image[:] = columns_only
    columns_first = resized_window(narrow, Window(120, 60, 0, 60), Window(65, 65, 0, 65), "bilinear")
    ours = resized_window(pixels, Window(120, 60, 0, 60), Window(80, 65, 0, 65), "bilinear")
    assert np.array_equal(columns_first, ours) is not CHOOSES_ORDER


@settings(max_examples=200, deadline=None)
@given(SIDES, SIDES, st.integers(0, 300), st.integers(0, 300), FILTERS)
@example(300, 7, 0, 0, "bilinear")
@example(5, 300, 8, 300, "bicubic")
@example(300, 140, 64, 63, "bilinear")
def test_crops_of_any_protocol(height: int, width: int, resize: int, side: int, interpolation: str) -> None:
    resize = min(resize, max(2000 * min(height, width) // max(height, width), 1))
    protocol = Protocol(resize, side, interpolation)
    pixels = noise(height, width)
    expected = crop(Image.fromarray(pixels.image), protocol)
    np.testing.assert_array_equal(crop_pixels(pixels, protocol), expected)


def test_the_image_is_left_as_it_is() -> None:
    pixels = noise(90, 70)
    before = pixels.image.copy()
    result = crop_pixels(pixels, Protocol(40, 32, "bicubic"))
    result[:] = 7
    whole = crop_pixels(pixels, Protocol(0, 0, "bicubic"))
    whole[:] = 7
    np.testing.assert_array_equal(pixels.image, before)
