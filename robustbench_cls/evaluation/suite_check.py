"""Whether a suite can be measured; a user's own may ask for what does not exist. No torch."""

from collections import Counter
from dataclasses import replace

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.discovery import did_you_mean, pick, require_name
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.records import as_record, from_record
from robustbench_cls.core.suite import WHOLE, Condition, Measure, Protocol, Suite
from robustbench_cls.corruptions.engine import all_corruptions, in_groups
from robustbench_cls.corruptions.jpeg import QUALITY
from robustbench_cls.metrics.scoring import all_metrics


def check_suite(suite: Suite) -> None:
    """Refuse a suite that can't be measured.

    Raises:
        UserError: it names the suite and what is wrong with it.
    """
    from_record(Suite, as_record(suite), f"Suite '{suite.name}'")  # has the types that it says
    require_name(suite.name, "suite")
    _check_protocol(suite)
    stems = Counter(condition.stem for condition in suite.conditions)
    if not stems:
        raise UserError(f"Suite '{suite.name}' has no conditions.")
    for condition in suite.all_conditions:
        require_name(condition.name, "condition")
        if condition.severity not in (0, *SEVERITIES):
            raise UserError(
                f"Suite '{suite.name}': severity of {condition.name} must be 0..5, got {condition.severity}."
            )
        if condition.graded:
            pick(condition.name, all_corruptions(), "corruption")
    stems.update([suite.reference.stem] if suite.reference else [])
    twice = [stem for stem, count in stems.items() if count > 1]
    if twice:
        raise UserError(f"Suite '{suite.name}' has the condition '{twice[0]}' twice; its reference counts as one.")
    _check_corruptions(suite)
    _check_places(suite)
    for measure in suite.measures:
        _check_measure(suite, measure)


def _check_protocol(suite: Suite) -> None:
    own, usual = suite.protocol, Protocol()
    fixed = (own.decoder, own.images) == (usual.decoder, usual.images)
    if not fixed or own.jpeg_quality not in (usual.jpeg_quality, QUALITY):
        raise UserError(
            f"Suite '{suite.name}': of its protocol, only resize, crop and interpolation can be chosen. Corrupted "
            f"images are saved at JPEG quality {QUALITY}, and files are decoded as Pillow does."
        )


def _check_corruptions(suite: Suite) -> None:
    """A corruption is in one group with all its severities, and they count or don't: tables have one row for it."""
    alike: dict[str, Condition] = {}
    for condition in in_groups(suite.conditions):
        first = alike.setdefault(condition.name, condition)
        if condition.graded and (condition.group, condition.counted) != (first.group, first.counted):
            raise UserError(
                f"Suite '{suite.name}': {first.stem} and {condition.stem} differ in `group` or `counted`. Give all "
                f"severities of {condition.name} the same."
            )


def _check_places(suite: Suite) -> None:
    names = {condition.name for condition in suite.all_conditions}
    groups = {condition.group for condition in in_groups(suite.conditions) if condition.group}
    clash = sorted((names & groups) | ((names | groups) & {WHOLE}))
    if clash:
        raise UserError(
            f"Suite '{suite.name}': '{clash[0]}' is the name of two places, a condition, a group or the whole suite "
            f"('{WHOLE}'). Rename one."
        )


def _check_measure(suite: Suite, measure: Measure) -> None:
    metric = all_metrics().get(measure.metric)
    if metric is None:
        raise UserError(
            f"Suite '{suite.name}' measures '{measure.metric}', and there is no such metric. "
            f"{did_you_mean(measure.metric, all_metrics())}".rstrip()
        )
    places = list(metric.scope.names(replace(suite, conditions=in_groups(suite.conditions))))
    if measure.where not in places:
        raise UserError(
            f"Suite '{suite.name}' measures {measure.metric} on '{measure.where}'. There, it stands on "
            f"{', '.join(places) or 'nothing'}."
        )
    if suite.labels == "none" and metric.needs_labels:
        raise UserError(
            f"Suite '{suite.name}' has no labels, and {measure.metric} needs them. Measure mean_confidence or "
            "flip_consistency, or a metric of your own with needs_labels=False."
        )
