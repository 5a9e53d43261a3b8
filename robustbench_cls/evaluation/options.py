"""`EvaluationOptions` and their checks, all of them before PyTorch is imported."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import CROPS, require_writable
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


@dataclass(frozen=True)
class Shard:
    """Process `index`, from 0, of `count`."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index + 1}/{self.count}"


def read_shard(text: str) -> Shard:
    """The shard in `--shard 2/8`, counted from 1.

    Raises:
        UserError: it is not of that form.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UserError(f"--shard takes I/N with I from 1 to N, such as 2/8, got '{text}'.")
    return Shard(int(found[1]) - 1, int(found[2]))


def torchrun_shard(environment: Mapping[str, str] = os.environ) -> Shard:
    """This process among those that torchrun started; the only one where it didn't.

    Raises:
        UserError: the variables that torchrun sets are there in part, or make no sense.
    """
    if "RANK" not in environment and "WORLD_SIZE" not in environment:
        return Shard()
    rank, count = environment.get("RANK", ""), environment.get("WORLD_SIZE", "")
    known = rank.isdecimal() and count.isdecimal() and int(rank) < int(count)
    if not known or (int(count) > 1 and not environment.get("MASTER_ADDR")):
        raise UserError(
            f"RANK is '{rank}' and WORLD_SIZE '{count}', which torchrun did not set together. Start with torchrun, or "
            "unset both (and share work with --shard I/N)."
        )
    return Shard(int(rank), int(count))
