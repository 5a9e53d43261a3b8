import hashlib
import multiprocessing
import random
import time
from pathlib import Path

import pytest
from killable_run import measure

KILLS = 20


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.startswith(".lock") and path.suffix != ".lock"
    }


@pytest.mark.slow
def test_a_run_killed_anywhere_ends_in_the_same_bytes(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")  # started from one that has imported everything
    processes.set_forkserver_preload(["robustbench_cls.evaluation.evaluate", "numba", "timm"])

    def start(out: Path) -> multiprocessing.process.BaseProcess:
        process = processes.Process(target=measure, args=(toy_checkpoint, toy / "train", out))
        process.start()
        return process

    def finish(out: Path) -> float:
        begun = time.monotonic()
        process = start(out)
        process.join()
        assert process.exitcode == 0
        return time.monotonic() - begun

    finish(tmp_path / "first")  # which compiles
    whole = finish(tmp_path / "whole")
    expected = digests(tmp_path / "whole")
    assert len(expected) > 30
    moments = random.Random(0)
    stopped_inside = 0
    for i in range(KILLS):
        out = tmp_path / str(i)
        process = start(out)
        if i % 2:  # at any moment at all, and, as most of a short run is its start, in the midst of its results
            while process.is_alive() and not any(out.rglob("*.parquet")):
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.05))
        else:
            time.sleep(moments.uniform(0, whole))
        process.kill()
        process.join()
        stopped_inside += 0 < len(list(out.rglob("*.parquet"))) < 16
        finish(out)
        left = digests(out)
        hidden = {name for name in left if name not in expected and Path(name).name.startswith(".")}
        assert {name: told for name, told in left.items() if name not in hidden} == expected
    assert stopped_inside > 0
