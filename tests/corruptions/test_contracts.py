"""Promises of every corruption that is discovered, whoever wrote it."""

import importlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from robustbench_cls.core.corruption import EXTRA, GROUPS, IMAGENET_C, SEVERITIES, VARIANTS, Corruption, Variant
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.engine import all_corruptions, corrupt, corrupt_image

CORRUPTIONS = all_corruptions()
SIZES = [(32, 32), (33, 33), (57, 91), (91, 57), (32, 200)]

every_corruption = pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def test_all_of_imagenet_c_and_its_extras_come_first_in_order():
    assert tuple(CORRUPTIONS)[: len(IMAGENET_C + EXTRA)] == IMAGENET_C + EXTRA


@every_corruption
def test_group_and_source_are_given(corruption: Corruption):
    groups = {name: group for group, names in GROUPS.items() for name in names} | dict.fromkeys(EXTRA, "extra")
    assert corruption.group == groups.get(corruption.name, corruption.group)
    assert corruption.source.startswith("https://")


@every_corruption
@every_variant
@pytest.mark.parametrize("severity", SEVERITIES)
def test_same_key_same_bytes_and_input_untouched(corruption: Corruption, variant: Variant, severity: int, photo):
    apply, image = corruption.by(variant), photo(32, 32)
    before = image.copy()
    image.flags.writeable = False
    first = apply(image, severity, Key.of("a"))
    np.random.seed(1)
    second = apply(before, severity, Key.of("a"))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(image, before)
    assert first.flags.writeable and not np.shares_memory(first, image)


@every_corruption
@every_variant
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shape_and_type_are_kept_at_every_size(
    corruption: Corruption, variant: Variant, size: tuple[int, int], photo, capfd
):
    image = photo(*size)
    for severity in (1, 5):
        corrupted = corruption.by(variant)(image, severity, Key.of("a"))
        assert corrupted.shape == image.shape and corrupted.dtype == np.uint8
        assert 20 < corrupted.mean() < 250
    assert capfd.readouterr() == ("", "")


@every_corruption
@every_variant
def test_batch_order_and_threads_do_not_matter(corruption: Corruption, variant: Variant, photo):
    def corrupted(images, image_ids):
        return corrupt(images, corruption.name, 4, image_ids=image_ids, seed=3, variant=variant)

    images = np.stack([photo(40, 48, number) for number in range(4)])
    ids = ["b", "a", "7", "c"]
    alone = [corrupted(image, i) for image, i in zip(images, ids, strict=True)]
    np.testing.assert_array_equal(corrupted(images, ids), alone)
    np.testing.assert_array_equal(corrupted(images[::-1], ids[::-1])[::-1], alone)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(corrupt_image, images[i % 4], corruption, 4, ids[i % 4], 3, variant) for i in range(12)]
        for i, job in enumerate(jobs):
            np.testing.assert_array_equal(job.result(), alone[i % 4])


@every_corruption
def test_severity_5_is_further_than_1(corruption: Corruption, photo):
    def distance(severity: int, variant: Variant) -> float:
        image = photo(32, 32) if variant == "cifar" else photo(64, 64)
        corrupted = [corrupt_image(image, corruption, severity, str(i), 0, variant) for i in range(16)]
        return float(np.abs(np.stack(corrupted).astype(int) - image).mean())

    assert distance(5, "imagecorruptions") > distance(1, "imagecorruptions") > 0
    if corruption.name != "elastic_transform":  # its tilt outweighs the rest, most of all at severities 1 and 2
        assert distance(5, "published") > distance(1, "published") > 0
        assert distance(5, "cifar") > distance(1, "cifar") > 0


@every_corruption
def test_global_numpy_state_is_unchanged(corruption: Corruption, photo):
    np.random.seed(5)
    expected = np.random.random(3)
    np.random.seed(5)
    corruption.apply(photo(32, 32), 3, Key.of("a"))
    np.testing.assert_array_equal(np.random.random(3), expected)


@every_corruption
@every_variant
def test_ids_and_seeds_differ_where_the_docstring_does_not_say_no_randomness(
    corruption: Corruption, variant: Variant, photo
):
    image = photo(48, 48)
    documented = importlib.import_module(f"robustbench_cls.corruptions.{corruption.name}").__doc__ or ""

    def corrupted(image_id: str, seed: int) -> np.ndarray:
        # several severities: of a short motion blur, two angles may move all pixels alike
        return np.stack([corrupt_image(image, corruption, s, image_id, seed, variant) for s in (3, 4, 5)])

    same = [np.array_equal(corrupted("a", 0), corrupted(*other)) for other in (("b", 0), ("a", 1))]
    assert same == ["No randomness." in documented] * 2
