"""Samples: one image as the models saw it, by corruption and severity."""

import base64
import io
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Condition
from robustbench_cls.report.labels import Column, facts
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.results.store import StoredRun

LARGEST_SIDE = 128
QUALITY = 85

SEEN = ("data_fingerprint", "seed", "resize", "crop", "jpeg_quality", "images", "suite")
"""Fields that decide the pixels of a sample; the same pixels are shown once."""


@dataclass(frozen=True)
class Picture:
    """An embedded image with its words."""

    title: str
    address: str


@dataclass(frozen=True)
class Grid:
    """The corrupted samples of one suite, rows by group and corruption; an absent one is left out."""

    suite: str
    severities: list[int]
    groups: dict[str, dict[str, dict[int, Picture]]]


def embedded(path: Path) -> str:
    """The image as a `data:` address, small enough for a page.

    Raises:
        UserError: the file is not an image.
    """
    buffer = io.BytesIO()
    try:
        with Image.open(path, formats=("WEBP", "PNG")) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError) as error:  # Pillow reports broken PNG chunks as SyntaxError
        raise UserError(f"{path} can't be read as an image ({error}). Delete it and evaluate again.") from error
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    image.save(buffer, format="WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def pictures(run: StoredRun) -> dict[Condition, Picture]:
    """The samples that the run has."""
    found = {}
    for condition in run.all_conditions:
        path = run.sample_path(condition)
        if path.is_file():
            words = condition.name.replace("_", " ")
            title = f"{words}, severity {condition.severity}" if condition.graded else words
            found[condition] = Picture(title, embedded(path))
    return found


def grid(column: Column, found: Mapping[Condition, Picture]) -> Grid:
    """The corrupted samples of a suite in its order."""
    rows: dict[str, dict[int, Picture]] = {}
    for condition, picture in found.items():
        if condition.graded:
            rows.setdefault(condition.name, {})[condition.severity] = picture
    severities = sorted({severity for pictures in rows.values() for severity in pictures})
    groups = {group: {n: rows[n] for n in names if n in rows} for group, names in column.groups.items()}
    return Grid(column.label, severities, {group: own for group, own in groups.items() if own})


def plain(found: Mapping[str, Mapping[Condition, Picture]]) -> list[Picture]:
    """The samples without a severity, each picture once, with the suites that show it."""
    titles: dict[str, dict[str, list[str]]] = {}
    for label, pictures_of in found.items():
        for condition, picture in pictures_of.items():
            if not condition.graded:
                titles.setdefault(picture.address, {}).setdefault(picture.title, []).append(label)
    return [
        Picture("; ".join(f"{title} ({', '.join(labels)})" for title, labels in by_title.items()), address)
        for address, by_title in titles.items()
    ]


def once(columns: Sequence[Column]) -> dict[str, StoredRun]:
    """For each suite's label one run that has samples; nothing for pixels that another one shows."""
    chosen: dict[str, StoredRun] = {}
    seen: set[tuple[Hashable, ...]] = set()
    for column in columns:
        for entry in column.runs:
            known = facts(entry.run.identity)
            pixels = tuple(known[field] for field in SEEN)
            if (
                entry.suite not in chosen
                and pixels not in seen
                and any(entry.run.sample_path(c).is_file() for c in entry.run.all_conditions)
            ):
                seen.add(pixels)
                chosen[entry.suite] = entry.run
    return chosen


def render(data: ReportData) -> str:
    """The samples of each suite; empty where there are none."""
    found = {label: pictures(run) for label, run in once(data.columns).items()}
    grids = [made for c in data.columns if c.label in found and (made := grid(c, found[c.label])).groups]
    return fill("samples.html", plain=plain(found), grids=grids) if found else ""


SECTION = Section(name="samples", title="Sample images", order=50, render=render)
