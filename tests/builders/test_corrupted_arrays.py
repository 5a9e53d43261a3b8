"""A CIFAR-10-C on disk: the published layout, the pixels of an evaluation, and resumed by corruption."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls import EvaluationOptions, corrupt, evaluate
from robustbench_cls.builders.corrupted_arrays import write_corrupted_arrays
from robustbench_cls.builders.corrupted_tree import TreeOptions, write_corrupted_tree
from robustbench_cls.core.errors import UserError
from robustbench_cls.corruptions.engine import named_corruptions
from robustbench_cls.suites.cifar_10_c import SUITE

TWO = ("contrast", "gaussian_noise")
FEW = replace(SUITE, conditions=tuple(c for c in SUITE.conditions if c.name in TWO), measures=())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set `cifar10` of six 32 px images in three classes."""
    root = tmp_path_factory.mktemp("arrays") / "cifar10"
    for label, name in enumerate(("cat", "dog", "owl")):
        (root / "val" / name).mkdir(parents=True)
        for i in range(2):
            pixels = np.random.default_rng([label, i]).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "val" / name / f"{i}.png")
    return root


def test_arrays_in_the_published_layout_of_what_corrupt_gives(small: Path, tmp_path: Path) -> None:
    made = write_corrupted_arrays(small, tmp_path / "c", named_corruptions(TWO), seed=3)
    rows = np.load(tmp_path / "c/gaussian_noise.npy")
    assert made == 2 * 5 * 6 and rows.shape == (30, 32, 32, 3) and rows.dtype == np.uint8
    assert np.load(tmp_path / "c/labels.npy").tolist() == [0, 0, 1, 1, 2, 2] * 5
    image = np.array(Image.open(small / "val/dog/1.png"))
    expected = corrupt(image, "gaussian_noise", 4, image_ids="dog/1.png", seed=3, variant="cifar")
    np.testing.assert_array_equal(rows[3 * 6 + 3], expected)
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "contrast.npy",
        "corrupted.json",
        "gaussian_noise.npy",
        "labels.npy",
    ]


def test_an_evaluation_of_them_gives_the_numbers_of_generated_images(
    small: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    stored = small.parent / "cifar-10-c"
    write_corrupted_arrays(small, stored, named_corruptions(TWO))
    options = EvaluationOptions(workers=0, progress=False)
    (read,) = evaluate(toy_checkpoint, FEW, replace(options, data=stored, out=tmp_path / "read"))
    (generated,) = evaluate(toy_checkpoint, FEW, replace(options, data=small, out=tmp_path / "generated"))
    assert read.identity.protocol.images == "stored:engine 1 as cifar, seed 0"
    for condition in FEW.conditions:
        ours, theirs = read.read(condition), generated.read(condition)
        assert list(ours["image_id"]) == list(theirs["image_id"])
        np.testing.assert_array_equal(ours["prediction"], theirs["prediction"])
        np.testing.assert_allclose(ours["nll"], theirs["nll"], rtol=1e-6)
    with pytest.raises(UserError, match="is not finished for 13 corruptions of 'cifar-10-c', brightness among them"):
        evaluate(toy_checkpoint, "cifar-10-c", replace(options, data=stored, out=tmp_path / "whole"))


def test_it_goes_on_with_the_corruption_it_was_at(
    small: Path, tmp_path: Path, stop_after: Callable[[int], Callable[[int, int], Callable[[int], None]]]
) -> None:
    chosen = named_corruptions(TWO)
    write_corrupted_arrays(small, tmp_path / "one", chosen, jobs=1)
    with pytest.raises(KeyboardInterrupt):
        write_corrupted_arrays(small, tmp_path / "two", chosen, jobs=2, progress=stop_after(40))
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "two").glob("*.npy")}
    assert set(first) == {"labels.npy", f"{chosen[0].name}.npy"}
    started: list[tuple[int, int]] = []
    write_corrupted_arrays(
        small, tmp_path / "two", chosen, progress=lambda total, done: started.append((total, done)) or int
    )
    assert started == [(60, 30)]
    assert (tmp_path / "two" / f"{chosen[0].name}.npy").stat().st_mtime_ns == first[f"{chosen[0].name}.npy"]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_what_can_not_be_an_array(small: Path, tmp_path: Path) -> None:
    chosen = named_corruptions(TWO)
    write_corrupted_arrays(small, tmp_path / "c", chosen)
    with pytest.raises(UserError, match=r"holds other images \(seed: 0 != 1\)"):
        write_corrupted_arrays(small, tmp_path / "c", chosen, seed=1)
    with pytest.raises(UserError, match="lies inside the images"):
        write_corrupted_arrays(small, small / "val/c", chosen)
    shutil.copytree(small, tmp_path / "edited")
    (tmp_path / "edited/val/owl/0.png").write_bytes((small / "val/cat/0.png").read_bytes())
    with pytest.raises(UserError, match=r"holds other images \(data: "):
        write_corrupted_arrays(tmp_path / "edited", tmp_path / "c", chosen)
    (tmp_path / "c/labels.npy").unlink()
    write_corrupted_arrays(small, tmp_path / "c", chosen)
    assert (tmp_path / "c/labels.npy").is_file()
    with pytest.raises(UserError, match="Variant cifar has no JPEG files"):
        write_corrupted_tree(small, tmp_path / "t", chosen, TreeOptions(0, 0, variant="cifar"))
    (tmp_path / "mixed/val/cat").mkdir(parents=True)
    for side in (32, 33):
        Image.new("RGB", (side, 32)).save(tmp_path / f"mixed/val/cat/{side}.png")
    with pytest.raises(UserError, match=r"cat/33.png is 33 x 32 px. An array holds images of one size"):
        write_corrupted_arrays(tmp_path / "mixed", tmp_path / "d", chosen)
