"""`EvaluationOptions` and their checks, all of them before PyTorch is imported."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import CROPS, require_writable
from robustbench_cls.core.shard import read_shard
from robustbench_cls.core.suite import Suite
from robustbench_cls.core.workers import loading_workers
from robustbench_cls.data.locate import locate
from robustbench_cls.evaluation.suite_check import check_suite
from robustbench_cls.results.manifest import require_same

MOST = 10**9
"""Beyond which a number of images is taken for a mistake."""


@dataclass(frozen=True)
class EvaluationOptions:
    """All that an evaluation can be told, each field on one side.

    `identity` fields decide the numbers and are part of `RunIdentity`; `runtime` fields only decide where
    and how fast.

    Attributes:
        data: a data set's root with `val/`, or one split's folder; None for the suite's own place in `datasets/`.
        limit: images of each split, drawn by key; 0 for all.
        batch_size: images of one forward pass; PyTorch may round logits otherwise (1e-7) where it differs.
        workers: threads that decode and corrupt; None for one a core, 0 for none but the caller's.
        shard: `2/8` measures the second of eight parts of the work; None all of it.
        crops: folder where decoded crops are kept; None keeps none.
        keep_logits: store logits too, in half precision.
        checks: look at a few clean images before a suite, and say what is suspicious.
        out: folder of the runs; None for that of the training that made the model, or `reports/runs/<model>`.
    """

    data: str | Path | None = field(default=None, metadata={"side": "identity"})
    limit: int = field(default=0, metadata={"side": "identity"})
    seed: int = field(default=0, metadata={"side": "identity"})
    batch_size: int = field(default=64, metadata={"side": "runtime"})
    workers: int | None = field(default=None, metadata={"side": "runtime"})
    shard: str | None = field(default=None, metadata={"side": "runtime"})
    crops: str | Path | None = field(default=CROPS, metadata={"side": "runtime"})
    keep_logits: bool = field(default=False, metadata={"side": "runtime"})
    out: str | Path | None = field(default=None, metadata={"side": "runtime"})
    checks: bool = field(default=True, metadata={"side": "runtime"})
    progress: bool = field(default=True, metadata={"side": "runtime"})

    def check(self, suites: Sequence[Suite], home: Path | None = None) -> None:
        """Find mistakes that show before a model is loaded.

        Args:
            suites: those to be measured.
            home: the folder of the results where `out` names none, as far as it is known.

        Raises:
            UserError: a number out of range, a shard that is none, data of a suite that is not there, or an output
                folder that can't be written or holds other runs.
        """
        if not 0 <= self.limit <= MOST or not 1 <= self.batch_size <= MOST:
            raise UserError(
                f"--limit must be 0 or more and --batch-size 1 or more (and at most {MOST:,}), got {self.limit}, "
                f"{self.batch_size}."
            )
        loading_workers(self.workers)
        if self.shard is not None:
            read_shard(self.shard)
        data = Path(self.data) if self.data is not None else None
        if data is not None and not data.exists():
            raise UserError(f"There is no folder {data}.")
        for suite in suites:
            check_suite(suite)
            locate(suite, data)
        out = Path(self.out) if self.out is not None else home
        if out is not None:
            _require_room(out)
            for suite in suites:
                require_same(out / suite.name, self.limit, self.seed)


def _require_room(out: Path) -> None:
    """Refuse a folder that can't be written; one that holds runs may be read-only, as they may be complete."""
    if not (out.is_dir() and any(out.iterdir())):
        require_writable(out)
