"""Trainings of the models that are compared: in what they differ beside the recipe, and on what they were chosen."""

from collections.abc import Iterator, Mapping, Sequence

from robustbench_cls.core.run import names_sha256
from robustbench_cls.results.store import StoredRun

NAMED = 6
"""Settings that a note names before it counts the rest."""


def unlike_trainings(runs: Sequence[tuple[str, StoredRun]]) -> Iterator[str]:
    """In words, settings that two trainings by `robust train` both have, with other values; runs come with a name."""
    told = [(name, run) for name, run in runs if run.origin.recipe]
    if len(told) < 2:
        return
    settings = [{**run.origin.settings, "training data": run.origin.data[:8]} for _, run in told]
    shared = [key for key in settings[0] if all(key in own for own in settings)]
    unlike = [key for key in shared if len({str(own[key]) for own in settings}) > 1]
    if unlike:
        listed = [f"{key.replace('_', ' ')} {_values(key, settings)}" for key in unlike[:NAMED]]
        more = f" and {len(unlike) - NAMED} more settings" if len(unlike) > NAMED else ""
        names = ", ".join(dict.fromkeys(name for name, _ in told))
        yield f"the trainings differ in more than the recipe: {'; '.join(listed)}{more} ({names})"


def _values(key: str, settings: Sequence[Mapping[str, object]]) -> str:
    return " and ".join(dict.fromkeys(f"{own[key]}" for own in settings))


def chosen_on_these_images(run: StoredRun) -> bool:
    """Whether the epoch of the weights was chosen by the accuracy on the very images that were measured."""
    chosen = run.origin.selected_on
    return bool(chosen) and run.suite.labels == "classes" and names_sha256((chosen,)) == run.identity.data_fingerprint
