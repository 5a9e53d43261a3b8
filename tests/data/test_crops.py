from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image

from robustbench_cls.core.suite import IMAGENET_224, Protocol
from robustbench_cls.data.crops import crop, fit


def photo(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (224, 224), (100, 160), (257, 1100)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_equal_to_timms_evaluation_transform(size: tuple[int, int], interpolation: str) -> None:
    transform = timm.data.create_transform((3, 224, 224), interpolation=interpolation, crop_pct=0.875)
    resized = transform.transforms[1](transform.transforms[0](photo(*size)))
    own = crop(photo(*size), Protocol(256, 224, interpolation))
    assert np.array_equal(own, np.asarray(resized))


def test_zero_leaves_the_stored_image() -> None:
    image = photo(224, 224)
    assert np.array_equal(crop(image, Protocol(0, 0, "bilinear")), np.asarray(image))


def test_fit_resizes_the_whole_image() -> None:
    image = crop(photo(300, 260), IMAGENET_224)
    assert fit(image, 224, "bilinear") is image
    assert fit(image, 240, "bicubic").shape == (240, 240, 3)


def test_crop_is_writable(tmp_path: Path) -> None:
    crop(photo(300, 260), IMAGENET_224)[0, 0] = 0
