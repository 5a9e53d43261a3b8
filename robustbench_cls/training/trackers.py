"""Where a training's numbers go besides its own log: TensorBoard, Weights & Biases or MLflow, each an extra.

A tracker only listens: what it does decides nothing, and a training goes on without it where it fails.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.core.progress import notice
from robustbench_cls.training.options import TRACKERS


class Tracker(Protocol):
    """Takes the numbers of each epoch."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """The numbers of an epoch, under the names of the log; `epoch` among them."""

    def close(self) -> None:
        """No more comes."""


class _TensorBoard:
    """Event files in the run's folder; read them with `tensorboard --logdir`."""

    def __init__(self, name: str, settings: Mapping[str, Any], out: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(out / "tensorboard"))
        self._writer.add_text("settings", "\n".join(f"    {key}: {value}" for key, value in settings.items()), 0)

    def epoch(self, row: Mapping[str, float]) -> None:
        for key, value in row.items():
            self._writer.add_scalar(key, value, int(row["epoch"]))

    def close(self) -> None:
        self._writer.close()


class _WeightsAndBiases:
    """A run of project `robustbench_cls`; with WANDB_MODE=offline it stays in the run's folder."""

    def __init__(self, name: str, settings: Mapping[str, Any], out: Path) -> None:
        import wandb

        self._run: Any = wandb.init(
            project="robustbench_cls", name=name, id=name, resume="allow", config=dict(settings), dir=str(out)
        )

    def epoch(self, row: Mapping[str, float]) -> None:
        self._run.log(dict(row), step=int(row["epoch"]))

    def close(self) -> None:
        self._run.finish()


class _MLflow:
    """A run of experiment `robustbench_cls`, where MLFLOW_TRACKING_URI says."""

    def __init__(self, name: str, settings: Mapping[str, Any], out: Path) -> None:
        import mlflow

        mlflow.set_experiment("robustbench_cls")
        self._flow: Any = mlflow
        self._flow.start_run(run_name=name)
        self._flow.log_params(dict(settings))

    def epoch(self, row: Mapping[str, float]) -> None:
        self._flow.log_metrics({key: value for key, value in row.items() if math.isfinite(value)}, int(row["epoch"]))

    def close(self) -> None:
        self._flow.end_run()


_MAKERS: dict[str, Callable[[str, Mapping[str, Any], Path], Tracker]] = dict(
    zip(TRACKERS, (_TensorBoard, _WeightsAndBiases, _MLflow), strict=True)
)


class Trackers:
    """All trackers of a training; one that fails is told once and left out from then on."""

    def __init__(self, names: Sequence[str], run: str, settings: Mapping[str, Any], out: Path) -> None:
        """Open them.

        Raises:
            UserError: one is not installed; the message names the extra.
        """
        self._open: dict[str, Tracker] = {}
        for name in names:
            try:
                self._open[name] = _MAKERS[name](run, settings, out)
            except ImportError as error:
                raise UserError(
                    f"{name} can't be imported ({first_line(error)}). pip install 'robustbench-cls[{name}]'"
                ) from error
            except Exception as error:  # noqa: BLE001  a tracker's server may fail in any way
                self._lost(name, error)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Pass the numbers of an epoch on."""
        for name, tracker in list(self._open.items()):
            try:
                tracker.epoch(row)
            except Exception as error:  # noqa: BLE001  as above
                self._lost(name, error)

    def close(self) -> None:
        """Close them all."""
        for name, tracker in list(self._open.items()):
            try:
                tracker.close()
            except Exception as error:  # noqa: BLE001  as above
                self._lost(name, error)

    def _lost(self, name: str, error: Exception) -> None:
        self._open.pop(name, None)
        notice(f"{name} failed ({first_line(error)}), so it gets no more numbers of this training; log.csv has all.")
