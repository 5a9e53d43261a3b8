import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from identities import IDENTITY

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.predictions import COLUMNS
from robustbench_cls.core.run import Circumstances
from robustbench_cls.core.suite import HEAD, Condition, Measure
from robustbench_cls.data.label_spaces import answers_of, imagenet_1k
from robustbench_cls.evaluation.loop import columns
from robustbench_cls.results.manifest import find_runs, open_run, read_run
from robustbench_cls.results.store import StoredRun, as_table
from robustbench_cls.suites import imagenet_c

FOG, CLEAN = Condition("fog", 3), Condition("clean")
SUITE = replace(imagenet_c.SUITE, conditions=(FOG,))


def stored(folder: Path, **identity: object) -> StoredRun:
    return StoredRun(folder, replace(IDENTITY, **identity), SUITE, imagenet=True)


def frame(n: int = 3) -> pd.DataFrame:
    rows = {name: [name in ("correct", "top5", "head_correct")] * n for name in COLUMNS}
    return pd.DataFrame({**rows, "image_id": [f"a/{i}" for i in range(n)]})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    run = open_run(stored(tmp_path / "r"))
    assert run.missing() == (CLEAN, FOG)
    run.write(FOG, as_table(frame()))
    again = read_run(tmp_path / "r")
    assert again.identity == run.identity
    assert again.missing() == (CLEAN,)
    assert {k: str(v) for k, v in again.read(FOG).dtypes.items() if k != "image_id"} == {
        k: v for k, v in COLUMNS.items() if k != "image_id"
    }
    assert again.predictions().frame["severity"].tolist() == [3, 3, 3]
    assert again.predictions().reference is None


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    run = open_run(stored(tmp_path / "r"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(UserError, match="No space left on device. Nothing stored before is lost"):
        run.write(FOG, as_table(frame()))
    assert {p.name for p in (tmp_path / "r").iterdir()} == {"run.json"}


def test_another_run_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    open_run(stored(tmp_path / "r"))
    open_run(stored(tmp_path / "r"))
    with pytest.raises(UserError, match="holds another run .*seed: 0 != 1.*Choose another --out"):
        open_run(stored(tmp_path / "r", seed=1))


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="not empty"):
        open_run(stored(tmp_path))


def test_a_file_of_another_run_is_refused(tmp_path: Path) -> None:
    one, two = open_run(stored(tmp_path / "1")), open_run(stored(tmp_path / "2", seed=1))
    one.write(FOG, as_table(frame()))
    one.path(FOG).rename(two.path(FOG))
    with pytest.raises(UserError, match="belongs to another run"):
        two.predictions()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 99}'])
def test_a_damaged_manifest(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=r"run\.json"):
        read_run(tmp_path)


def test_the_manifests_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    own = open_run(stored(tmp_path / "own"))
    for place, content in enumerate(["{}", "[]", '{"id": "a1", "config": {}}']):
        (tmp_path / str(place)).mkdir()
        (tmp_path / str(place) / "run.json").write_text(content)
    assert [run.folder for run in find_runs(tmp_path)] == [own.folder]
    (tmp_path / "0" / "run.json").write_text('{"format": 1, "identity": ')
    with pytest.raises(UserError, match=r"0/run\.json is not a run"):
        find_runs(tmp_path)


def test_a_damaged_result(tmp_path: Path) -> None:
    run = open_run(stored(tmp_path / "r"))
    run.path(FOG).write_bytes(b"PAR1 but no more")
    with pytest.raises(UserError, match="fog-3.parquet can't be read .* Delete it"):
        run.predictions()


def test_no_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No results in"):
        find_runs(tmp_path)


def test_imagenet_c_of_one_model_takes_at_most_150_mb(tmp_path: Path) -> None:
    """All 76 conditions of 50,000 images, by one with answers as varied as a model's and ImageNet's own names."""
    rng = np.random.default_rng(0)
    labels_N = np.repeat(np.arange(1000), 50)
    numbers = np.sort(rng.permutation(50_000).reshape(1000, 50), axis=1).reshape(-1)
    names = imagenet_1k()
    ids = tuple(
        f"{names[label]}/ILSVRC2012_val_{number + 1:08d}.JPEG" for label, number in zip(labels_N, numbers, strict=True)
    )
    logits_NC = torch.from_numpy(rng.standard_normal((50_000, 1000), dtype=np.float32)) * 2
    logits_NC[np.arange(50_000), labels_N] += 8
    results = columns(logits_NC, torch.from_numpy(labels_N), ids, answers_of(HEAD, names, (), ""))
    assert 0.3 < results["correct"].mean() < 0.95
    run = stored(tmp_path / "r")
    run.write(FOG, as_table(results))
    assert run.path(FOG).stat().st_size * 76 <= 150_000_000


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("confidence", 1.5, "values of confidence outside 0 to 1.0"),
        ("nll", -3.0, "values of nll outside 0 to inf"),
        ("brier", 2.5, "values of brier outside 0 to 2.0"),
        ("brier", float("nan"), "NaN or infinite values of brier"),
        ("label", -1, "a label below 0"),
    ],
)
def test_results_that_no_evaluation_stores_are_named(tmp_path: Path, column: str, value: float, message: str) -> None:
    run = stored(tmp_path)
    open_run(run)
    for condition in run.all_conditions:
        run.write(condition, as_table(frame().assign(**{column: value})))
    with pytest.raises(UserError, match=message):
        run.predictions()


def test_a_label_outside_the_label_space_is_named(tmp_path: Path) -> None:
    run = replace(stored(tmp_path), class_names=("cat", "dog"))
    open_run(run)
    for condition in run.all_conditions:
        run.write(condition, as_table(frame().assign(prediction=1, correct=False)))
    assert run.predictions().columns["prediction"].max() == 1
    for name in ("label", "prediction"):
        for condition in run.all_conditions:
            run.write(condition, as_table(frame().assign(**{name: 2})))
        with pytest.raises(UserError, match=f"holds a {name} of 2, and there are 2 classes"):
            run.predictions()


def test_missing_values_and_other_types_are_named(tmp_path: Path) -> None:
    run = stored(tmp_path)
    open_run(run)
    table = as_table(frame())
    place = table.column_names.index("correct")
    for wrong in (pa.array([True, None, True]), pa.array([1, 0, 1])):
        for condition in run.all_conditions:
            run.write(condition, table.set_column(place, "correct", wrong))
        with pytest.raises(UserError, match="no bool values, or not everywhere, in the column correct"):
            run.predictions()


def test_a_changed_bit_is_noticed(tmp_path: Path) -> None:
    run = stored(tmp_path)
    open_run(run)
    rng = np.random.default_rng(0)
    many = pd.concat([frame()] * 100).assign(confidence=rng.random(300), nll=rng.random(300))
    for condition in run.all_conditions:
        run.write(condition, as_table(many))
    path = run.path(run.conditions[0])
    data = bytearray(path.read_bytes())
    data[600] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match="can't be read"):
        run.predictions()


def test_a_run_follows_what_its_suite_says_of_the_same_conditions(tmp_path: Path) -> None:
    run = open_run(stored(tmp_path))
    before = (tmp_path / "run.json").read_bytes()
    open_run(run)
    assert (tmp_path / "run.json").read_bytes() == before
    grouped = replace(SUITE, conditions=(replace(FOG, group="mist"),), measures=(Measure("ce", "fog"),))
    open_run(replace(run, suite=grouped, circumstances=Circumstances(device="another")))
    again = read_run(tmp_path)
    assert again.suite.measures == grouped.measures and again.conditions[0].group == "mist"
    assert again.circumstances == run.circumstances  # as it was measured


def test_other_labels_are_another_run(tmp_path: Path) -> None:
    run = open_run(stored(tmp_path))
    with pytest.raises(UserError, match="labels: classes != none"):
        open_run(replace(run, suite=replace(SUITE, labels="none", measures=())))


def rewritten(path: Path, **columns: object) -> None:
    """Edit a stored file as a script would: other values, all else as it is."""
    table = pq.read_table(path)
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("edit", "old"),
    [
        ({"correct": [True, True, False]}, "answers in the column correct that are not those of prediction and label"),
        ({"head_correct": [False] * 3}, "answers in the column head_correct that are not those of head_prediction"),
        ({"top5": [False, True, True]}, "right answers that are not among the first five"),
        ({"correct": [False] * 3, "prediction": [1] * 3}, ""),
        ({"confidence": [0.25] * 3}, ""),
        ({"image_id": ["a/0", "a/1", "b/2"]}, ""),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_edited_results_are_noticed(edit: dict[str, object], old: str, tmp_path: Path) -> None:
    run = open_run(stored(tmp_path / "r"))
    run.write(FOG, as_table(frame()))
    rewritten(run.path(FOG), **edit)
    with pytest.raises(UserError, match=r"fog-3\.parquet was edited or renamed after it was written\. Delete it"):
        run.predictions()
    if old:  # of a file that an older version wrote, which has no digest of its content
        table = pq.read_table(run.path(FOG))
        mark = {k: v for k, v in table.schema.metadata.items() if k != b"robustbench_cls.content"}
        pq.write_table(table.replace_schema_metadata(mark), run.path(FOG))
        with pytest.raises(UserError, match=old):
            run.predictions()


def test_results_under_another_conditions_name_are_noticed(tmp_path: Path) -> None:
    suite = replace(SUITE, conditions=(FOG, Condition("fog", 1)))
    run = open_run(replace(stored(tmp_path / "r"), suite=suite))
    run.write(FOG, as_table(frame()))
    run.path(FOG).rename(run.path(Condition("fog", 1)))
    with pytest.raises(UserError, match=r"fog-1\.parquet was edited or renamed"):
        run.predictions()


MANIFEST_EDITS = {
    "conditions": lambda told: told["suite"]["conditions"].pop(),
    "severity": lambda told: told["suite"]["conditions"][0].update(severity=9),
    "name": lambda told: told["suite"]["conditions"][0].update(name="../fog"),
    "twice": lambda told: told["suite"]["conditions"].append(told["suite"]["conditions"][0]),
    "suite": lambda told: told["suite"].update(name="other"),
    "reference": lambda told: told["suite"].update(reference=None),
    "imagenet": lambda told: told.update(imagenet=False),
    "class_names": lambda told: told.update(class_names=["a", "b"]),
    "group": lambda told: told["suite"]["conditions"][0].update(group="mist"),
    "counted": lambda told: told["suite"]["conditions"][0].update(counted=False),
    "overlaps": lambda told: told["origin"].update(overlaps=["fog"]),
    "limit": lambda told: told["identity"].update(limit=5),
}
IMPOSSIBLE = {
    "severity": "the condition fog has severity 9",
    "name": r"a condition '\.\./fog', which is no name",
    "twice": "the condition fog-3 twice",
    "suite": "a run on 'imagenet-c', with the conditions of suite 'other'",
    "conditions": "it has no conditions",
}


@pytest.mark.parametrize("edit", MANIFEST_EDITS)
def test_an_edited_manifest_is_noticed(edit: str, tmp_path: Path) -> None:
    open_run(stored(tmp_path))
    told = json.loads((tmp_path / "run.json").read_text())
    MANIFEST_EDITS[edit](told)
    (tmp_path / "run.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match=r"run\.json was edited after it was written"):
        read_run(tmp_path)
    del told["sha256"]  # as older versions wrote it
    (tmp_path / "run.json").write_text(json.dumps(told))
    if edit in IMPOSSIBLE:
        with pytest.raises(UserError, match=f"says what can't be: .*{IMPOSSIBLE[edit]}"):
            read_run(tmp_path)
    else:
        read_run(tmp_path)


def test_a_manifest_that_is_laid_out_anew_is_the_same(tmp_path: Path) -> None:
    run = open_run(stored(tmp_path))
    told = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(told, sort_keys=True, separators=(",", ":")))
    assert read_run(tmp_path).identity == run.identity
