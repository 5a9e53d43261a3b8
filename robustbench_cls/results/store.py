"""The prediction store: a folder per model and suite, one Parquet file a condition, whole or absent.

    RUN/<suite>/run.json            identity, suite, the model's origin
    RUN/<suite>/<condition>.parquet per-image results (`core.predictions.COLUMNS`)
    RUN/<suite>/samples/<condition>.webp what the model saw of one image

A file is written under a temporary name and renamed, so one that exists is complete. Each carries the digest of its
run's identity, so a file of another run is refused, and a digest of what it holds, so an edited or renamed one is
refused too. Reading needs no torch.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.predictions import COLUMNS, Predictions, columns_of
from robustbench_cls.core.run import Circumstances, RunIdentity
from robustbench_cls.core.suite import Condition, Suite
from robustbench_cls.metrics.scoring import score
from robustbench_cls.results.faults import faults

MANIFEST = "run.json"

_IDENTITY_KEY = b"robustbench_cls.identity"
_CONTENT_KEY = b"robustbench_cls.content"


@dataclass(frozen=True, repr=False)
class StoredRun:
    """One model on one suite, as it lies on disk.

    Attributes:
        suite: all of its conditions, measured or not yet; its reference is None where no clean images were found.
        imagenet: the label space is the 1000 classes of ImageNet-1k.
        class_names: what the numbers of labels and answers stand for, for readers; empty where it is not known.
        measured: what counts as measured, whatever is stored since; None for what is on disk when it is asked.
    """

    folder: Path
    identity: RunIdentity
    suite: Suite
    imagenet: bool
    origin: Origin = field(default_factory=Origin)
    circumstances: Circumstances = field(default_factory=Circumstances)
    class_names: tuple[str, ...] = ()
    measured: frozenset[Condition] | None = None

    def __repr__(self) -> str:
        done = len(self.all_conditions) - len(self.missing())
        return (
            f"<StoredRun {self.identity.model} on {self.identity.suite}: {done} of {len(self.all_conditions)} "
            f"conditions, in {self.folder}>"
        )

    def scores(self) -> pd.DataFrame:
        """Every score with its 95 % interval, a row each, as in the CSV of a report.

        Raises:
            UserError: a stored file can't be read.
        """
        found, _ = score(self.identity.model, self.identity.suite, self.predictions(), self.suite.measures)
        table: pd.DataFrame = pd.DataFrame([asdict(one) for one in found])
        return table

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The suite's conditions without the reference."""
        return self.suite.conditions

    @property
    def reference(self) -> Condition | None:
        """The clean condition measured beside them, or None."""
        return self.suite.reference

    @property
    def all_conditions(self) -> tuple[Condition, ...]:
        """The suite's conditions, the reference first."""
        return self.suite.all_conditions

    @property
    def columns(self) -> dict[str, str]:
        """The columns that its files have, with their types."""
        return columns_of(self.suite.labels)

    def path(self, condition: Condition) -> Path:
        """Where the results of `condition` lie or will lie."""
        return self.folder / f"{condition.stem}.parquet"

    def sample_path(self, condition: Condition) -> Path:
        """Where the sample image of `condition` lies or will lie."""
        return self.folder / "samples" / f"{condition.stem}.webp"

    def missing(self) -> tuple[Condition, ...]:
        """The conditions that have no results yet."""
        if self.measured is not None:
            return tuple(c for c in self.all_conditions if c not in self.measured)
        return tuple(c for c in self.all_conditions if not self.path(c).exists())

    def as_it_is(self) -> "StoredRun":
        """This run with what is measured now, for readers that look several times while it is being evaluated."""
        missing = self.missing()
        return replace(self, measured=frozenset(c for c in self.all_conditions if c not in missing))

    def write(self, condition: Condition, results: pa.Table) -> None:
        """Store the results of one condition; afterwards they are there whole."""
        self.write_table(self.path(condition), results)

    def read(self, condition: Condition) -> pd.DataFrame:
        """The results of one condition.

        Raises:
            UserError: there are none, the file is damaged, or it belongs to another run.
        """
        table = self.read_table(self.path(condition), list(self.columns))
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
        return frame

    def content(self, condition: Condition) -> bytes:
        """The digest of its content that the file of a condition carries; empty where it has none or is missing."""
        if not self.path(condition).exists():
            return b""
        with _readable(self.path(condition)):
            told: bytes = (pq.read_schema(self.path(condition)).metadata or {}).get(_CONTENT_KEY, b"")
        return told

    def differs_from_copy(self, other: "StoredRun") -> bool:
        """Whether another run of the same identity holds other results, though both say that they must be the same."""
        pairs = [(self.content(c), other.content(c)) for c in self.all_conditions if c in other.all_conditions]
        return any(mine and theirs and mine != theirs for mine, theirs in pairs)

    def has_logits(self, condition: Condition) -> bool:
        """True where the logits of a stored condition were kept."""
        with _readable(self.path(condition)):
            return "logits" in pq.read_schema(self.path(condition)).names

    def write_table(self, path: Path, results: pa.Table) -> None:
        """Store results of this run in a file, whole or not at all."""
        mark = {_IDENTITY_KEY: self.identity.digest().encode(), _CONTENT_KEY: _content(path.name, results)}
        mark = {**(results.schema.metadata or {}), **mark}
        with atomic(path) as temporary:
            marked = results.replace_schema_metadata(mark)
            pq.write_table(marked, temporary, compression="zstd", write_page_checksum=True)

    def read_table(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """Results of this run from a file.

        Raises:
            UserError: it is not there, damaged, edited, renamed, or of another run.
        """
        with _readable(path):
            table = pq.read_table(path, columns=columns, page_checksum_verification=True)
        mark = table.schema.metadata or {}
        if mark.get(_IDENTITY_KEY) != self.identity.digest().encode():
            raise UserError(f"{path} belongs to another run than {self.folder / MANIFEST}. Move it away.")
        if _CONTENT_KEY in mark and mark[_CONTENT_KEY] != _content(path.name, table):  # older files do not say
            raise UserError(
                f"{path} was edited or renamed after it was written. Delete it and start the evaluation again."
            )
        return table

    def predictions(self, without: Collection[Condition] = ()) -> Predictions:
        """All results stored so far, those of the reference apart.

        Args:
            without: conditions that count as not measured.

        Raises:
            UserError: a file can't be read, is of another run or of other images, or holds what can't be.
        """
        left_out = {*self.missing(), *without}
        done = tuple(c for c in self.conditions if c not in left_out)
        missing = tuple(c for c in self.all_conditions if c in left_out)
        clean = self.reference if self.reference not in left_out else None
        reference = self._predictions((clean,), None, ()) if clean else None
        return self._predictions(done, reference, missing)

    def _predictions(
        self, conditions: tuple[Condition, ...], reference: Predictions | None, missing: tuple[Condition, ...]
    ) -> Predictions:
        kinds = self.columns
        tables = [self.read_table(self.path(condition), list(kinds)) for condition in conditions]
        alike = [name for name in ("image_id", "label") if name in kinds]
        for condition, table in zip(conditions, tables, strict=True):
            same = all(table[name].equals(tables[0][name]) for name in alike)
            other = "" if same else f"other images than {self.path(conditions[0])}"
            categories = bool(self.suite.label_space.categories)
            wrong = other or next(faults(table, kinds, len(self.class_names) or None, categories=categories), "")
            if wrong:
                raise UserError(f"{self.path(condition)} holds {wrong}. Delete it and start the evaluation again.")
        ids = tuple(tables[0]["image_id"].to_pylist()) if tables else ()
        columns = {
            name: np.array([table[name].to_numpy() for table in tables], dtype).reshape(len(tables), len(ids))
            for name, dtype in kinds.items()
            if name != "image_id"
        }
        for column in columns.values():
            column.flags.writeable = False  # a metric that changed one would change all others
        return Predictions(conditions, ids, columns, self.imagenet, reference, missing)


def _content(name: str, results: pa.Table) -> bytes:
    """A digest of a file's name and of what it holds, logits apart."""
    digest = hashlib.sha256(name.encode())
    for column in (column for column in COLUMNS if column in results.column_names):
        values = results[column]
        plain = pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or values.null_count
        told = json.dumps(values.to_pylist()).encode() if plain else np.ascontiguousarray(values.to_numpy()).tobytes()
        digest.update(f"\0{column} {values.type}\0".encode() + told)
    return digest.hexdigest().encode()


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0][:200]
        raise UserError(f"{path} can't be read ({reason}). Delete it and start the evaluation again.") from error


def as_table(
    columns: Mapping[str, npt.ArrayLike] | pd.DataFrame, logits_NC: npt.NDArray[np.float32] | None = None
) -> pa.Table:
    """Results by those names of `COLUMNS` that are there, and `logits` as half-precision lists where they are given."""
    kinds = {name: object if kind == "string" else kind for name, kind in COLUMNS.items() if name in columns}
    table = pa.table({name: pa.array(np.asarray(columns[name], kind)) for name, kind in kinds.items()})
    if logits_NC is None:
        return table
    halves = pa.array(logits_NC.astype(np.float16).reshape(-1))
    return table.append_column("logits", pa.FixedSizeListArray.from_arrays(halves, logits_NC.shape[1]))
