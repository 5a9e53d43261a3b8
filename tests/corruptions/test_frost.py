"""Frost: the pictures of the package and of the published files' generator, under their draws."""

import hashlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from reference_draws import by_package, differences

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import frost

APPLIED = (frost.apply, frost.apply_package)

every_severity = pytest.mark.parametrize("severity", SEVERITIES)


@pytest.fixture
def forgetful():
    """Photos are read anew."""
    frost._photo.cache_clear()
    yield
    frost._photo.cache_clear()


@every_severity
@pytest.mark.parametrize("size", [(64, 64), (57, 91), (32, 200), (360, 40), (40, 700), (330, 500)], ids=str)
def test_frost_of_the_package(size: tuple[int, int], severity: int, photo):
    image = photo(*size)
    for seed in range(3):
        theirs, draws = by_package("frost", image, severity, seed)
        ours = frost.render_package(image, severity, *(int(draw) for draw in draws))
        largest, share = differences(ours, theirs)
        assert largest <= 1 and share < 0.04  # 0.0001 where OpenCV enlarges with Intel's library, more elsewhere


@every_severity
def test_a_photo_as_by_the_package(severity: int, shared):
    path = sorted((shared / "data/imagenet-mini/val").glob("*/*"))[0]
    image = np.array(Image.open(path).convert("RGB"))[:224, :224]
    theirs, draws = by_package("frost", image, severity)
    largest, share = differences(frost.render_package(image, severity, *(int(draw) for draw in draws)), theirs)
    assert largest <= 1 and share < 0.04


@every_severity
def test_as_the_published_files(severity: int, shared):
    golden = np.load(shared / "facts/golden_published.npz")
    draws = [int(golden[f"frost-{severity}-draw{i}-randint"]) for i in range(3)]
    expected = golden[f"frost-{severity}-output"]
    np.testing.assert_array_equal(frost.render(golden["image"], severity, *draws), expected)


def test_results_have_not_changed():
    y_H11, x_1W1, channel_113 = np.ogrid[:64, :64, :3]
    image, key = ((y_H11 * y_H11 // 9 + 5 * x_1W1 + 40 * channel_113) % 256).astype(np.uint8), Key.of("golden")
    found = [np.stack([apply(image, severity, key) for severity in SEVERITIES]) for apply in APPLIED]
    assert [hashlib.sha256(pictures.tobytes()).hexdigest()[:16] for pictures in found] == [
        "c3113f303ac99e14",
        "1e1bdd4b7c7d1bcf",
    ]


@pytest.mark.parametrize("number", [1, 3])
def test_enlargement_is_cubic(number: int):
    photo = frost._photo(number)
    size = photo.shape[0] * 5 // 4, photo.shape[1] * 4 // 3
    theirs = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_CUBIC)
    largest, share = differences(frost.enlarged_crop(photo, size, slice(0, size[0]), slice(0, size[1])), theirs)
    assert largest <= 1 and share < 0.06
    crop = frost.enlarged_crop(photo, size, slice(7, 90), slice(11, 200))
    assert differences(crop, theirs[7:90, 11:200])[0] <= 1


def test_photos_and_places_are_those_that_the_original_draws(monkeypatch: pytest.MonkeyPatch):
    drawn: list[tuple[Any, ...]] = []

    def render(image, severity, *draws):
        drawn.append(draws[:3])  # and after them the constants
        return image

    monkeypatch.setattr(frost, "render", render)
    image = np.zeros((310, 480, 3), np.uint8)
    for i in range(1000):
        frost.apply(image, 1, Key.of("place", i))
    counts = np.bincount([photo for photo, _, _ in drawn])
    np.testing.assert_allclose(counts, 200, atol=64)  # five standard errors
    for number, height, width in ((1, 315, 560), (3, 350, 527)):
        places = np.array([place for photo, *place in drawn if photo == number])
        last = np.array([height - 310, width - 480]) - 1
        assert (places >= 0).all() and (places <= last).all()
        np.testing.assert_allclose(places.mean(axis=0), last / 2, atol=8)
    assert {top for photo, top, _ in drawn if photo == 1} == set(range(5))


@pytest.mark.parametrize("size", [(315, 559), (315, 560), (900, 40), (32, 1300), (1000, 1000)], ids=str)
def test_images_as_large_as_a_photo_get_an_enlarged_one(size: tuple[int, int]):
    image = np.zeros((*size, 3), np.uint8)
    for number in range(5):
        cropped = frost.size_of(number, image)
        assert cropped[0] > size[0] and cropped[1] > size[1]
    frosted = frost.render(image, 3, 1, *(np.array(frost.size_of(1, image)) - size))
    assert frosted.shape == image.shape and 20 < frosted.mean() < 250


def test_a_missing_photo_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path, forgetful):
    monkeypatch.setattr(frost, "_folder", lambda: tmp_path)
    with pytest.raises(UserError, match=r"frost\d.*missing or damaged(.|\n)*pip install") as raised:
        frost.apply(np.zeros((32, 32, 3), np.uint8), 1, Key.of("a"))
    assert str(tmp_path) in str(raised.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, forgetful):
    monkeypatch.setattr(frost, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install imagecorruptions-imaug"):
        frost.apply(np.zeros((32, 32, 3), np.uint8), 1, Key.of("a"))


def test_photos_are_found_without_importing_their_package():
    import subprocess
    import sys

    code = (
        "import sys; from robustbench_cls.corruptions import frost; frost._photo(3)\n"
        "assert 'imagecorruptions' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
