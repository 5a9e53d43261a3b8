"""`robust bench train`, on few images: both engines make them, and a step's parts are told."""

import json
from pathlib import Path

from click.testing import CliRunner

from robustbench_cls.cli.bench import command


def test_both_engines_and_the_parts_of_a_step(toy: Path, monkeypatch) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    words = ["train", "--data", toy, "--recipes", "baseline,randaugment", "--size", 32, "--workers", 1, "--rounds", 1]
    small = ["--seconds", 0.2, "--steps", 3, "--batch-size", 10, "--json"]
    told = CliRunner().invoke(command, [str(word) for word in (*words, *small)], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    text = json.dumps(json.loads(told.stdout))
    for word in ("baseline", "randaugment", "timm"):
        assert word in text
