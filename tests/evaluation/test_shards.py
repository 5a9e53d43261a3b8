import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustbench_cls import EvaluationOptions, evaluate, load_classifier
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import locked
from robustbench_cls.core.shard import Shard, read_shard, torchrun_shard
from robustbench_cls.core.suite import Condition, Protocol
from robustbench_cls.data.batches import Part, Rows
from robustbench_cls.data.crop_cache import Crops
from robustbench_cls.data.source import ImageSource
from robustbench_cls.evaluation.shards import share

SUITE = """
from dataclasses import replace
from robustbench_cls.core.suite import Condition
from robustbench_cls.suites.imagenet_c import SUITE as WHOLE

SUITE = replace(WHOLE, name="few", conditions=tuple(Condition(n, s) for n in ("fog", "contrast") for s in (1, 5)))
"""


@pytest.fixture
def few(tmp_path: Path) -> str:
    (tmp_path / "few.py").write_text(SUITE)
    return str(tmp_path / "few.py")


def measure(model: Path, suite: str, data: Path, out: Path, shard: str | None = None, **changes: object) -> None:
    usual = {"batch_size": 5, "workers": 1, "progress": False, "crops": None}
    evaluate(model, suite, EvaluationOptions(data=data, out=out, shard=shard, **{**usual, **changes}))


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".lock")]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def a_part(name: str, count: int) -> Part:
    ids, none = tuple(map(str, range(count))), np.zeros(count, np.int64)
    return Part(Condition(name), Crops(ImageSource("x", ("a",), ids, none, "f", "s", None, none, none), Protocol()))


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), shards=st.integers(1, 9), batch_size=st.integers(1, 20)
)
def test_every_image_is_one_shards_and_batches_are_those_of_one_process(
    counts: list[int], shards: int, batch_size: int
) -> None:
    parts = [a_part(f"c{i}", count) for i, count in enumerate(counts)]

    def batches(count: int) -> list[tuple[str, int, int]]:
        stretches = [rows for i in range(count) for rows in share(parts, Shard(i, count), batch_size)]
        cut = [batch for rows in stretches for batch in rows.in_batches(batch_size)]
        return [(batch.part.condition.name, batch.start, batch.stop) for batch in cut]

    assert batches(shards) == batches(1)
    images = [(name, i) for name, start, stop in batches(shards) for i in range(start, stop)]
    assert images == [(f"c{k}", i) for k, count in enumerate(counts) for i in range(count)]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_in_any_order_give_the_bytes_of_one_process(
    order: tuple[int, ...], few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    measure(toy_checkpoint, few, toy, tmp_path / "one")
    for i in order:
        measure(toy_checkpoint, few, toy, tmp_path / "many", f"{i}/3")
    assert digests(tmp_path / "many") == digests(tmp_path / "one")


def test_another_number_of_processes_goes_on_with_what_is_there(
    few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(toy_checkpoint, few, toy, tmp_path / "one")
    measure(toy_checkpoint, few, toy, tmp_path / "many", "2/4")
    measure(toy_checkpoint, few, toy, tmp_path / "many", "1/3")
    assert list((tmp_path / "many" / "few" / "rows").iterdir())
    measure(toy_checkpoint, few, toy, tmp_path / "many")
    assert digests(tmp_path / "many") == digests(tmp_path / "one")


@pytest.mark.slow
def test_torchrun_shares_one_run(few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    robust = ["-m", "robustbench_cls.cli.main", "eval", str(toy_checkpoint), "--suite", few, "--data", str(toy)]
    rest = ["--batch-size", "5", "--workers", "1", "--no-cache", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # as torchrun sets it: threads change the last bits

    def scores(*start: str) -> list[object]:
        command = [sys.executable, *start, *robust, *rest, "--out", str(tmp_path / str(len(start)))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, done.stderr
        told: list[object] = json.loads(done.stdout)  # from one process alone, when all are done
        return told

    assert scores(*torchrun) == scores()
    assert digests(tmp_path / str(len(torchrun))) == digests(tmp_path / "0")


def test_a_run_in_use_is_refused(few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    with (
        locked(tmp_path / "few" / ".lock") as held,
        pytest.raises(UserError, match="Another process is measuring into .*few"),
    ):
        assert held
        measure(toy_checkpoint, few, toy, tmp_path)
    with locked(tmp_path / "few" / ".lock", shared=True), pytest.raises(UserError, match="Another process"):
        measure(toy_checkpoint, few, toy, tmp_path)
    with locked(tmp_path / "few" / ".lock", shared=True), locked(tmp_path / "few" / ".lock-0-of-2"):
        with pytest.raises(UserError, match="Another process"):
            measure(toy_checkpoint, few, toy, tmp_path, "1/2")
        measure(toy_checkpoint, few, toy, tmp_path, "2/2")


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "-1/2", "1/0", ""])
def test_shards_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="--shard takes I/N"):
        read_shard(text)


def test_the_only_shard_or_torchruns() -> None:
    assert torchrun_shard({}) == Shard(0, 1)
    assert torchrun_shard({"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "a"}) == Shard(3, 4)
    for wrong in ({"RANK": "3"}, {"RANK": "", "WORLD_SIZE": ""}, {"RANK": "3", "WORLD_SIZE": "2", "MASTER_ADDR": "a"}):
        with pytest.raises(UserError, match="which torchrun did not set together"):
            torchrun_shard(wrong)
    with pytest.raises(UserError, match="unset both"):
        torchrun_shard({"RANK": "0", "WORLD_SIZE": "2"})
    assert read_shard(" 2/8 ") == Shard(1, 8)
    assert read_shard(str(Shard(1, 8))) == Shard(1, 8)


def test_logits_are_kept_when_asked_for(few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    measure(toy_checkpoint, few, toy, tmp_path / "a", keep_logits=True)
    measure(toy_checkpoint, few, toy, tmp_path / "b")
    for i in (1, 2):
        measure(toy_checkpoint, few, toy, tmp_path / "c", f"{i}/2", keep_logits=True)
    (with_logits, without, shared) = (pa.parquet.read_table(tmp_path / n / "few" / "fog-5.parquet") for n in "abc")
    assert with_logits.drop_columns(["logits"]) == without
    assert with_logits == shared
    logits_NC = np.array(with_logits["logits"].to_pylist())
    assert logits_NC.shape == (12, 3)
    assert (logits_NC.argmax(axis=1) == with_logits["prediction"].to_numpy()).all()


def test_results_stored_without_logits_say_so(
    few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measure(toy_checkpoint, few, toy, tmp_path)
    assert "without logits" not in capsys.readouterr().err
    measure(toy_checkpoint, few, toy, tmp_path, keep_logits=True)
    assert "and others were stored without logits and stay so" in capsys.readouterr().err


def test_pieces_of_a_process_that_died_before_joining_them(
    few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(toy_checkpoint, few, toy, tmp_path / "one")
    measure(toy_checkpoint, few, toy, tmp_path / "two", "1/2")
    with monkeypatch.context() as dying:
        dying.setattr("robustbench_cls.evaluation.shards.join", lambda run, part: None)
        measure(toy_checkpoint, few, toy, tmp_path / "two", "2/2")
    assert list((tmp_path / "two" / "few" / "rows").iterdir())
    measure(toy_checkpoint, few, toy, tmp_path / "two")
    assert digests(tmp_path / "two") == digests(tmp_path / "one")


def test_pieces_with_and_without_logits_are_joined_without(
    few: str, toy: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    measure(toy_checkpoint, few, toy, tmp_path / "one")
    for i in (1, 2):
        measure(toy_checkpoint, few, toy, tmp_path / "two", f"{i}/2", keep_logits=i == 1)
    shared = pa.parquet.read_table(tmp_path / "two/few/fog-5.parquet")  # the condition that was cut
    assert "logits" not in shared.column_names and len(shared) == 12


def test_out_of_memory_halves_the_batch(
    toy: Path, toy_checkpoint: Path, few: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    classifier = load_classifier(toy_checkpoint, device="cpu")
    measure(classifier, few, toy, tmp_path / "whole")
    largest = []

    def memory_for_two(_module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        largest.append(len(inputs[0]))

    classifier.network.register_forward_pre_hook(memory_for_two)
    measure(classifier, few, toy, tmp_path / "halves")
    assert max(largest) == 2
    assert "Out of memory with 5 images at a time; going on with 2." in capsys.readouterr().err
    whole, halves = (pa.parquet.read_table(tmp_path / n / "few" / "fog-5.parquet") for n in ("whole", "halves"))
    assert whole["prediction"] == halves["prediction"]
    classifier.network.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("no")))
    with pytest.raises(UserError, match="no memory for one image"):
        measure(classifier, few, toy, tmp_path / "none")


def test_rows_are_cut_at_multiples_of_the_batch() -> None:
    part = a_part("c", 20)
    assert [(r.start, r.stop) for r in Rows(part, 3, 14).in_batches(5)] == [(3, 5), (5, 10), (10, 14)]
    assert [len(r) for r in Rows(part, 0, 20).in_batches(64)] == [20]
