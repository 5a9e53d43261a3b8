"""Scores on the terminal."""

import contextlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustbench_cls.core.errors import UserError

if TYPE_CHECKING:
    from robustbench_cls.core.metric import Score
    from robustbench_cls.core.suite import Suite
    from robustbench_cls.report.comparison import Comparison, Difference
    from robustbench_cls.report.ranking import Ranking
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
    from robustbench_cls.metrics.scoring import all_metrics, score, shown
    from robustbench_cls.report.caveats import small_images, unlike_clean_images

    scored = []
    for run in runs:
        measures = run.suite.measures
        only = () if as_json else {measure.metric for measure in measures}
        scored.append(score(run.identity.model, run.identity.suite, run.predictions(), measures, only=only))
    waiting = [run for run in runs if run.missing()] if shard is not None else []
    if waiting:
        _say_waiting(waiting, str(shard), err=as_json)
    if as_json:
        click.echo(as_text([asdict(one) for scores, _ in scored for one in scores]))
    if as_json or waiting:
        return
    told: set[str] = set()
    for run, (scores, notes) in zip(runs, scored, strict=True):
        identity = run.identity
        click.secho(f"\n{identity.model} on {identity.suite} ({identity.backend}, {identity.precision})", bold=True)
        for one in shown(run.suite.measures, scores):
            value, unit, ends = _parts(one)
            title = all_metrics()[one.metric].title
            click.echo(f"  {title:40} {one.condition:12} {value:>7} {unit:4} {ends}  n={one.n}")
        for note in [*run.circumstances.notes, *small_images(run), *notes]:
            if note not in told:
                click.echo(f"  note: {note}")
                told.add(note)
    for note in unlike_clean_images(runs):
        click.echo(f"  note: {note}")
    folders = " ".join(dict.fromkeys(shlex.quote(str(run.folder.parent)) for run in runs))
    own = "".join(f" --code {shlex.quote(path)}" for path in code)
    models = {run.identity.model for run in runs}
    page = models.pop() if len(models) == 1 else "page"
    click.echo(f"\nNext: robust report {folders}{own} --out {shlex.quote(f'reports/{page}.html')}")
    if other := _other_model(runs):
        click.echo(f"      robust compare {shlex.quote(str(other))} {shlex.quote(str(runs[0].folder.parent))}{own}")


def _other_model(runs: "Sequence[StoredRun]") -> Path | None:
    """The folder beside these runs with the latest results of another model, measured alike on one of their suites."""
    from robustbench_cls.report.labels import comparable
    from robustbench_cls.results.manifest import read_run
    from robustbench_cls.results.store import MANIFEST

    if len({run.folder.parent for run in runs}) != 1:
        return None
    found = []
    for run in runs:
        for manifest in run.folder.parent.parent.glob(f"*/{run.folder.name}/{MANIFEST}"):
            with contextlib.suppress(UserError):  # of a run that can't be read nothing is proposed
                other = read_run(manifest.parent)
                if other.identity.model != run.identity.model and comparable(other) == comparable(run):
                    found.append((manifest.stat().st_mtime, manifest.parent.parent))
    return max(found)[1] if found else None


def _say_waiting(runs: "Sequence[StoredRun]", shard: str, *, err: bool) -> None:
    """Print the work that other shards have still to do."""
    index, count = shard.split("/")
    others = f"shard {3 - int(index)}/2" if count == "2" else "other shards"
    for run in runs:
        left = f"{len(run.missing())} of {len(run.all_conditions)} conditions of {run.identity.suite}"
        told = f"\nShard {shard} is done. {left} wait for {others}. The last shard to finish merges them."
        click.echo(f"{told}\nAll shards need the same --batch-size.", err=err)


def figure(score: "Score") -> str:
    """A score as it is printed, with its unit and its interval."""
    value, unit, ends = _parts(score)
    return f"{value}{f' {unit}' if unit else ''} {ends}"


def _parts(score: "Score") -> tuple[str, str, str]:
    """A score as it is printed: the value, its unit, and the interval in brackets."""
    from robustbench_cls.core.metric import shown_scale

    scale, (places, unit) = shown_scale(score.unit), FORMAT[score.unit]
    value, low, high = (f"{number * scale:.{places}f}" for number in (score.value, score.low, score.high))
    return value, unit, f"[{low}, {high}]"


def print_comparison(comparison: "Comparison") -> None:
    """The measures of a suite and a row a corruption, for both models, with verdicts; then the result in words."""
    from robustbench_cls.report.verdict import in_words

    shown, rows = comparison.shown, comparison.by_corruption
    places = ["" if d.condition == "all" else f", {d.condition}" for d in shown]
    titles = [f"{_with_unit(d)}{place}" for d, place in zip(shown, places, strict=True)]
    below = [f"{_with_unit(rows[0])}, by corruption"] if rows else []
    n = max((d.n for d in comparison.differences), default=0)
    head = f"{comparison.suite}, n = {n:,}"
    width = max(map(len, [*titles, *below, *(d.condition for d in rows), head]))
    names = f"{'A':>8} {'B':>8} {'B - A':>8} {'95 % interval':>19}  {'p':>6} {'only A':>7} {'only B':>7}  verdict"
    click.secho(f"\n{head:{width}} {names}", bold=True)
    for title, difference in zip(titles, shown, strict=True):
        click.echo(f"{title:{width}} {_line(difference)}")
    for title in below:
        click.secho(f"{title:{width}} {names}", bold=True)
    for difference in rows:
        click.echo(f"{difference.condition:{width}} {_line(difference)}")
    click.echo(f"\n{in_words(comparison)}")


def _with_unit(d: "Difference") -> str:
    from robustbench_cls.metrics.scoring import all_metrics

    unit = FORMAT[d.unit][1]
    return all_metrics()[d.metric].title + (f" ({unit})" if unit else "")


def _line(d: "Difference") -> str:
    places, _ = FORMAT[d.unit]
    numbers = (
        f"{d.value_a * d.scale:8.{places}f} {d.value_b * d.scale:8.{places}f} {d.difference * d.scale:+8.{places}f}"
    )
    ends = f"{d.low * d.scale:+.{places}f} .. {d.high * d.scale:+.{places}f}"
    mark = "*" if d.verdict == "within noise" and not d.undecided else " "
    p = "<0.001" if d.p_holm < 0.001 else f"{d.p_holm:.3f}"
    return f"{numbers} {ends:>19}{mark} {p:>6} {d.only_a:7} {d.only_b:7}  {d.verdict}"


COMPARED = """
only A, only B: answers that only that model gets right, in all conditions of a row.
p: of no difference; McNemar's exact test in one condition, else from the resamples; by Holm for the rows of a table.
*: this interval, which is not corrected for the number of rows, does not contain 0, but the corrected p says noise.
"""
"""Printed below comparisons."""


def print_ranking(ranking: "Ranking") -> None:
    """Models by a suite's headline, each beside the best one."""
    width = max(len(one.model) for one in ranking.models)
    places, unit = FORMAT[ranking.models[0].score.unit]
    title = f"{ranking.suite}, {ranking.title}{f' ({unit})' if unit else ''}, n = {ranking.models[0].score.n:,}"
    click.secho(f"\n{title}", bold=True)
    click.secho(f"   {'':{width}} {'':>8} {'95 % interval':>18} {'to the first':>13} {'95 % interval':>19}", bold=True)
    for number, one in enumerate(ranking.models, 1):
        value, _, ends = _parts(one.score)
        if number == 1:
            beside = ""
        elif one.gap is None:
            beside = f" {'not on the same images and conditions':>13}"
        else:
            interval = f"{one.gap.low:+.{places}f} .. {one.gap.high:+.{places}f}"
            verdict = "behind" if one.gap.beyond_noise else "level with the first"
            beside = f" {one.gap.value:+13.{places}f} {interval:>19}  {verdict}"
        click.echo(f"{number:2} {one.model:{width}} {value:>8} {ends:>18}{beside}")
    for row in ranking.seeds:
        click.echo(
            f"   {row.recipe}: mean {row.mean} over {row.seeds} seeds, {row.ends}; standard deviation {row.spread}, "
            f"half an interval of one run {row.within}"
        )
    for model in ranking.incomplete:
        click.echo(f"   {model} lacks conditions, and so has no place")


def as_text(rows: "Sequence[Mapping[str, Any]]") -> str:
    """JSON; a number without bound is null, as JSON has no infinity."""
    finite = [{name: None if value in (inf, -inf) else value for name, value in row.items()} for row in rows]
    return json.dumps(finite, indent=2)


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
