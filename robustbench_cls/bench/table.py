"""A benchmark as text: a Markdown table that reads well on a terminal too, and the other figures in sentences."""

from collections.abc import Sequence

from robustbench_cls.bench.corruptions import Benchmark
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C


def corruption_table(measured: Benchmark) -> str:
    """Milliseconds by corruption and engine, how many times faster than the reference, and the other figures."""
    engines = measured.engines()
    names = list(dict.fromkeys(timing.corruption for timing in measured.timings))
    rows = [_row(measured, name, [name], engines, _number(measured.slowest(name))) for name in names]
    for label, group in (("ImageNet-C, 75 conditions", IMAGENET_C), ("with the extra four, 95", IMAGENET_C + EXTRA)):
        if set(group) <= set(names):
            rows.append(_row(measured, label, group, engines, ""))
    header = ["corruption", *engines, "times faster", "slowest severity"]
    return "\n\n".join(["\n".join(_markdown([header, *rows])), *_figures(measured)])


def _row(measured: Benchmark, label: str, names: Sequence[str], engines: Sequence[str], slowest: str) -> list[str]:
    cells = [_number(measured.total(engine, names)) for engine in engines]
    return [label, *cells, _number(measured.times_faster(names)), slowest]


def _figures(measured: Benchmark) -> list[str]:
    jpeg = ", ".join(f"{engine} {milliseconds:.2f} ms" for engine, milliseconds in measured.jpeg.items())
    same = "identical pixels" if measured.jpeg_identical else "PIXELS DIFFER"
    found = ", ".join(f"{name} {number}" for name, number in measured.versions.items() if number != "not installed")
    return [
        f"Milliseconds for one image of {measured.size} px in all five severities: sums of medians over "
        f"{measured.photos} photo(s), one thread each; 'slowest severity' is ours for one.",
        f"JPEG quality 85, mean of an image: {jpeg}; {same}.",
        f"Two threads: {measured.two_threads:.2f} times the throughput of one (less where other programs run).",
        f"First pass over these after installing: {measured.first_seconds:.1f} s with compilation; "
        f"in later processes {measured.cached_seconds:.1f} s.",
        f"Machine: {measured.machine}. {found}",
    ]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length, the first one the header; all columns but the first aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [
        [cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        for row in rows
    ]
    return [f"| {' | '.join(row)} |" for row in (aligned[0], rule, *aligned[1:])]
