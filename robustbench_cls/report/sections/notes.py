"""The numbers that are missing, and what the others must be read with."""

from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill


def render(data: ReportData) -> str:
    """The notes as a list; empty where every number exists."""
    return fill("notes.html", notes=data.notes) if data.notes else ""


SECTION = Section(name="notes", title="Notes", order=70, render=render)
