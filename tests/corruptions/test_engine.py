"""`corrupt`: the kinds it takes, its errors, and that it loads nothing heavy before it must."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.engine import (
    all_corruptions,
    corrupt,
    corrupt_image,
    engine_version,
    named_corruptions,
)

ROOT = Path(__file__).resolve().parents[2]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture
def batch(photo):
    return np.stack([photo(32, 40, number) for number in range(3)])


def test_key_is_of_corruption_seed_id_name_severity(photo):
    image = photo(32, 32)
    expected = all_corruptions()["fog"].apply(image, 2, Key.of("corruption", 9, "a/b.JPEG", "fog", 2))
    np.testing.assert_array_equal(corrupt(image, "fog", 2, image_ids="a/b.JPEG", seed=9), expected)
    np.testing.assert_array_equal(corrupt_image(image, all_corruptions()["fog"], 2, "a/b.JPEG", 9), expected)


def test_ids_left_out_are_numbers_from_0(batch):
    expected = corrupt(batch, "fog", 3, image_ids=["0", "1", "2"])
    np.testing.assert_array_equal(corrupt(batch, "fog", 3), expected)
    np.testing.assert_array_equal(corrupt(batch, "fog", 3, image_ids=np.arange(3)), expected)
    np.testing.assert_array_equal(corrupt(batch[0], "fog", 3), expected[0])
    np.testing.assert_array_equal(corrupt(batch[1], "fog", np.int64(3), image_ids=1), expected[1])


@pytest.mark.parametrize("device", DEVICES)
def test_torch_gives_the_bytes_of_numpy(batch, device: str):
    tensor = torch.from_numpy(batch).permute(0, 3, 1, 2).to(device)
    before = tensor.clone()
    expected = corrupt(batch, "snow", 4, image_ids=["abc", "b", 3], seed=2)
    corrupted = corrupt(tensor, "snow", 4, image_ids=["abc", "b", 3], seed=2)
    assert corrupted.dtype == torch.uint8 and corrupted.shape == tensor.shape and corrupted.device == tensor.device
    np.testing.assert_array_equal(corrupted.permute(0, 2, 3, 1).cpu(), expected)
    one = corrupt(tensor[0], "snow", 4, image_ids="abc", seed=2)
    np.testing.assert_array_equal(one.permute(1, 2, 0).cpu(), expected[0])
    assert torch.equal(tensor, before)


def test_empty_batch_stays_empty(batch):
    assert corrupt(batch[:0], "fog", 1).shape == (0, 32, 40, 3)
    assert corrupt(torch.zeros(0, 3, 32, 40, dtype=torch.uint8), "fog", 1).shape == (0, 3, 32, 40)


def test_memory_maps_and_views_work(batch, tmp_path):
    np.save(tmp_path / "crops.npy", batch)
    crops = np.load(tmp_path / "crops.npy", mmap_mode="r")
    np.testing.assert_array_equal(corrupt(crops, "contrast", 2), corrupt(batch, "contrast", 2))
    flipped = batch[:, :, ::-1]
    np.testing.assert_array_equal(corrupt(flipped, "frost", 2), corrupt(flipped.copy(), "frost", 2))


@pytest.mark.parametrize(
    ("name", "message"),
    [("fogg", "Unknown corruption 'fogg'. Did you mean fog"), ("gaussian-noise", "Did you mean gaussian_noise")],
)
def test_unknown_name_offers_the_closest(photo, name: str, message: str):
    with pytest.raises(ValueError, match=message):
        corrupt(photo(32, 32), name, 1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": 3}, TypeError, "name must be text such as 'fog', got 3"),
        ({"severity": 0}, ValueError, r"severity must be 1\.\.5, got 0"),
        ({"severity": 6}, ValueError, r"severity must be 1\.\.5, got 6"),
        ({"severity": True}, TypeError, r"severity must be an integer, got True \(bool\)"),
        ({"severity": 3.0}, TypeError, r"severity must be an integer, got 3.0 \(float\)"),
        ({"severity": "3"}, TypeError, r"severity must be an integer, got '3' \(str\)"),
        ({"seed": 0.5}, TypeError, r"seed must be an integer, got 0.5 \(float\)"),
        ({"seed": None}, TypeError, "seed must be an integer, got None"),
        ({"images": [[1]]}, TypeError, "numpy HW3 or BHW3, or torch 3HW or B3HW, got list"),
        ({"images": np.zeros((32, 32, 3))}, TypeError, r"uint8 0\.\.255, got float64 of shape \(32, 32, 3\)"),
        ({"images": np.zeros((32, 32), np.uint8)}, ValueError, r"RGB.*got shape \(32, 32\)"),
        ({"images": np.zeros((3, 32, 32), np.uint8)}, ValueError, r"RGB.*got shape \(3, 32, 32\)"),
        ({"images": np.zeros((32, 32, 4), np.uint8)}, ValueError, r"RGB.*got shape \(32, 32, 4\)"),
        ({"images": np.zeros((2, 31, 64, 3), np.uint8)}, ValueError, r"at least 32 px .*got shape \(2, 31, 64, 3\)"),
        ({"images": torch.zeros(3, 32, 32)}, TypeError, r"got torch.float32 of shape \(3, 32, 32\)"),
        ({"images": torch.zeros(32, 32, 3, dtype=torch.uint8)}, ValueError, r"3HW or B3HW, got shape \(32, 32, 3\)"),
        ({"images": torch.zeros(3, 32, 9, dtype=torch.uint8)}, ValueError, "at least 32 px high and wide"),
        ({"image_ids": ["a"]}, TypeError, r"an image id must be text or an integer, got \['a'\] \(list\)"),
        ({"image_ids": True}, TypeError, "an image id must be text or an integer, got True"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], error: type[Exception], message: str):
    call = {"images": np.zeros((32, 32, 3), np.uint8), "name": "contrast", "severity": 1} | change
    with pytest.raises(error, match=message):
        corrupt(**call)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (["a", "b"], ValueError, "3 images need 3 ids, got 2"),
        ("abc", TypeError, "a batch of 3 images takes a sequence of ids, got 'abc'"),
        (5, TypeError, "takes a sequence of ids, got 5"),
        ({"a", "b", "c"}, TypeError, "takes a sequence of ids"),
        ([1, 2.0, 3], TypeError, r"an image id must be text or an integer, got 2.0 \(float\)"),
        (torch.arange(3), TypeError, r"an image id must be text or an integer, got tensor\(0\)"),
    ],
)
def test_mistaken_ids_of_a_batch_are_named(batch, ids: object, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        corrupt(batch, "contrast", 1, image_ids=ids)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    height=st.integers(32, 80),
    width=st.integers(32, 80),
    ids=st.lists(st.one_of(st.text(max_size=8), st.integers()), min_size=1, max_size=4),
    name=st.sampled_from(["gaussian_noise", "impulse_noise", "contrast", "pixelate", "defocus_blur"]),
    severity=st.integers(1, 5),
    seed=st.integers(),
)
def test_a_batch_is_its_images(height: int, width: int, ids: list[str | int], name: str, severity: int, seed: int):
    images = np.random.default_rng(0).integers(0, 256, (len(ids), height, width, 3), dtype=np.uint8)
    corrupted = corrupt(images, name, severity, image_ids=ids, seed=seed)
    assert corrupted.shape == images.shape and corrupted.dtype == np.uint8
    for i, image_id in enumerate(ids):
        np.testing.assert_array_equal(corrupted[i], corrupt(images[i], name, severity, image_ids=image_id, seed=seed))


def test_engine_version_tells_the_variants_apart():
    assert engine_version("published") == "engine 1 as published"
    assert engine_version("imagecorruptions") == "engine 1 as imagecorruptions"
    assert engine_version("cifar") == "engine 1 as cifar"


def test_variants_differ_where_the_package_does(photo):
    image = photo(64, 64)
    unlike = {
        name
        for name in all_corruptions()
        if not np.array_equal(corrupt(image, name, 3), corrupt(image, name, 3, variant="imagecorruptions"))
    }
    assert unlike == {
        name for name, corruption in all_corruptions().items() if "imagecorruptions" in corruption.variants
    }
    assert unlike == {"elastic_transform", "frost", "motion_blur", "snow"}


def test_unknown_variant_is_named(photo):
    with pytest.raises(ValueError, match="variant must be one of published, imagecorruptions, cifar, got 'original'"):
        corrupt(photo(32, 32), "snow", 1, variant="original")


def test_named_corruptions_come_once_and_in_order():
    assert [c.name for c in named_corruptions(["fog", "contrast", "fog"])] == ["fog", "contrast"]
    assert named_corruptions([]) == list(all_corruptions().values())
    with pytest.raises(UserError, match="Did you mean fog"):
        named_corruptions(["fogg"])


def test_read_only_images_need_no_other_machine_code(photo):
    from robustbench_cls.corruptions import contrast

    image = photo(40, 40)
    expected = corrupt(image, "contrast", 1)
    kinds = len(contrast._shrink.compiled().signatures)
    image.flags.writeable = False
    np.testing.assert_array_equal(corrupt(image, "contrast", 1), expected)
    assert len(contrast._shrink.compiled().signatures) == kinds


def test_listing_corruptions_loads_nothing_heavy():
    code = (
        "import sys; from robustbench_cls.corruptions.engine import all_corruptions; assert all_corruptions();"
        "print(sorted({'torch', 'cv2', 'skimage', 'scipy', 'numba', 'imagecorruptions', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
