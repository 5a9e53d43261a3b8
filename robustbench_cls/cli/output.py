"""Scores on the terminal."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from typing import TYPE_CHECKING, Any

import click

from robustbench_cls.core.errors import UserError

if TYPE_CHECKING:
    from robustbench_cls.core.metric import Score
    from robustbench_cls.core.suite import Suite
    from robustbench_cls.report.comparison import Comparison, Difference
    from robustbench_cls.results.store import StoredRun

FORMAT = {"fraction": (2, "%"), "difference": (2, "%"), "percent": (2, "%"), "nats": (3, "nats"), "number": (3, "")}
"""By unit: decimal places, and its name."""


def print_scores(
    runs: "Sequence[StoredRun]", *, as_json: bool, shard: str | None = None, code: Sequence[str] = ()
) -> None:
    """The headline numbers of each run with n, or all of them as JSON; then what to do next.

    Of a run that other shards have still to complete, only so much. `code` are the user's own files that the runs
    speak of.
    """
    from robustbench_cls.core.metric import shown_scale
    from robustbench_cls.metrics.scoring import all_metrics, score, shown

    scored = []
    for run in runs:
        measures = run.suite.measures
        only = () if as_json else {measure.metric for measure in measures}
        scored.append(score(run.identity.model, run.identity.suite, run.predictions(), measures, only=only))
    if as_json:
        click.echo(as_text([asdict(one) for scores, _ in scored for one in scores]))
        return
    waiting = [run for run in runs if run.missing()]
    if shard is not None and waiting:
        left = ", ".join(
            f"{len(run.missing())} of {len(run.all_conditions)} of {run.identity.suite}" for run in waiting
        )
        click.echo(f"\nShard {shard} is done. Conditions that other shards have still to complete: {left}.")
        return
    for run, (scores, notes) in zip(runs, scored, strict=True):
        identity = run.identity
        click.secho(f"\n{identity.model} on {identity.suite} ({identity.backend}, {identity.precision})", bold=True)
        for one in shown(run.suite.measures, scores):
            scale, (places, unit) = shown_scale(one.unit), FORMAT[one.unit]
            value, low, high = (f"{number * scale:.{places}f}" for number in (one.value, one.low, one.high))
            title = all_metrics()[one.metric].title
            click.echo(f"  {title:40} {one.condition:12} {value:>7} {unit:4} [{low}, {high}]  n={one.n}")
        for note in [*run.circumstances.notes, *notes]:
            click.echo(f"  note: {note}")
    folders = " ".join(dict.fromkeys(shlex.quote(str(run.folder.parent)) for run in runs))
    own = "".join(f" --code {shlex.quote(path)}" for path in code)
    click.echo(f"\nNext: robust report {folders}{own} --out reports/page.html")


def figure(score: "Score") -> str:
    """A score as it is printed, with its unit and its interval."""
    from robustbench_cls.core.metric import shown_scale

    scale, (places, unit) = shown_scale(score.unit), FORMAT[score.unit]
    value, low, high = (f"{number * scale:.{places}f}" for number in (score.value, score.low, score.high))
    return f"{value}{f' {unit}' if unit else ''} [{low}, {high}]"


def print_comparison(comparison: "Comparison") -> None:
    """The measures of a suite and a row a corruption, for both models, with verdicts; then the result in words."""
    from robustbench_cls.metrics.scoring import all_metrics
    from robustbench_cls.report.comparison import in_words

    shown, rows = comparison.shown, comparison.by_corruption
    titles = [all_metrics()[d.metric].title + ("" if d.condition == "all" else f", {d.condition}") for d in shown]
    width = max([len(title) for title in titles] + [len(d.condition) for d in rows] + [len(comparison.suite) + 14])
    n = max((d.n for d in comparison.differences), default=0)
    head = f"{'A':>8} {'B':>8} {'B - A':>8} {'95 % interval':>19} {'only A':>7} {'only B':>7}"
    click.secho(f"\n{f'{comparison.suite}, n = {n:,}':{width}} {head}", bold=True)
    for title, difference in zip(titles, shown, strict=True):
        click.echo(f"{title:{width}} {_line(difference)}")
    if rows:
        click.echo(f"{all_metrics()[rows[0].metric].title}, by corruption:")
    for difference in rows:
        click.echo(f"{difference.condition:{width}} {_line(difference)}")
    click.echo(f"\n{in_words(comparison)}")


def _line(d: "Difference") -> str:
    places, unit = FORMAT[d.unit]
    numbers = (
        f"{d.value_a * d.scale:8.{places}f} {d.value_b * d.scale:8.{places}f} {d.difference * d.scale:+8.{places}f}"
    )
    ends = f"{d.low * d.scale:+.{places}f} .. {d.high * d.scale:+.{places}f}"
    return f"{numbers} {ends:>19} {d.only_a:7} {d.only_b:7}  {unit:4} {d.verdict}"


def as_text(rows: "Sequence[Mapping[str, Any]]") -> str:
    """JSON; a number without bound is null, as JSON has no infinity."""
    finite = [{name: None if value in (inf, -inf) else value for name, value in row.items()} for row in rows]
    return json.dumps(finite, indent=2)


def pairs(texts: "Sequence[str]") -> dict[str, str]:
    """`key=value` texts as a mapping.

    Raises:
        UserError: one without `=`.
    """
    for text in texts:
        if "=" not in text:
            raise UserError(f"--set takes KEY=VALUE, got '{text}'.")
    return dict(text.split("=", 1) for text in texts)


def parts_of(suites: "Sequence[Suite]", corruptions: "Sequence[str]", severities: "Sequence[str]") -> "list[Suite]":
    """These parts of the suites that corrupt images; the other suites as they are.

    Raises:
        UserError: none corrupts images, or one has no such corruption or severity.
    """
    from robustbench_cls.core.suite import part_of

    if not any(suite.corrupts for suite in suites):
        raise UserError("--corruptions and --severities are for suites that corrupt images, such as imagenet-c.")
    try:
        numbers = [int(text) for text in severities]
    except ValueError:
        raise UserError(f"--severities takes numbers such as 1,3,5, got '{','.join(severities)[:60]}'.") from None
    return [part_of(suite, corruptions, numbers) if suite.corrupts else suite for suite in suites]


def listed(text: str | None) -> list[str]:
    """Names separated by commas; none where the option was left out."""
    return [name.strip() for name in text.split(",")] if text is not None else []
