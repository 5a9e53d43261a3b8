"""One run shared by several processes: who measures which images, and one result from their pieces.

All batches of all conditions stand in one line, and each process takes a stretch of it, so batches are those of a
single process and no image is left out or measured twice. A stretch of a condition is stored as

    RUN/<suite>/rows/<condition>.<start>-<stop>.parquet

and whoever completes a condition joins its pieces into the file that a single process would have written.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.shard import Shard
from robustbench_cls.data.batches import Part, Rows
from robustbench_cls.results.store import StoredRun


def wait_for_all() -> None:
    """Wait until every process that torchrun started has come here."""
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=timedelta(days=30))  # the fastest waits for the slowest
    dist.barrier()
    dist.destroy_process_group()


def share(parts: Sequence[Part], shard: Shard, batch_size: int) -> list[Rows]:
    """This shard's stretch of each part, in order; those of all shards are every image once."""
    line = [batch for part in parts for batch in Rows(part, 0, len(part)).in_batches(batch_size)]
    begin, end = (len(line) * i // shard.count for i in (shard.index, shard.index + 1))
    return _joined(line[begin:end])


def _joined(batches: Sequence[Rows]) -> list[Rows]:
    stretches: list[Rows] = []
    for rows in batches:
        if stretches and stretches[-1].part is rows.part:
            stretches[-1] = Rows(rows.part, stretches[-1].start, rows.stop)
        else:
            stretches.append(rows)
    return stretches


def not_stored(run: StoredRun, stretch: Rows) -> list[Rows]:
    """The rows of a stretch that no process has stored yet."""
    if run.path(stretch.part.condition).exists():
        return []
    left, start = [], stretch.start
    for begin, end, _ in _pieces(run, stretch.part):
        if begin > start:
            left.append(Rows(stretch.part, start, min(begin, stretch.stop)))
        start = max(start, end)
        if start >= stretch.stop:
            break
    if start < stretch.stop:
        left.append(Rows(stretch.part, start, stretch.stop))
    return [rows for rows in left if rows.start < rows.stop]


def store(run: StoredRun, stretch: Rows, results: pa.Table) -> None:
    """Store a stretch's results, and the condition's if this was the last."""
    condition = stretch.part.condition
    if len(stretch) == len(stretch.part):
        run.write(condition, results)
        return
    run.write_table(_folder(run) / f"{condition.stem}.{stretch.start}-{stretch.stop}.parquet", results)
    join(run, stretch.part)


def join(run: StoredRun, part: Part) -> None:
    """Write the condition's file if its pieces are all there and it is not.

    Processes that do so at once write the same bytes. Logits are left out where a piece comes without.
    """
    if run.path(part.condition).exists():
        return
    tables, start, used = [], 0, []
    try:
        for begin, end, path in _pieces(run, part):
            if begin <= start < end:
                tables.append(run.read_table(path).slice(start - begin))
                start = end
            used.append(path)
    except UserError:
        if run.path(part.condition).exists():
            return  # joined by another process meanwhile
        raise
    if start < len(part) or not tables:
        return
    common = [name for name in tables[0].column_names if all(name in table.column_names for table in tables)]
    run.write(part.condition, pa.concat_tables([table.select(common) for table in tables]).combine_chunks())
    for path in used:
        path.unlink(missing_ok=True)
    with suppress(OSError):  # other conditions have pieces there
        _folder(run).rmdir()


def _pieces(run: StoredRun, part: Part) -> list[tuple[int, int, Path]]:
    """Stored pieces of a condition: first row, the one after the last, file."""
    stem = part.condition.stem
    names = _folder(run).glob(f"{stem}.*-*.parquet") if _folder(run).is_dir() else ()
    found = [(path, re.fullmatch(rf"{re.escape(stem)}\.(\d+)-(\d+)\.parquet", path.name)) for path in names]
    return sorted((int(match[1]), int(match[2]), path) for path, match in found if match)


def _folder(run: StoredRun) -> Path:
    return run.folder / "rows"
