"""Images that a data set holds twice, and validation images that are among those of the training."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from robustbench_cls import EvaluationOptions, TrainingOptions, evaluate, train
from robustbench_cls.data.copies import copies_between, copies_within
from robustbench_cls.data.locate import open_split
from robustbench_cls.data.source import open_source
from robustbench_cls.models.checkpoint import read_checkpoint, save
from robustbench_cls.report.collect import collect
from robustbench_cls.report.comparison import compare_runs
from robustbench_cls.results.manifest import find_runs

SHORT = {"epochs": 1, "batch_size": 12, "input_size": 32}


def doubled(toy: Path, root: Path) -> Path:
    """The toy data with each val image twice, under another name."""
    shutil.copytree(toy, root)
    for path in list((root / "val").rglob("*.png")):
        shutil.copy(path, path.with_name(f"again-{path.name}"))
    return root


def test_copies_within_a_folder(toy: Path, tmp_path: Path) -> None:
    assert copies_within(open_source(toy / "val")) == 0
    source = open_source(doubled(toy, tmp_path / "data") / "val")
    assert (len(source), copies_within(source)) == (24, 12)


def test_val_among_train(toy: Path, tmp_path: Path) -> None:
    assert copies_between(open_source(toy / "val"), open_source(toy / "train")) == (12, 0)
    shutil.copytree(toy / "train", tmp_path / "train")
    for name in ("cat", "dog"):
        shutil.copy(toy / f"val/{name}/1.png", tmp_path / f"train/{name}/copy.png")
    assert copies_between(open_source(toy / "val"), open_source(tmp_path / "train")) == (12, 2)


def test_copies_in_parquet(toy: Path, tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    rows = [{"bytes": (toy / f"val/cat/{i}.png").read_bytes(), "path": None} for i in (0, 1, 0)]
    for name, chosen in {"val": rows, "train": rows[1:]}.items():
        content = {"image": chosen, "label": [0] * len(chosen)}
        datasets.Dataset.from_dict(content, features=features).to_parquet(str(tmp_path / f"{name}.parquet"))
    validation, training = open_split(tmp_path, "val"), open_split(tmp_path, "train")
    assert validation.sizes_N.tolist() == [len(row["bytes"]) for row in rows]
    assert copies_within(validation) == 1 and copies_between(validation, training) == (3, 3)


def test_an_evaluation_says_how_many_images_are_copies(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    data = doubled(toy, tmp_path / "data")
    options = EvaluationOptions(data=data, out=tmp_path / "out", workers=0, progress=False, crops=None)
    (run,) = evaluate(toy_checkpoint, "imagenet", options)
    note = "12 of 24 images are copies of others, so the intervals are narrower than they should be"
    assert run.circumstances.notes == (note,)


def test_a_training_says_that_val_is_among_train(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], make_folder: Callable[..., Path]
) -> None:
    shutil.copytree(toy / "train", tmp_path / "data/train")
    shutil.copytree(toy / "train", tmp_path / "data/val")
    options = TrainingOptions(data=tmp_path / "data", overrides=SHORT, out=tmp_path / "out", workers=0, crops=None)
    best = train("test_resnet", "baseline", options)
    assert "36 of 36 validation images looked at are among the training images as well" in capsys.readouterr().err
    assert read_checkpoint(best)[0].origin.notes[0].startswith("36 of 36 validation images")


def _as_before(best: Path, data: Path) -> None:
    """The checkpoint as an older version wrote it: `val` chose the epoch."""
    about, weights, _ = read_checkpoint(best)
    save(best, replace(about, selection="val", selected_on=open_split(data, "val").fingerprint), weights, {})


def test_trainings_that_differ_in_more_than_the_recipe(toy: Path, tmp_path: Path) -> None:
    for recipe, epochs in (("baseline", 1), ("cutmix", 2)):
        folder = tmp_path / recipe
        settings = {**SHORT, "epochs": epochs}
        options = TrainingOptions(data=toy, overrides=settings, out=folder, workers=0, crops=None, progress=False)
        best = train("test_resnet", recipe, options)
        _as_before(best, toy)
        evaluate(best, "imagenet", EvaluationOptions(data=toy, out=folder, workers=0, progress=False, crops=None))
    _, notes = compare_runs(*(find_runs(tmp_path / recipe) for recipe in ("baseline", "cutmix")))
    assert [note for note in notes if "differ" in note] == [
        f"imagenet on {toy.name}: the trainings differ in more than the recipe: epochs 1 (A), 2 (B)"
    ]
    page = collect([tmp_path])
    first = "test_resnet-baseline-s0"
    assert f"The trainings differ in more than the recipe: epochs 1 ({first}), 2 (test_resnet-cutmix-s0)." in page.notes
    assert any(
        note.startswith(f"{first} on imagenet on {toy.name}: the epoch of these weights was chosen by the accuracy")
        for note in page.notes
    )
