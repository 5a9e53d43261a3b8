"""The training log as CSV and as curves."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from robustbench_cls.core.files import atomic

RATE = "images_per_second"


def write_log(out: Path, history: Sequence[Mapping[str, float]], rate: float) -> None:
    """Write `log.csv`, a row an epoch, and `curves.png` beside it.

    Args:
        history: of every epoch what is the same in each start of the run.
        rate: of the last epoch, images/s; those of earlier ones are kept in the log alone.
    """
    table = pd.DataFrame(history).drop(columns=RATE, errors="ignore")
    table[RATE] = [*_earlier_rates(out / "log.csv", len(history) - 1), rate]
    with atomic(out / "log.csv") as temporary:
        table.to_csv(temporary, index=False)
    with atomic(out / "curves.png") as temporary:
        _curves(table).savefig(temporary, format="png", dpi=110)


def _earlier_rates(log: Path, epochs: int) -> list[float]:
    """The rates of so many epochs in a log that may be gone or shorter."""
    try:
        known = pd.read_csv(log)[RATE].astype(float).tolist()
    except (OSError, ValueError, KeyError):
        known = []
    return [*known, *[math.nan] * epochs][:epochs]


def _curves(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = figure.subplots(1, 3)
    panels[0].plot(table["epoch"], table["train_loss"], marker=".")
    panels[0].set(title="Training loss", xlabel="epoch", ylabel="nats")
    panels[1].plot(table["epoch"], 100 * table["val_top1_accuracy"], marker=".", color="tab:green")
    panels[1].set(title="Top-1 accuracy on val", xlabel="epoch", ylabel="%")
    panels[2].plot(table["epoch"], table["lr"], marker=".", color="tab:orange")
    panels[2].set(title="Learning rate", xlabel="epoch")
    for panel in panels:
        panel.grid(alpha=0.3)
    return figure
