"""Equality with the package `imagecorruptions`, called directly under the same seed."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, SEVERITIES, UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import reference, spatter
from robustbench_cls.corruptions.engine import all_corruptions, corrupt_image

PHOTOS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "imagenet-mini"
TAKES_SEED = ("impulse_noise", "glass_blur")


def by_package(image: UInt8Image, name: str, severity: int, image_id: str, seed: int) -> UInt8Image:
    from imagecorruptions import corrupt

    number = Key.of("corruption", seed, image_id, name, severity).integer(32)
    np.random.seed(number)
    return corrupt(image, severity, name, **({"seed": number} if name in TAKES_SEED else {}))


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", IMAGENET_C + EXTRA)
@pytest.mark.parametrize("size", [(64, 64), (45, 70)], ids=str)
def test_synthetic_photo(name: str, severity: int, size: tuple[int, int], photo):
    image = photo(*size)
    ours = corrupt_image(image, all_corruptions()[name], severity, "n01440764/1.JPEG", 7)
    np.testing.assert_array_equal(ours, by_package(image, name, severity, "n01440764/1.JPEG", 7))


@pytest.fixture(scope="module")
def real_photo() -> UInt8Image:
    files = sorted(PHOTOS.glob("val/*/*.JPEG"))
    if not files:
        pytest.skip(f"the shared photos are not here: {PHOTOS}")
    return np.array(Image.open(files[0]).convert("RGB").resize((112, 112), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", IMAGENET_C + EXTRA)
def test_real_photo(name: str, severity: int, real_photo: UInt8Image):
    ours = corrupt_image(real_photo, all_corruptions()[name], severity, "0", 0)
    np.testing.assert_array_equal(ours, by_package(real_photo, name, severity, "0", 0))


def test_spatter_without_a_drop_gives_the_image_where_the_package_gives_black(photo):
    image = photo(32, 32)
    with np.errstate(invalid="ignore"):
        keys = (Key.of("spatter", i) for i in range(1000))
        dry = next(key for key in keys if np.isnan(reference.call("spatter", "global", image, 1, key)).any())
    np.testing.assert_array_equal(spatter.CORRUPTION.apply(image, 1, dry), image)


def test_global_state_comes_back_after_an_error(photo, monkeypatch):
    def fails(*_: object) -> None:
        np.random.random()
        raise ValueError("inside")

    monkeypatch.setattr(reference, "_function", lambda name: fails)
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    with pytest.raises(ValueError, match="inside"):
        reference.call("fog", "global", photo(32, 32), 1, Key.of("a"))
    assert np.random.random() == expected


@pytest.mark.parametrize(
    ("message", "kind"),
    [("libGL.so.1: cannot open shared object file: No such file", UserError), ("No module named 'x'", ImportError)],
)
def test_only_a_missing_system_library_is_the_users_to_mend(message: str, kind: type[Exception], monkeypatch):
    class Broken:
        def __getattr__(self, name: str) -> None:
            raise ImportError(message)

    monkeypatch.setitem(sys.modules, "imagecorruptions", Broken())
    with pytest.raises(kind, match="libgl1" if kind is UserError else message):
        reference._function.__wrapped__("fog")
