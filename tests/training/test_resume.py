"""A training that is stopped or killed anywhere ends in the bytes of an undisturbed one."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.training import train as module
from robustbench_cls.training.combining import find_recipe
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.train import train, train_until
from robustbench_cls.training.verify import verify_resume

SHORT = {"epochs": 2, "batch_size": 12, "input_size": 32}
SAME = ("last.pt", "best.pt", "log.csv", "log.jsonl", "curves.png")
STEPS = 3
"""Of an epoch: 30 images that are not held out."""


def options(toy: Path, out: Path, changes: Mapping[str, object], workers: int = 0) -> TrainingOptions:
    overrides = {**SHORT, **changes}
    return TrainingOptions(data=toy, overrides=overrides, out=out, workers=workers, crops=None, progress=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME}


MIXED: dict[str, object] = {"optimizer": "adamw", "lr": 0.02, "ema_decay": 0.9, "micro_batch": 5, "clip_grad": 1.0}


@pytest.mark.parametrize(
    ("model", "recipe", "changes"),
    [
        ("test_resnet", "cutmix", {}),
        ("test_resnet", "mixup+randaugment", MIXED),
        ("test_vit", "randaugment", {"optimizer": "lookahead_adamw", "lr": 0.02, "repeats": 2, "size_range": 0.0}),
        ("test_efficientnet", "baseline", {"schedule": "one-cycle", "drop_path": 0.2, "dropout": 0.2}),
        ("test_resnet", "baseline", {"schedule": "sgdr", "cycles": 2, "start_size": 32, "input_size": 64}),
        ("cifar_resnet8", "baseline", {"optimizer": "nmuon", "schedule": "one-cycle"}),
        ("test_resnet", "baseline", {"tune": "last-1", "size_range": 0.5, "input_size": 64, "patience": 1}),
    ],
)
def test_stopped_at_each_step(model: str, recipe: str, changes: dict[str, object], toy: Path, tmp_path: Path) -> None:
    chosen: Recipe = find_recipe(recipe)
    train(model, chosen, options(toy, tmp_path / "whole", changes))
    for step in (1, 2, 3, 4, 5, None):
        train_until(model, chosen, options(toy, tmp_path / "stopped", changes, workers=step == 4), step)
    assert contents(tmp_path / "whole") == contents(tmp_path / "stopped")


def test_a_state_within_an_epoch_says_so(toy: Path, tmp_path: Path) -> None:
    recipe = find_recipe("baseline")
    train_until("test_resnet", recipe, options(toy, tmp_path, {}), STEPS + 1)
    about, _, _ = read_checkpoint(tmp_path / "last.pt")
    assert (about.epoch, about.step) == (1, 1)
    train("test_resnet", recipe, options(toy, tmp_path, {}))
    assert read_checkpoint(tmp_path / "last.pt")[0].step == 0


TRAIN = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from training.test_resume import options
from robustbench_cls.cli.main import _asked_to_end
from robustbench_cls.training import train as module
import signal
signal.signal(signal.SIGTERM, _asked_to_end)
module.STORED_EVERY = {every}
real = module.Learner.step
def slow(self, step, batches):
    print(step.index, flush=True)
    return real(self, step, batches)
module.Learner.step = slow
module.train("test_resnet", "randaugment", options(Path({toy!r}), Path({out!r}), {{"ema_decay": 0.5, "epochs": 4}}, 1))
"""


def start(toy: Path, out: Path, every: float) -> "subprocess.Popen[str]":
    code = TRAIN.format(tests=str(Path(__file__).parents[1]), toy=str(toy), out=str(out), every=every)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def after_step(process: "subprocess.Popen[str]", step: int) -> None:
    """Wait until the process begins a step of that number or a later one."""
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= step:
            return
    raise AssertionError(process.communicate()[1])


def test_killed_and_asked_to_end(toy: Path, tmp_path: Path) -> None:
    """SIGKILL loses what was not stored, SIGTERM to the whole group of processes loses nothing; both end alike."""
    changes = {"ema_decay": 0.5, "epochs": 4}
    train("test_resnet", "randaugment", options(toy, tmp_path / "whole", changes))
    out = tmp_path / "stopped"
    killed = start(toy, out, every=0.0)
    after_step(killed, 2)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    asked = start(toy, out, every=1e9)
    after_step(asked, 4)
    os.killpg(asked.pid, signal.SIGTERM)
    told = asked.communicate()[1]
    assert "Stored after step" in told and "AskedToEndError" in told
    reached = read_checkpoint(out / "last.pt")[2]["reached"]["step"]
    assert 4 < reached <= 12
    train("test_resnet", "randaugment", options(toy, out, changes))
    assert contents(tmp_path / "whole") == contents(out)
    assert not list(out.glob(".*"))


def test_what_was_reached_is_stored_now_and_then(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = []
    real = module.store_state

    def counted(out, about, learner, reached):
        stored.append(reached.step)
        real(out, about, learner, reached)

    monkeypatch.setattr(module, "store_state", counted)
    train("test_resnet", "baseline", options(toy, tmp_path / "a", {}))
    assert stored == [0]
    monkeypatch.setattr(module, "STORED_EVERY", 0.0)
    train("test_resnet", "baseline", options(toy, tmp_path / "b", {}))
    assert stored == [0, 0, 1, 2, 4, 5]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_failed_write_leaves_the_last_state(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = find_recipe("baseline")
    train_until("test_resnet", recipe, options(toy, tmp_path, {}), 2)
    before = (tmp_path / "last.pt").read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("robustbench_cls.training.store.save", full)
        with pytest.raises(UserError, match="No space left on device. Nothing stored before is lost"):
            train("test_resnet", recipe, options(toy, tmp_path, {}))
    assert (tmp_path / "last.pt").read_bytes() == before
    train("test_resnet", recipe, options(toy, tmp_path, {}))
    train("test_resnet", recipe, options(toy, tmp_path / "whole", {}))
    assert contents(tmp_path) == contents(tmp_path / "whole")


def test_verify_resume_proves_it_and_notices_when_it_is_not_so(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = find_recipe("cutmix")
    told = verify_resume("test_resnet", recipe, options(toy, tmp_path, {}))
    assert told.startswith("A training that was stopped after step 1 and step 4 ended in the same bytes of last.pt")
    assert not list(tmp_path.iterdir())
    clock = iter(range(10**6))
    monkeypatch.setattr(module.Learner, "rate", property(lambda self: float(next(clock))))
    with pytest.raises(UserError, match=r"last\.pt of the stopped training differs"):
        verify_resume("test_resnet", recipe, options(toy, tmp_path, {}))


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(toy: Path, tmp_path: Path) -> None:
    recipe = find_recipe("baseline")
    with pytest.raises(
        UserError, match=r"loss became (nan|inf) in epoch 1, step \d.*--set lr=.*last.pt holds the weights after step"
    ):
        train("test_resnet", recipe, options(toy, tmp_path, {"lr": 1e30}))
    _, weights, state = read_checkpoint(tmp_path / "last.pt")
    assert state["reached"]["step"] == 0
    assert all(tensor.isfinite().all() for tensor in weights.values())
