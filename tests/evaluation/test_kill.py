import hashlib
import multiprocessing
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from robustbench_cls.core.suite import Condition, Suite

KILLS = 20


def few() -> Suite:
    from robustbench_cls.suites.imagenet_c import SUITE

    conditions = tuple(
        Condition(name, severity) for name in ("fog", "contrast", "pixelate") for severity in range(1, 6)
    )
    return replace(SUITE, conditions=conditions)


def measure(model: Path, data: Path, out: Path) -> None:
    import torch

    from robustbench_cls import EvaluationOptions, evaluate

    torch.set_num_threads(1)
    options = EvaluationOptions(data=data, out=out, batch_size=5, workers=2, crops=out / "crops", progress=False)
    evaluate(model, few(), options)


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
    processes.set_forkserver_preload(["robustbench_cls.evaluation.evaluate", "numba", "timm", "cv2"])

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
        time.sleep(moments.uniform(0, whole))
        process.kill()
        process.join()
        stopped_inside += 0 < len(list(out.rglob("*.parquet"))) < 16
        finish(out)
        assert digests(out) == expected
    assert stopped_inside >= 3
