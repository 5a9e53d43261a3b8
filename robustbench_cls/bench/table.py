"""Write a benchmark as text: a Markdown table that reads well on a terminal too, and sentences with the rest."""

from collections.abc import Mapping, Sequence

from robustbench_cls.bench.corruptions import CLEAN, OURS, PILLOW_STEP, Benchmark
from robustbench_cls.bench.data import PILLOW, DataBenchmark
from robustbench_cls.bench.evaluation import EvaluationBenchmark
from robustbench_cls.bench.loading import LoadingBenchmark, Turns
from robustbench_cls.bench.peers import REFERENCE
from robustbench_cls.bench.statistics import StatisticsBenchmark
from robustbench_cls.bench.steps import NETWORK, StepTimes
from robustbench_cls.bench.timm_loaders import WAYS
from robustbench_cls.bench.training import TrainingBenchmark
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C
from robustbench_cls.core.suite import IMAGENET_224


def corruption_table(measured: Benchmark) -> str:
    """A table of milliseconds by corruption and engine with the ratio to the reference, and the other figures."""
    engines = measured.engines()
    names = list(dict.fromkeys(timing.corruption for timing in measured.timings))
    rows = [_row(measured, name, [name], engines, _number(measured.slowest(name))) for name in names]
    for label, group in (("ImageNet-C, 75 conditions", IMAGENET_C), ("with the extra four, 95", IMAGENET_C + EXTRA)):
        if set(group) <= set(names):
            rows.append(_row(measured, label, group, engines, ""))
    header = ["corruption", *engines, "times faster", "slowest severity"]
    return "\n\n".join(["\n".join(_markdown([header, *rows])), *_figures(measured)])


def evaluation_table(measured: EvaluationBenchmark) -> str:
    """A table of seconds and images per second of the evaluation and its parts, and the plain loop to compare."""
    total = measured.images * measured.conditions
    times = {
        "forward pass alone": measured.forward,
        "images alone (corrupting, JPEG step)": measured.corruption,
        "evaluation": measured.both,
        "evaluation, crops not stored yet": measured.first,
    }
    rows = [
        [name, f"{s.wall:.1f}", f"{total / s.wall:.1f}", f"{(r := s / measured.forward).wall:.3f}", f"{r.cpu:.3f}"]
        for name, s in times.items()
    ]
    text = _markdown([["", "seconds", "images/s", "of the forward pass", "in processor time"], *rows])
    about = (
        f"{measured.model}, {measured.precision}, {measured.backend}: {measured.images} images in each of "
        f"{measured.conditions} conditions, batches of {measured.batch_size}, {measured.workers} threads."
    )
    return "\n\n".join([about, "\n".join(text), *_against(measured), _where(measured.machine, measured.versions)])


def data_table(measured: DataBenchmark) -> str:
    """A table of milliseconds by step and engine, and whether the pixels are the same."""
    rows = [
        [step, f"{found[PILLOW]:.2f}", f"{found[OURS]:.2f}", f"{measured.times_faster(step):.2f}"]
        for step, found in measured.milliseconds.items()
    ]
    same = "Identical pixels" if measured.identical == measured.files else "PIXELS DIFFER"
    figures = [
        f"Milliseconds of one image: medians over {measured.files} JPEG file(s) of {measured.kilobytes:.0f} kB on "
        f"average, one thread each; shorter side to {IMAGENET_224.resize}, centre {IMAGENET_224.crop}, bilinear.",
        f"{same}: {measured.identical} of {measured.files} files.",
        _where(measured.machine, measured.versions),
    ]
    return "\n\n".join(["\n".join(_markdown([["step", PILLOW, OURS, "times faster"], *rows])), *figures])


def statistics_table(measured: StatisticsBenchmark) -> str:
    """A table of seconds by metric and in total."""
    rows = [["drawing images", f"{measured.drawing:.2f}"]]
    rows += [[name, f"{seconds:.2f}"] for name, seconds in measured.seconds.items()]
    rows.append(["all", f"{measured.total:.2f}"])
    figures = [
        f"Seconds for one model: {measured.images:,} images in {measured.conditions} conditions, "
        f"{measured.resamples:,} resamples, {measured.numbers:,} numbers with their intervals. "
        f"At most {measured.peak_mb:,.0f} MB of memory.",
        _where(measured.machine, measured.versions),
    ]
    return "\n\n".join(["\n".join(_markdown([["metric", "seconds"], *rows])), *figures])


def training_table(measured: TrainingBenchmark) -> str:
    """Tables of photos per second by recipe and engine, and of where the time of a model's steps goes."""
    loading = [text for one in measured.loading for text in _loading(one, measured.asked.turns)]
    steps = _steps(measured.steps) if measured.steps is not None else []
    return "\n\n".join([*loading, *steps, _where(measured.machine, measured.versions)])


def _loading(measured: LoadingBenchmark, turns: Turns) -> list[str]:
    engines = (OURS, *WAYS)
    rows = [
        [one.recipe, *(_number(one.of(engine)) for engine in engines), _number(one.times_faster)]
        for one in measured.recipes
    ]
    kept = f"{OURS} has decoded each once before" if measured.kept else "each is decoded anew"
    same = "Identical pixels" if measured.identical == measured.compared else "PIXELS DIFFER"
    return [
        f"Photos per second, from files to normalised batches of {measured.size} px: {measured.photos} photos, {kept}; "
        f"random resized crops, {measured.interpolation}, and flips.",
        "\n".join(_markdown([["recipe", *engines, "times faster"], *rows])),
        f"Medians over {turns.rounds} turns of {turns.seconds:g} s, {turns.workers} workers each. 'Times faster' is "
        f"the median ratio to the faster of timm's ways. {same} in the same window: {measured.identical} of "
        f"{measured.compared} photos.",
    ]


def _steps(measured: StepTimes) -> list[str]:
    rate = measured.images / measured.seconds
    making = [[f"{part} (one process)", f"{ms:.3f}", ""] for part, ms in measured.making.items()]
    spent = [
        [part, f"{1e3 * seconds / measured.images:.3f}", f"{seconds / measured.seconds:.1%}"]
        for part, seconds in measured.spent.items()
    ]
    return [
        f"Where the time of a training goes: {measured.model}, {measured.recipe}, {measured.size} px, batches of "
        f"{measured.batch_size}, {measured.workers} workers, {measured.images:,} images.",
        "\n".join(_markdown([["part", "ms an image", "share"], *making, *spent])),
        f"{' and '.join(NETWORK).capitalize()}: {measured.network:.1%} of the time. {rate:.0f} images/s; "
        f"{measured.alone:.0f} on a batch that lies ready, without workers.",
    ]


def _against(measured: EvaluationBenchmark) -> list[str]:
    if not measured.plain or not measured.plain_errors:
        return []
    (plain, ours), (plain_error, our_error, interval) = measured.plain, measured.plain_errors
    return [
        f"The usual loop (imagecorruptions in a DataLoader, Pillow, eager float32): {plain.wall:.1f} s; ours on the "
        f"same images, decoding included: {ours.wall:.1f} s, {(plain / ours).wall:.1f} times faster "
        f"({(plain / ours).cpu:.1f} in processor time). Top-1 errors {plain_error:.2%} and {our_error:.2%}: "
        f"{our_error - plain_error:+.2%} ± {interval:.2%} (95 %, paired by image; other draws)."
    ]


def _row(measured: Benchmark, label: str, names: Sequence[str], engines: Sequence[str], slowest: str) -> list[str]:
    cells = [_number(measured.total(engine, names)) for engine in engines]
    return [label, *cells, _number(measured.times_faster(names)), slowest]


def _figures(measured: Benchmark) -> list[str]:
    same = "identical pixels" if measured.jpeg_identical else "PIXELS DIFFER"
    shown = {"of clean photos": CLEAN, "after gaussian_noise": "gaussian_noise"}
    steps = [text for label, name in shown.items() if (text := _jpeg_step(measured, label, name))]
    return [
        f"Milliseconds for one image of {measured.size} px in all five severities: sums of medians over "
        f"{measured.photos} photo(s), one thread each; 'slowest severity' is ours for one.",
        f"JPEG step, quality 85: {'; '.join(steps)}; {same}.",
        *_with_jpeg(measured),
        f"Two threads: {measured.two_threads:.2f} times the throughput of one (less where other programs run).",
        f"First pass over these after installing: {measured.first_seconds:.1f} s with compilation; "
        f"in later processes {measured.cached_seconds:.1f} s.",
        _where(measured.machine, measured.versions),
    ]


def _jpeg_step(measured: Benchmark, label: str, name: str) -> str:
    ours, pillows = (measured.jpeg_mean(engine, [name]) for engine in (OURS, PILLOW_STEP))
    if not ours or not pillows:
        return ""
    return f"{label} {ours:.3f} ms, Pillow {pillows:.3f} ms, {pillows / ours:.1f} times"


def _with_jpeg(measured: Benchmark) -> list[str]:
    ours, theirs = (measured.with_jpeg(engine, IMAGENET_C) for engine in (OURS, REFERENCE))
    if not ours or not theirs:
        return []
    return [
        f"ImageNet-C with the JPEG step after each of the 75 conditions: {OURS} {ours:.1f} ms, {REFERENCE} with "
        f"Pillow's step {theirs:.0f} ms, {theirs / ours:.1f} times."
    ]


def _where(machine: str, versions: Mapping[str, str]) -> str:
    found = ", ".join(f"{name} {number}" for name, number in versions.items() if number != "not installed")
    return f"Machine: {machine}. {found}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table. The first row is the header; all columns but the first are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [
        [cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        for row in rows
    ]
    return [f"| {' | '.join(row)} |" for row in (aligned[0], rule, *aligned[1:])]
