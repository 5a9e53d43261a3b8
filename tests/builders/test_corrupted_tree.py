"""An ImageNet-C on disk: the published layout, the same bytes however it is made, and resumed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls import EvaluationOptions, corrupt, evaluate
from robustbench_cls.builders.corrupted_tree import TreeOptions, write_corrupted_tree
from robustbench_cls.core.corruption import IMAGENET_C
from robustbench_cls.core.errors import UserError
from robustbench_cls.corruptions.engine import named_corruptions
from robustbench_cls.corruptions.jpeg import jpeg_roundtrip
from robustbench_cls.data.locate import locate
from robustbench_cls.suites.imagenet_c import SUITE

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
def test_same_bytes_for_any_jobs_and_after_a_stop(
    data: str, toy: Path, tmp_path: Path, stop_after: Callable[[int], Callable[[int, int], Callable[[int], None]]]
) -> None:
    chosen = named_corruptions(["contrast", "gaussian_noise"])
    write_corrupted_tree(toy, tmp_path / "one", chosen, AS_STORED, jobs=1)
    with pytest.raises(KeyboardInterrupt):
        write_corrupted_tree(toy / data, tmp_path / "two", chosen, AS_STORED, jobs=2, progress=stop_after(40))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*.JPEG")}
    assert 40 < len(before) < 120
    write_corrupted_tree(toy / data, tmp_path / "two", chosen, AS_STORED, jobs=4)
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_suite_reads_it_as_published_files(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    write_corrupted_tree(toy, tmp_path / "c", named_corruptions(TWO), AS_STORED)
    few = replace(SUITE, conditions=tuple(c for c in SUITE.conditions if c.name in TWO))
    (run,) = evaluate(
        toy_checkpoint, few, EvaluationOptions(data=tmp_path / "c", out=tmp_path / "r", workers=0, progress=False)
    )
    assert run.identity.protocol.images == "stored:engine 1 as published, seed 0"
    assert len(run.predictions().frame) == 2 * 5 * 12
    with pytest.raises(UserError, match="is not finished for 13 corruptions of 'imagenet-c', brightness among them"):
        evaluate(toy_checkpoint, "imagenet-c", EvaluationOptions(data=tmp_path / "c", out=tmp_path / "s", workers=0))


@pytest.mark.parametrize("place", ["c/val", "val"])
def test_clean_images_are_found_in_the_tree_and_beside_it(place: str, toy: Path, tmp_path: Path) -> None:
    write_corrupted_tree(toy, tmp_path / "c", named_corruptions(IMAGENET_C), replace(AS_STORED, limit=1))
    assert locate(SUITE, tmp_path / "c").reference is None
    shutil.copytree(toy / "val", tmp_path / place)
    assert locate(SUITE, tmp_path / "c").reference == (tmp_path / place, "")


def test_rows_of_a_table_go_into_the_folders_of_their_classes(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as ImageFeature

    pictures = [Image.fromarray(np.full((32, 32, 3), 40 * i, np.uint8)) for i in range(4)]
    features = Features({"image": ImageFeature(), "label": ClassLabel(names=["cat", "dog"])})
    table = Dataset.from_dict({"image": pictures, "label": [0, 1, 0, 1]}, features=features)
    (tmp_path / "p").mkdir()
    table.to_parquet(tmp_path / "p" / "val-00000-of-00001.parquet")
    write_corrupted_tree(tmp_path / "p", tmp_path / "c", named_corruptions(["contrast"]), AS_STORED)
    found = sorted(
        path.relative_to(tmp_path / "c" / "contrast" / "1") for path in (tmp_path / "c/contrast/1").rglob("*.JPEG")
    )
    assert [path.parts[0] for path in found] == ["cat", "cat", "dog", "dog"] and len(found[0].parts) == 2


def test_clean_images_beside_the_tree_are_its_reference(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "val").symlink_to(toy / "val")
    write_corrupted_tree(tmp_path, tmp_path / "c", named_corruptions(["contrast"]), AS_STORED)
    few = replace(SUITE, conditions=tuple(c for c in SUITE.conditions if c.name == "contrast"))
    options = EvaluationOptions(data=tmp_path / "c", out=tmp_path / "r", workers=0, progress=False)
    (run,) = evaluate(toy_checkpoint, few, options)
    clean = run.predictions().reference
    assert clean is not None and len(clean.image_ids) == 12


def test_another_tree_is_refused_by_what_differs(toy: Path, tmp_path: Path) -> None:
    chosen = named_corruptions(["contrast"])
    write_corrupted_tree(toy, tmp_path, chosen, AS_STORED)
    with pytest.raises(UserError, match=r"holds other images \(seed: 0 != 1\)"):
        write_corrupted_tree(toy, tmp_path, chosen, TreeOptions(resize=0, crop=0, seed=1))
    write_corrupted_tree(toy, tmp_path, named_corruptions(TWO), AS_STORED)  # more corruptions may join
    (tmp_path / "corrupted.json").write_text("{")
    with pytest.raises(UserError, match=r"corrupted\.json can't be read"):
        write_corrupted_tree(toy, tmp_path, chosen, AS_STORED)


def test_a_folder_of_other_files_is_refused(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no"):
        write_corrupted_tree(toy, tmp_path, named_corruptions(["contrast"]), AS_STORED)


def test_unusable_images_are_named_after_all_others_are_written(make_folder, tmp_path: Path) -> None:
    root = make_folder(tmp_path / "mine", count=2)
    whole = (root / "dog" / "0.png").read_bytes()
    (root / "dog" / "0.png").write_bytes(whole[:90])
    chosen = named_corruptions(["contrast"])
    with pytest.raises(UserError, match=r"dog/0\.png .*Keep the file name.* 1 such images; .*others are written"):
        write_corrupted_tree(root, tmp_path / "c", chosen, AS_STORED)
    assert len(list((tmp_path / "c").rglob("*.JPEG"))) == 5 * 5
    assert json.loads((tmp_path / "c" / "corrupted.json").read_text())["finished"] == []
    (root / "dog" / "0.png").write_bytes(whole)
    assert write_corrupted_tree(root, tmp_path / "c", chosen, AS_STORED) == 6 * 5
    assert json.loads((tmp_path / "c" / "corrupted.json").read_text())["finished"] == ["contrast"]


def test_a_start_that_made_nothing_does_not_bind(make_folder, tmp_path: Path) -> None:
    root = make_folder(tmp_path / "mine", count=1)
    with pytest.raises(UserError, match=r"cat/0\.png is 16 x 16 px after the crop"):
        write_corrupted_tree(root, tmp_path / "c", named_corruptions(TWO), TreeOptions(resize=16, crop=16))
    (tmp_path / "c" / ".corrupted.json.x.tmp").touch()
    assert write_corrupted_tree(root, tmp_path / "c", named_corruptions(TWO), AS_STORED) == 2 * 5 * 3


def test_unfinished_and_unlike_trees_are_not_measured(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    def stop(total: int, done: int):
        def advance(made: int) -> None:
            raise KeyboardInterrupt

        return advance

    with pytest.raises(KeyboardInterrupt):
        write_corrupted_tree(toy, tmp_path / "c", named_corruptions(IMAGENET_C), AS_STORED, jobs=1, progress=stop)
    options = EvaluationOptions(data=tmp_path / "c", out=tmp_path / "r", workers=0, progress=False)
    with pytest.raises(UserError, match="is not finished for 15 corruptions .*Go on with robust data corrupt"):
        evaluate(toy_checkpoint, "imagenet-c", options)
    with pytest.raises(UserError, match="was corrupted as published, but suite 'imagenet-c-imagecorruptions' wants"):
        evaluate(toy_checkpoint, "imagenet-c-imagecorruptions", options)


def test_names_that_would_meet_are_refused(make_folder, tmp_path: Path) -> None:
    root = make_folder(tmp_path / "mine", count=1)
    (root / "cat" / "0.png.JPEG").write_bytes((root / "cat" / "0.png").read_bytes())
    with pytest.raises(UserError, match=r"would both be written as cat/0\.png\.JPEG"):
        write_corrupted_tree(root, tmp_path / "c", named_corruptions(TWO), AS_STORED)


def test_a_tree_inside_its_images_is_refused(make_folder, tmp_path: Path) -> None:
    root = make_folder(tmp_path / "mine", count=1)
    with pytest.raises(UserError, match="lies inside the images"):
        write_corrupted_tree(root, root / "c", named_corruptions(TWO), AS_STORED)


def test_a_full_disk_leaves_no_half_file(make_folder, tmp_path: Path) -> None:
    root = make_folder(tmp_path / "mine", count=2)
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from robustbench_cls.builders.corrupted_tree import TreeOptions, write_corrupted_tree;"
        "from robustbench_cls.corruptions.engine import named_corruptions;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1200, 1200));"
        "write_corrupted_tree(Path(sys.argv[1]), Path(sys.argv[2]), named_corruptions(['snow', 'gaussian_noise']),"
        "TreeOptions(resize=0, crop=0), jobs=1)"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code, str(root), str(tmp_path / "c")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "Could not write" in result.stderr and result.returncode
    for file in (tmp_path / "c").rglob("*.JPEG"):
        Image.open(file).load()
    assert write_corrupted_tree(root, tmp_path / "c", named_corruptions(["contrast"]), AS_STORED) == 2 * 3 * 5
    for file in (tmp_path / "c" / "contrast").rglob("*.JPEG"):
        Image.open(file).load()
