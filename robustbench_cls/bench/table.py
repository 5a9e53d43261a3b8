"""A benchmark as text: Markdown tables that read well on a terminal too."""

from collections.abc import Sequence

import pandas as pd

from robustbench_cls.bench.corruptions import OUR_PUBLISHED, OURS, Benchmark
from robustbench_cls.bench.peers import REFERENCE
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C


def corruption_tables(measured: Benchmark) -> str:
    """Milliseconds by corruption and engine, how many times faster than the reference, and the other figures."""
    sums = _sums(measured.times)
    engines = [engine for engine in (OURS, OUR_PUBLISHED, REFERENCE) if engine in sums]
    engines += [engine for engine in sums if engine not in engines]
    header = ["corruption", *engines, "times faster", "slowest severity"]
    rows = [_row(measured, sums, name, engines) for name in sums.index]
    for label, names in (("ImageNet-C, 75 conditions", IMAGENET_C), ("with the extra four, 95", IMAGENET_C + EXTRA)):
        if set(names) <= set(sums.index):
            rows.append(_total(measured, label, names, engines))
    return "\n\n".join(["\n".join(_markdown(header, rows)), *_figures(measured)])


def _sums(times: pd.DataFrame) -> pd.DataFrame:
    """Milliseconds of the five severities, a row a corruption in the order measured, a column an engine."""
    order = list(dict.fromkeys(times.corruption))
    table = times.pivot_table(index="corruption", columns="engine", values="milliseconds", aggfunc="sum")
    return table.loc[order]


def _row(measured: Benchmark, sums: pd.DataFrame, name: str, engines: Sequence[str]) -> list[str]:
    times = measured.times
    slowest = times[(times.corruption == name) & times.engine.isin([OURS, OUR_PUBLISHED])].milliseconds.max()
    ratio = sums.loc[name, REFERENCE] / sums.loc[name, OURS] if REFERENCE in sums else float("nan")
    cells = [_number(sums.loc[name, engine]) for engine in engines]
    return [name, *cells, _number(ratio, 3), _number(slowest)]


def _total(measured: Benchmark, label: str, names: Sequence[str], engines: Sequence[str]) -> list[str]:
    totals = measured.totals(names)
    cells = [_number(totals[engine]) if engine in totals else "" for engine in engines]
    return [label, *cells, _number(measured.faster(names), 3), ""]


def _figures(measured: Benchmark) -> list[str]:
    jpeg = ", ".join(f"{engine} {milliseconds:.2f} ms" for engine, milliseconds in measured.jpeg.items())
    same = "identical pixels" if measured.jpeg_identical else "PIXELS DIFFER"
    return [
        f"Milliseconds for one image of {measured.size} px in all five severities: sums of medians over "
        f"{measured.photos} photos, one thread each; 'slowest severity' is ours for one.",
        f"JPEG quality 85, mean of an image: {jpeg}; {same}.",
        f"Two threads: {measured.two_threads:.2f} times the throughput of one.",
        f"First pass over everything after installing: {measured.first_seconds:.1f} s with compilation; "
        f"in later processes {measured.cached_seconds:.1f} s.",
        f"Machine: {measured.machine}. "
        + ", ".join(f"{name} {number}" for name, number in measured.versions.items() if number != "not installed"),
    ]


def _number(value: float, digits: int = 2) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.{digits}f}" if value < 10 and digits == 2 else f"{value:.{digits}g}" if value < 100 else f"{value:.0f}"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    aligned = [[cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))]
               for line in (header, *rows)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [f"| {' | '.join(line)} |" for line in (aligned[0], rule, *aligned[1:])]
