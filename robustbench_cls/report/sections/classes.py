"""Classes: those that a model knows least, and those that it takes for one another."""

from dataclasses import dataclass

from robustbench_cls.core.metric import shown_scale
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.classes import most_confused, per_class_accuracy
from robustbench_cls.report import values
from robustbench_cls.report.labels import LabelledRun
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.results.store import StoredRun

SHOWN = 10


@dataclass(frozen=True)
class ClassRow:
    """A class with its accuracy, as they are printed."""

    name: str
    accuracy: str
    interval: str
    n: int


@dataclass(frozen=True)
class PairRow:
    """Images of one class that are answered with another: how often, and of all answers to its images what share."""

    name: str
    answer: str
    times: int
    share: str


def look(entry: LabelledRun, sample: Sample) -> tuple[list[ClassRow], list[PairRow]] | None:
    """The least accurate classes and the most confused pairs of one run, over all its conditions."""
    run, predictions = entry.run, sample.predictions
    if not predictions.conditions or not predictions.labelled:
        return None
    lowest = per_class_accuracy(predictions).sort_values("accuracy", kind="stable").head(SHOWN)
    percent = shown_scale("fraction")
    rows = [
        ClassRow(
            name=_name(run, row["label"]),
            accuracy=values.number(row["accuracy"] * percent),
            interval=f"{values.number(row['low'] * percent)} to {values.number(row['high'] * percent)}",
            n=row["n"],
        )
        for row in lowest.reset_index().to_dict("records")
    ]
    pairs = [
        PairRow(
            name=_name(run, row["label"]),
            answer=_name(run, row["prediction"]),
            times=row["times"],
            share=values.number(row["share"] * percent),
        )
        for row in most_confused(predictions, SHOWN).to_dict("records")
    ]
    return rows, pairs


def _name(run: StoredRun, index: int) -> str:
    return run.class_names[index] if index < len(run.class_names) else f"class {index}"


def render(data: ReportData) -> str:
    """Two tables for each run; empty where none is stored."""
    found = [
        (column, entry.model, *lists)
        for column in data.columns
        for entry in column.runs
        if (lists := data.look(SECTION.name, entry))
    ]
    return fill("classes.html", found=found) if found else ""


SECTION = Section(name="classes", title="Classes", order=48, render=render, look=look)
