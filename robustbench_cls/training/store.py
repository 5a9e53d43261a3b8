"""The files of a training: its checkpoints and its log, whole or absent, and how a run goes on from them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from robustbench_cls.core.errors import UserError, first_difference
from robustbench_cls.core.files import atomic
from robustbench_cls.models.checkpoint import About, read_checkpoint, save
from robustbench_cls.training.learner import Learner
from robustbench_cls.training.log import CURVES, LINES, LOG, TIMING, write_log

LAST, BEST = "last.pt", "best.pt"

FILES = (LAST, BEST, LOG, LINES, TIMING, CURVES)
"""The files of a training."""

DIGEST = 64
"""Digits of a digest, of which a message shows the first."""

NO_IDENTITY = ("name", "epoch", "step", "top1_accuracy", "versions", "weights_sha256", "selected_on", "notes")
"""Fields of a checkpoint's description in which two states of one training may differ."""


@dataclass
class Reached:
    """How far a training has come.

    Attributes:
        step: steps finished, in the whole training.
        rate: the highest learning rate of the epoch that was begun.
        loss, images: the sum of the losses over the images of the epoch that was begun, and how many those are.
        history: a row for each epoch finished.
    """

    step: int = 0
    loss: float = 0.0
    images: int = 0
    rate: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def stored_about(out: Path) -> About | None:
    """The description of the last checkpoint in a folder; None where there is none."""
    if not (out / LAST).exists():
        return None
    try:
        return read_checkpoint(out / LAST)[0]
    except UserError as error:
        raise UserError(
            f"This training can't go on: {error} Delete {out} to begin anew, or choose another --name or --out; "
            f"{BEST} in it is whole if `robust eval` takes it."
        ) from error


def go_on(out: Path, about: About, learner: Learner) -> tuple[About, Reached]:
    """Where an earlier start of the same training stopped, or the beginning.

    Raises:
        UserError: the folder holds another training; the message says what differs.
    """
    last = out / LAST
    if not last.exists():
        others = [name for name in FILES if (out / name).exists()]
        if others:
            raise UserError(
                f"{out} holds {others[0]}, which this training would overwrite. Choose another --name or --out."
            )
        return about, Reached()
    stored, weights, state = read_checkpoint(last)
    same = replace(stored, **{name: getattr(about, name) for name in NO_IDENTITY})
    differs = [f.name for f in fields(About) if getattr(same, f.name) != getattr(about, f.name)]
    begun = bool(stored.epoch or stored.step)
    if differs and not begun:
        return about, Reached()
    if differs:
        shown = "; ".join(f"{_word(name)}: {_changed(getattr(same, name), getattr(about, name))}" for name in differs)
        raise UserError(f"{out} holds another training ({shown}). Choose another --name or --out, or delete it.")
    try:
        learner.load_state(weights, state)
        return replace(stored, name=about.name, step=0), Reached(**state["reached"])
    except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{last} holds no state to go on from ({error}). Delete it to begin anew.") from error


def _word(name: str) -> str:
    words = {
        "code_sha256": "the text of the recipe's file",
        "data_fingerprint": "the images that --data and --limit give",
        "class_names": "the classes",
        "models": "the teacher",
        "started_from": "the weights that it begins with",
    }
    return words.get(name, name)


def _changed(stored: Any, asked: Any) -> str:
    """`stored != asked`; of mappings and records only what differs, of lists only where they begin to."""
    if is_dataclass(stored) and is_dataclass(asked) and not isinstance(stored, type) and not isinstance(asked, type):
        stored, asked = asdict(stored), asdict(asked)
    if isinstance(stored, tuple) and isinstance(asked, tuple):
        return first_difference(stored, asked)
    if not isinstance(stored, Mapping):
        digits = 8 if len(str(stored)) == len(str(asked)) == DIGEST else 60
        return f"{str(stored)[:digits]} != {str(asked)[:digits]}"
    keys = [key for key in {**stored, **asked} if stored.get(key) != asked.get(key)]
    return ", ".join(f"{key} {stored.get(key)} != {asked.get(key)}" for key in keys)


def store_epoch(out: Path, about: About, learner: Learner, reached: Reached, *, best: bool) -> None:
    """The log, `best.pt` where these weights are the best, and last of all `last.pt`, from which a run goes on."""
    write_log(out, reached.history)
    if best:
        with atomic(out / BEST) as temporary:
            save(temporary, about, learner.weights(), {})
    store_state(out, about, learner, reached)


def store_state(out: Path, about: About, learner: Learner, reached: Reached) -> None:
    """`last.pt`; from its first writing on, the folder is this training's."""
    with atomic(out / LAST) as temporary:
        save(temporary, about, learner.weights(), {**learner.state(), "reached": asdict(reached)})
