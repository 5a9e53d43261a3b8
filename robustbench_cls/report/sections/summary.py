"""Models by suites: the numbers of a paper's main table."""

from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.block import Measure, block
from robustbench_cls.report.labels import Column, LabelledRun, columns, models
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import OVERLAP, ScoreTable

FIRST = ("mce", "relative_mce", "mean_corruption_error_unnormalised", "held_out_mce", "held_out_error")
"""Whole-suite metrics in the order of the literature; others follow by name."""

BASELINE = ("mce", "relative_mce")
"""Numbers relative to AlexNet."""


ELSEWHERE = ("mean_ece", "mean_nll")
"""Whole-suite metrics that the section on calibration shows."""


def measures(column: Column, table: ScoreTable) -> tuple[Measure, ...]:
    """What the table shows of a suite: its whole-suite metrics, its clean conditions and the reference."""
    known = all_metrics()
    ranked = sorted(known, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    present = {key[4] for key in table if key[1:4] == (column.label, values.WHOLE_SUITE, 0)}
    wide = [name for name in ranked if name in present and name not in ELSEWHERE]
    found = [Measure(known[name].title, known[name], values.WHOLE_SUITE) for name in wide]
    plain = [condition for condition in column.conditions if not condition.severity]
    for condition in plain:
        prefix = f"{condition.name}: " if len(plain) > 1 else ""
        found.append(Measure(f"{prefix}Top-1 accuracy", known["top1_accuracy"], condition.name))
        if any(values.find(table, entry, "shape_bias", condition.name) for entry in column.runs):
            found.append(Measure(f"{prefix}Shape bias", known["shape_bias"], condition.name))
        elif any(_restricted(entry) for entry in column.runs):
            metric = known["head_top1_accuracy"]
            found.append(Measure(f"{prefix}Top-1, all head classes", metric, condition.name))
    if column.reference:
        found.append(Measure("Clean top-1, same classes", known["top1_accuracy"], column.reference.name))
    return tuple(found)


def _restricted(entry: LabelledRun) -> bool:
    identity = entry.run.identity
    return identity.label_space_sha256 != identity.classes_sha256


def partial_notes(column: Column) -> list[str]:
    """In words, which runs of a suite are not complete."""
    return [
        f"{entry.model} on {entry.suite}: {len(missing)} of {len(entry.run.all_conditions)} conditions missing."
        for entry in column.runs
        if (missing := entry.run.missing())
    ]


def render(data: ReportData) -> str:
    """The table with its legend; empty where there are no runs."""
    rows = models(data.runs)
    table = values.score_table(data.scores)
    blocks = [block(column, measures(column, table), rows, table) for column in columns(data.runs)]
    blocks = [b for b in blocks if b.measures]
    if not blocks:
        return ""
    shown = {measure.metric.name: measure.metric for b in blocks for measure in b.measures}
    marks = "".join(cell.marks for b in blocks for cells in b.rows.values() for cell in cells)
    counts = [cell.n for b in blocks for cells in b.rows.values() for cell in cells if cell.n]
    return fill(
        "summary.html",
        rows=rows,
        blocks=blocks,
        metrics=list(shown.values()),
        baseline=[shown[name].title for name in BASELINE if name in shown],
        partial=[note for b in blocks for note in partial_notes(b.column)],
        overlap=OVERLAP in marks,
        smallest=min(counts, default=0),
        split=[b.column for b in blocks if b.column.apart],
    )


SECTION = Section(name="summary", title="Summary", order=10, render=render)
