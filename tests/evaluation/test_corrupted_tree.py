"""An ImageNet-C on disk: the published layout, the same bytes however it is made, and resumed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls import EvaluationOptions, corrupt, evaluate
from robustbench_cls.core.errors import UserError
from robustbench_cls.corruptions.engine import named_corruptions
from robustbench_cls.corruptions.jpeg import jpeg_roundtrip
from robustbench_cls.evaluation.corrupted_tree import TreeOptions, write_corrupted_tree

AS_STORED = TreeOptions(resize=0, crop=0)
TWO = ("contrast", "snow")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_what_an_evaluation_shows(toy: Path, tmp_path: Path) -> None:
    made = write_corrupted_tree(toy, tmp_path / "c", named_corruptions(TWO), AS_STORED)
    files = sorted((tmp_path / "c").glob("*/*/*/*"))
    assert made == len(files) == 2 * 5 * 12
    assert {path.relative_to(tmp_path / "c").parts[:3] for path in files} == {
        (name, str(severity), label) for name in TWO for severity in range(1, 6) for label in ("cat", "dog", "owl")
    }
    image = np.array(Image.open(toy / "val" / "dog" / "2.png"))
    expected = jpeg_roundtrip(corrupt(image, "snow", 4, image_ids="dog/2.png"))
    np.testing.assert_array_equal(Image.open(tmp_path / "c" / "snow" / "4" / "dog" / "2.png.JPEG"), expected)


@pytest.mark.parametrize("data", ["", "val"])
def test_same_bytes_for_any_jobs_and_after_a_stop(data: str, toy: Path, tmp_path: Path) -> None:
    chosen = named_corruptions(["contrast", "gaussian_noise"])
    write_corrupted_tree(toy, tmp_path / "one", chosen, AS_STORED, jobs=1)
    stopped = 0

    def progress(total: int, done: int):
        def advance(made: int) -> None:
            nonlocal stopped
            stopped += made
            if stopped > 40:
                raise KeyboardInterrupt

        return advance

    with pytest.raises(KeyboardInterrupt):
        write_corrupted_tree(toy / data, tmp_path / "two", chosen, AS_STORED, jobs=2, progress=progress)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*.JPEG")}
    assert 40 < len(before) < 120
    write_corrupted_tree(toy / data, tmp_path / "two", chosen, AS_STORED, jobs=4)
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_suite_reads_it_as_published_files(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from robustbench_cls.suites.imagenet_c import SUITE

    write_corrupted_tree(toy, tmp_path / "c", named_corruptions(TWO), AS_STORED)
    few = replace(SUITE, conditions=tuple(c for c in SUITE.conditions if c.name in TWO))
    (run,) = evaluate(
        toy_checkpoint, few, EvaluationOptions(data=tmp_path / "c", out=tmp_path / "r", workers=0, progress=False)
    )
    assert run.identity.protocol.images == "published" and len(run.predictions().frame) == 2 * 5 * 12


def test_another_tree_is_refused_by_what_differs(toy: Path, tmp_path: Path) -> None:
    chosen = named_corruptions(["contrast"])
    write_corrupted_tree(toy, tmp_path, chosen, AS_STORED)
    with pytest.raises(UserError, match=r"holds another tree \(seed: 0 != 1\)"):
        write_corrupted_tree(toy, tmp_path, chosen, TreeOptions(resize=0, crop=0, seed=1))
    write_corrupted_tree(toy, tmp_path, named_corruptions(TWO), AS_STORED)  # more corruptions may join
    (tmp_path / "corrupted.json").write_text("{")
    with pytest.raises(UserError, match=r"corrupted\.json can't be read"):
        write_corrupted_tree(toy, tmp_path, chosen, AS_STORED)


def test_a_folder_of_other_files_is_refused(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no"):
        write_corrupted_tree(toy, tmp_path, named_corruptions(["contrast"]), AS_STORED)


def test_too_small_and_unreadable_images_are_named(make_folder, tmp_path: Path) -> None:
    root = make_folder(tmp_path / "small", count=1)
    with pytest.raises(UserError, match=r"cat/0\.png is 16 x 16 px after the crop"):
        write_corrupted_tree(
            root, tmp_path / "c", named_corruptions(["contrast"]), TreeOptions(resize=16, crop=16), jobs=1
        )
    (root / "dog" / "0.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(UserError, match=r"dog/0\.png"):
        write_corrupted_tree(root, tmp_path / "d", named_corruptions(["contrast"]), AS_STORED, jobs=1)
    assert json.loads((tmp_path / "d" / "corrupted.json").read_text())["variant"] == "published"
