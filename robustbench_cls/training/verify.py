"""Prove on the user's machine that a stopped training goes on to the same bytes."""

import tempfile
from dataclasses import replace
from pathlib import Path

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.progress import notice
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.models.names import family_of
from robustbench_cls.training.log import LOG
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.regimens import settle
from robustbench_cls.training.store import BEST, LAST
from robustbench_cls.training.train import train_until

EPOCHS = 2
STEPS = 3
"""Of an epoch, so that the run is stopped within an epoch and at the end of one."""

COMPARED = (LAST, BEST, LOG)


def verify_resume(model: str, recipe: Recipe, options: TrainingOptions) -> str:
    """Train two short epochs at one go and again with stops in between; what was compared, in words.

    It uses the model, recipe, data, precision and device of the training itself, but few images. Nothing of it stays.

    Raises:
        UserError: the bytes differ. The message names the file.
    """
    regimen, _ = settle(recipe, family_of(model), options.overrides)
    shares = 1 - regimen.minival
    limit = options.limit or int(STEPS * regimen.batch_size / shares)
    overrides = {**options.overrides, "epochs": EPOCHS}
    short = replace(options, overrides=overrides, limit=limit, crops=None, trackers=(), progress=False)
    with tempfile.TemporaryDirectory() as place:
        whole, stopped = Path(place, "whole"), Path(place, "stopped")
        notice(f"Training {EPOCHS} epochs of at most {limit:,} images at one go, and again with two stops.")
        train_until(model, recipe, replace(short, out=whole), None)
        total = read_checkpoint(whole / LAST)[2]["reached"]["step"]
        stops = [step for step in (1, STEPS + 1) if step < total]
        for step in (*stops, None):
            train_until(model, recipe, replace(short, out=stopped), step)
        for name in COMPARED:
            if (whole / name).read_bytes() != (stopped / name).read_bytes():
                raise UserError(
                    f"{name} of the stopped training differs from that of the undisturbed one. An operation of "
                    f"{model} on this device gives other results each time; on the CPU there is none that is known."
                )
    where = " and ".join(f"step {step}" for step in stops)
    files = ", ".join(COMPARED)
    return f"A training that was stopped after {where} ended in the same bytes of {files} as an undisturbed one."
