"""The training log: what is the same in each run of a training, and apart from it how long it took.

log.csv, log.jsonl   a row an epoch: rate, losses, accuracies. Equal trainings write equal bytes
timing.csv           a row an epoch: how long this run took for it. Times differ from run to run
curves.png           the log as curves
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from robustbench_cls.core.files import atomic

LOG, LINES, TIMING, CURVES = "log.csv", "log.jsonl", "timing.csv", "curves.png"

OVERFIT = 1.05
"""A held-out loss this many times its least, while the training loss falls, is marked as overfitting."""

Row = Mapping[str, float]


def write_log(out: Path, history: Sequence[Row]) -> None:
    """Write the log of the epochs so far, and its curves."""
    table = pd.DataFrame(history)
    with atomic(out / LOG) as temporary:
        table.to_csv(temporary, index=False)
    with atomic(out / LINES) as temporary:
        temporary.write_text("".join(json.dumps(_known(row)) + "\n" for row in history), encoding="utf-8")
    with atomic(out / CURVES) as temporary:
        _curves(table).savefig(temporary, format="png", dpi=110)


def write_timing(out: Path, row: Row) -> None:
    """Add the row of an epoch that was just finished; rows of the same or later epochs are of an earlier run."""
    try:
        known = pd.read_csv(out / TIMING)
        known = known[known["epoch"] < row["epoch"]]
    except (OSError, ValueError, KeyError):
        known = pd.DataFrame()
    with atomic(out / TIMING) as temporary:
        pd.concat([known, pd.DataFrame([row])]).to_csv(temporary, index=False)


def _known(row: Row) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def overfit_from(history: Sequence[Row]) -> int | None:
    """The first epoch whose held-out loss is more than 5 % above its minimum before, while the training loss falls."""
    least = math.inf
    for before, row in zip([None, *history], history, strict=False):
        loss = row.get("minival_loss", math.nan)
        falls = before is not None and row["train_loss"] < before["train_loss"]
        if falls and loss > OVERFIT * least:
            return int(row["epoch"])
        least = min(least, loss) if not math.isnan(loss) else least
    return None


def _curves(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    losses, accuracy, rate = figure.subplots(1, 3)
    losses.plot(table["epoch"], table["train_loss"], marker=".", label="training, augmented")
    losses.set(title="Loss", xlabel="epoch", ylabel="nats")
    if table["minival_loss"].notna().any():
        losses.plot(table["epoch"], table["minival_loss"], marker=".", color="tab:green", label="held out")
        accuracy.plot(table["epoch"], 100 * table["minival_top1_accuracy"], marker=".", color="tab:green")
    start = overfit_from([{str(name): value for name, value in row.items()} for row in table.to_dict("records")])
    if start is not None:
        losses.axvline(start, color="tab:red", linestyle="--", label=f"overfitting from epoch {start}")
    losses.legend(fontsize="small")
    accuracy.set(title="Held-out top-1 accuracy", xlabel="epoch", ylabel="%")
    rate.plot(table["epoch"], table["lr"], marker=".", color="tab:orange")
    rate.set(title="Learning rate", xlabel="epoch")
    for panel in (losses, accuracy, rate):
        panel.grid(alpha=0.3)
        panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    return figure
