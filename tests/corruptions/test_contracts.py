"""Promises of every corruption that is discovered, whoever wrote it."""

import importlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from robustbench_cls.core.corruption import EXTRA, GROUPS, IMAGENET_C, SEVERITIES, Corruption, Variant
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.engine import all_corruptions, corrupt, corrupt_image

CORRUPTIONS = all_corruptions()
SIZES = [(32, 32), (33, 33), (57, 91), (91, 57), (32, 200)]

every_corruption = pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)


def test_all_of_imagenet_c_and_its_extras_come_first_in_order():
    assert tuple(CORRUPTIONS)[: len(IMAGENET_C + EXTRA)] == IMAGENET_C + EXTRA


@every_corruption
def test_group_and_source_are_given(corruption: Corruption):
    groups = {name: group for group, names in GROUPS.items() for name in names} | dict.fromkeys(EXTRA, "extra")
    assert corruption.group == groups.get(corruption.name, corruption.group)
    assert corruption.source.startswith("https://")


@every_corruption
@pytest.mark.parametrize("severity", SEVERITIES)
def test_same_key_same_bytes_and_input_untouched(corruption: Corruption, severity: int, photo):
    image = photo(32, 32)
    before = image.copy()
    image.flags.writeable = False
    first = corruption.apply(image, severity, Key.of("a"))
    np.random.seed(1)
    second = corruption.apply(before, severity, Key.of("a"))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(image, before)
    assert first.flags.writeable and not np.shares_memory(first, image)


@every_corruption
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shape_and_type_are_kept_at_every_size(corruption: Corruption, size: tuple[int, int], photo, capfd):
    image = photo(*size)
    for severity in (1, 5):
        corrupted = corruption.apply(image, severity, Key.of("a"))
        assert corrupted.shape == image.shape and corrupted.dtype == np.uint8
        assert 20 < corrupted.mean() < 250
    assert capfd.readouterr() == ("", "")


@every_corruption
def test_batch_order_and_threads_do_not_matter(corruption: Corruption, photo):
    images = np.stack([photo(40, 48, number) for number in range(4)])
    ids = ["b", "a", "7", "c"]
    alone = [corrupt(image, corruption.name, 4, image_ids=i, seed=3) for image, i in zip(images, ids, strict=True)]
    np.testing.assert_array_equal(corrupt(images, corruption.name, 4, image_ids=ids, seed=3), alone)
    backwards = corrupt(images[::-1], corruption.name, 4, image_ids=ids[::-1], seed=3)
    np.testing.assert_array_equal(backwards[::-1], alone)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(corrupt_image, images[i % 4], corruption, 4, ids[i % 4], 3) for i in range(12)]
        for i, job in enumerate(jobs):
            np.testing.assert_array_equal(job.result(), alone[i % 4])


@every_corruption
def test_severity_5_is_further_than_1(corruption: Corruption, photo):
    image = photo(64, 64)

    def distance(severity: int, variant: Variant) -> float:
        corrupted = [corrupt_image(image, corruption, severity, str(i), 0, variant) for i in range(16)]
        return float(np.abs(np.stack(corrupted).astype(int) - image).mean())

    assert distance(5, "imagecorruptions") > distance(1, "imagecorruptions") > 0
    if corruption.name != "elastic_transform":  # its tilt outweighs the rest, most of all at severities 1 and 2
        assert distance(5, "published") > distance(1, "published") > 0


@every_corruption
def test_global_numpy_state_is_unchanged(corruption: Corruption, photo):
    np.random.seed(5)
    expected = np.random.random(3)
    np.random.seed(5)
    corruption.apply(photo(32, 32), 3, Key.of("a"))
    np.testing.assert_array_equal(np.random.random(3), expected)


@every_corruption
def test_ids_and_seeds_differ_where_the_docstring_does_not_say_no_randomness(corruption: Corruption, photo):
    image = photo(48, 48)
    documented = importlib.import_module(f"robustbench_cls.corruptions.{corruption.name}").__doc__ or ""
    first = corrupt_image(image, corruption, 3, "a", 0)
    others = [corrupt_image(image, corruption, 3, "b", 0), corrupt_image(image, corruption, 3, "a", 1)]
    same = [np.array_equal(first, other) for other in others]
    assert same == ["No randomness." in documented] * 2
