"""Scores on the terminal."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from robustbench_cls.core.errors import UserError

if TYPE_CHECKING:
    from robustbench_cls.results.store import StoredRun


def print_scores(runs: "Sequence[StoredRun]", *, as_json: bool, shard: str | None = None) -> None:
    """The headline numbers of each run with n, or all of them as JSON; then what to do next.

    Of a run that other shards have still to complete, only so much.
    """
    from robustbench_cls.core.metric import shown_scale
    from robustbench_cls.evaluation.headline import HEADLINE, headline, run_scores
    from robustbench_cls.metrics.scoring import all_metrics

    scored = [run_scores(run, () if as_json else HEADLINE) for run in runs]
    if as_json:
        click.echo(json.dumps([asdict(score) for scores, _ in scored for score in scores], indent=2))
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
        for score in headline(run, scores):
            scale = shown_scale(score.unit)
            value, low, high = score.value * scale, score.low * scale, score.high * scale
            title = all_metrics()[score.metric].title
            click.echo(f"  {title:40} {score.condition:10} {value:7.2f} %  [{low:.2f}, {high:.2f}]  n={score.n}")
        for note in [*run.provenance["notes"], *notes]:
            click.echo(f"  note: {note}")
    folders = " ".join(dict.fromkeys(shlex.quote(str(run.folder.parent)) for run in runs))
    click.echo(f"\nNext: robust report {folders} --out reports/page.html")


def pairs(texts: "Sequence[str]") -> dict[str, str]:
    """`key=value` texts as a mapping.

    Raises:
        UserError: one without `=`.
    """
    for text in texts:
        if "=" not in text:
            raise UserError(f"--set takes KEY=VALUE, got '{text}'.")
    return dict(text.split("=", 1) for text in texts)


def listed(text: str | None) -> list[str]:
    """Names separated by commas; none where the option was left out."""
    return [name.strip() for name in text.split(",")] if text is not None else []
