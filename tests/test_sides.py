"""Each option stands on its side, by experiment: `identity` decides the numbers, `runtime` only where and how fast.

An experiment evaluates or trains twice, with values of one option that differ and all others alike. What a runtime
option leaves alike are bytes, with two exceptions: `keep_logits` adds a column, and on some machines PyTorch rounds
logits otherwise in batches of another size, by some 1e-7.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from robustbench_cls import EvaluationOptions, TrainingOptions, evaluate, load_classifier, train
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Condition
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.results.store import StoredRun
from robustbench_cls.suites.imagenet_c import SUITE

FEW = replace(SUITE, conditions=(Condition("gaussian_noise", 3), Condition("contrast", 1)))
RECIPE = "cutmix"
MODEL = "test_resnet"


@dataclass(frozen=True)
class Place:
    """A working folder with two data sets of the same classes.

    Attributes:
        data, other: roots whose images differ.
        root: a new folder.
    """

    data: Path
    other: Path
    root: Path


@pytest.fixture(scope="module")
def place(toy: Path, tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path]) -> Place:
    root = tmp_path_factory.mktemp("sides")
    for seed, (split, count) in enumerate({"train": 12, "val": 4}.items()):
        make_folder(root / "other" / split, count=count, seed=50 + seed)
    return Place(toy, root / "other", root)


EVALUATIONS: Mapping[str, Callable[[Place], object]] = {
    "data": lambda place: place.other,
    "limit": lambda place: 6,
    "seed": lambda place: 1,
    "batch_size": lambda place: 12,
    "workers": lambda place: 2,
    "shard": lambda place: "1/2",
    "crops": lambda place: place.root / "crops",
    "keep_logits": lambda place: True,
    "out": lambda place: place.root / "elsewhere",
    "checks": lambda place: True,
    "progress": lambda place: True,
}
"""The other value of each option of an evaluation."""

TRAININGS: Mapping[str, Callable[[Place], object]] = {
    "data": lambda place: place.other,
    "overrides": lambda place: {**SETTINGS, "lr": 0.05},
    "seed": lambda place: 1,
    "precision": lambda place: "bfloat16",
    "limit": lambda place: 20,
    "start": lambda place: place.root / "training" / "best.pt",
    "name": lambda place: "mine",
    "out": lambda place: place.root / "trained elsewhere",
    "device": lambda place: "cpu:0",
    "workers": lambda place: 2,
    "crops": lambda place: place.root / "crops of a training",
    "trackers": lambda place: ("tensorboard",),
    "alone": lambda place: True,
    "progress": lambda place: True,
}
"""The other value of each option of a training."""

SETTINGS = {"epochs": 1, "batch_size": 12, "input_size": 32}


def sides(options: type[EvaluationOptions] | type[TrainingOptions]) -> list[tuple[str, str]]:
    """Name and side of each option."""
    return [(field.name, field.metadata["side"]) for field in fields(options)]


def test_every_option_has_an_experiment() -> None:
    assert EVALUATIONS.keys() == {name for name, _ in sides(EvaluationOptions)}
    assert TRAININGS.keys() == {name for name, _ in sides(TrainingOptions)}


@pytest.fixture(scope="module")
def evaluated(place: Place, toy_checkpoint: Path) -> tuple[Classifier, EvaluationOptions, StoredRun]:
    """A classifier, options that spell every value out, and what they gave."""
    classifier = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    options = EvaluationOptions(
        data=place.data, batch_size=5, workers=0, crops=None, out=place.root / "run", checks=False, progress=False
    )
    return classifier, options, evaluate(classifier, FEW, options)[0]


def files(run: StoredRun) -> dict[str, bytes]:
    """Everything stored of the images."""
    assert not run.missing()
    return {path.name: path.read_bytes() for path in run.folder.rglob("*") if path.suffix in {".parquet", ".webp"}}


def without_logits(run: StoredRun) -> dict[str, pa.Table]:
    """The results of each condition as they are stored without logits."""
    tables = {condition.stem: pq.read_table(run.path(condition)) for condition in run.all_conditions}
    assert all("logits" in table.column_names for table in tables.values())
    return {stem: table.drop_columns(["logits"]) for stem, table in tables.items()}


@pytest.mark.parametrize(("name", "side"), sides(EvaluationOptions))
def test_an_option_of_evaluating(
    name: str, side: str, evaluated: tuple[Classifier, EvaluationOptions, StoredRun], place: Place, tmp_path: Path
) -> None:
    classifier, options, before = evaluated
    other = EVALUATIONS[name](place)
    assert other != getattr(options, name)
    changed = replace(options, **{"out": tmp_path, name: other})
    (after,) = evaluate(classifier, FEW, changed)
    if name == "shard":
        assert after.missing()
        (after,) = evaluate(classifier, FEW, replace(changed, shard="2/2"))
    assert after.folder != before.folder
    if side == "identity":
        assert after.identity.digest() != before.identity.digest()
        theirs, ours = files(after), files(before)
        assert all(theirs[f"{c.stem}.parquet"] != ours[f"{c.stem}.parquet"] for c in FEW.conditions)
        return
    assert after.identity.digest() == before.identity.digest()
    if name == "keep_logits":
        expected = {condition.stem: pq.read_table(before.path(condition)) for condition in before.all_conditions}
        assert all(table.equals(expected[stem], check_metadata=True) for stem, table in without_logits(after).items())
    elif name == "batch_size":
        for condition in before.all_conditions:
            assert_frame_equal(after.read(condition), before.read(condition), rtol=0, atol=1e-5)
    else:
        assert files(after) == files(before)


@pytest.fixture(scope="module")
def trained(place: Place) -> TrainingOptions:
    """Options that spell every value out; `out` holds what they gave."""
    options = TrainingOptions(
        data=place.data,
        overrides=SETTINGS,
        precision="float32",
        out=place.root / "training",
        device="cpu",
        workers=0,
        crops=None,
        progress=False,
    )
    train(MODEL, RECIPE, options)
    return options


def weights(out: Path) -> dict[str, bytes]:
    """The last weights of a training."""
    return {name: tensor.numpy().tobytes() for name, tensor in read_checkpoint(out / "last.pt")[1].items()}


@pytest.mark.parametrize(("name", "side"), sides(TrainingOptions))
def test_an_option_of_training(name: str, side: str, trained: TrainingOptions, place: Place, tmp_path: Path) -> None:
    other = TRAININGS[name](place)
    assert other != getattr(trained, name)
    changed = replace(trained, **{"out": tmp_path / "run", name: other})
    train(MODEL, RECIPE, changed)
    before, after = weights(Path(str(trained.out))), weights(Path(str(changed.out)))
    assert before.keys() == after.keys()
    shutil.copytree(str(trained.out), tmp_path / "begun")
    resumed = replace(changed, out=tmp_path / "begun")
    if side == "identity":
        assert before != after
        with pytest.raises(UserError, match="holds another training"):
            train(MODEL, RECIPE, resumed)
    else:
        assert before == after
        assert train(MODEL, RECIPE, resumed) == tmp_path / "begun" / "best.pt"
