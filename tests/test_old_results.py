"""A stored run and a checkpoint of the version before nouns could grow: both still read, with the same digests.

`tests/old` was written by that version: `robust data shapes --train 4 --val 3`, `robust train --recipe randaugment
--model test_resnet --set epochs=1 --set input_size=32 --set batch_size=20`, `robust eval` on three suites, and the CSV
of `robust report` on them.
"""

import csv
import json
import tarfile
from pathlib import Path

import pytest

from robustbench_cls import EvaluationOptions, evaluate, load_classifier, write_report
from robustbench_cls.builders.shapes import build_shapes
from robustbench_cls.core.progress import progress_items
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.results.manifest import find_runs, read_run

OLD = Path(__file__).parent / "old"
CHECKPOINT = OLD / "checkpoint.pt"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD / "runs.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "old"


def test_the_checkpoint_reads_and_has_the_weights_it_had(runs: Path) -> None:
    about, _, _ = read_checkpoint(CHECKPOINT)
    assert (about.name, about.epoch, about.seed) == ("test_resnet-randaugment-s0", 1, 0)
    classifier = load_classifier(CHECKPOINT, device="cpu", backend="torch")
    assert classifier.weights_sha256 == read_run(runs / "imagenet").identity.weights_sha256
    assert classifier.origin.overlaps == ("brightness", "contrast")
    assert classifier.origin.settings["lr"] == 0.1 and classifier.origin.seed == 0


def test_every_stored_run_reads_with_the_digest_in_its_files(runs: Path) -> None:
    found = find_runs(runs)
    assert [run.identity.suite for run in found] == ["imagenet", "imagenet-a", "imagenet-c"]
    for run in found:
        content = json.loads((run.folder / "run.json").read_text())
        assert content["format"] == 2
        assert not run.missing()
        assert run.predictions().image_ids  # each file carries the digest that it was written with
        assert run.origin.recipe == "randaugment" and run.origin.epoch == 1
        assert run.circumstances.notes == tuple(content["provenance"]["notes"])
        assert run.suite.title == content["provenance"]["suite_title"]


def test_an_old_run_says_what_it_is_about(runs: Path) -> None:
    run = read_run(runs / "imagenet-c")
    groups = {condition.group for condition in run.conditions}
    assert groups == {"noise", "blur", "weather", "digital"} and all(c.counted for c in run.conditions)
    assert run.suite.measures[0].metric == "mce"


def test_the_numbers_are_what_they_were(runs: Path, tmp_path: Path) -> None:
    write_report(runs, tmp_path / "page.html")

    def values(path: Path) -> dict[tuple[str, ...], tuple[float, str, str]]:
        with path.open() as file:
            rows = csv.DictReader(file)
            keys = ("suite", "condition", "severity", "metric")
            return {tuple(r[key] for key in keys): (float(r["value"]), r["unit"], r["n"]) for r in rows}

    before, now = values(OLD / "scores.csv"), values(tmp_path / "page.csv")
    gone = {key[3] for key in before.keys() - now.keys()}
    assert gone == {"aurc"}  # one number under two names: 1 - aurra
    assert {key: now[key] for key in before.keys() & now.keys()} == {k: v for k, v in before.items() if k[3] != "aurc"}
    for key in (key for key in before if key[3] == "aurc"):
        assert before[key][0] == pytest.approx(1 - now[(*key[:3], "aurra")][0], abs=1e-12)


def test_an_evaluation_goes_on_in_an_old_runs_folder(runs: Path, tmp_path: Path) -> None:
    build_shapes(tmp_path / "shapes", train=4, val=3, seed=0, progress=progress_items)
    (runs / "imagenet" / "clean.parquet").rename(tmp_path / "clean.parquet")
    before = read_run(runs / "imagenet-c")
    options = EvaluationOptions(data=tmp_path / "shapes", out=runs, workers=0, progress=False, crops=None)
    classifier = load_classifier(CHECKPOINT, device="cpu", backend="torch")
    clean, corrupted = evaluate(classifier, ["imagenet", "imagenet-c"], options)
    assert corrupted.identity.digest() == before.identity.digest()
    assert not clean.missing()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(clean), "path", lambda self, condition: tmp_path / "clean.parquet")
        old = clean.predictions()
    assert clean.predictions().columns["prediction"].tolist() == old.columns["prediction"].tolist()
