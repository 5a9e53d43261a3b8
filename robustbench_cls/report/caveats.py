"""Caveats: facts of trainings and protocols that numbers must be read with."""

from collections.abc import Iterator, Mapping, Sequence

from robustbench_cls.core.origin import Origin
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
        names = [name for name, _ in told]
        listed = [f"{key.replace('_', ' ')} {_values(key, settings, names)}" for key in unlike[:NAMED]]
        more = f"; and {len(unlike) - NAMED} more settings" if len(unlike) > NAMED else ""
        yield f"the trainings differ in more than the recipe: {'; '.join(listed)}{more}"


def _values(key: str, settings: Sequence[Mapping[str, object]], names: Sequence[str]) -> str:
    """`1 (a, b), 2 (c)`."""
    by_value: dict[str, list[str]] = {}
    for name, own in zip(names, settings, strict=True):
        by_value.setdefault(str(own[key]), []).append(name)
    return ", ".join(f"{value} ({', '.join(dict.fromkeys(whose))})" for value, whose in by_value.items())


COPIES = (
    "both are of one identity and should hold the same results, but do not: images or a program were changed in a way "
    "that no identity sees, or the machines round otherwise"
)

SMALL = 64
"""Side in px of corrupted images below which the constants of ImageNet-C mean something else."""


def unlike_clean_images(runs: Sequence[StoredRun]) -> Iterator[str]:
    """In words, that one model's clean accuracies on the same photos differ, as two suites cut them otherwise."""
    found: dict[str, str] = {}
    for run in runs:
        protocol = run.identity.protocol
        if not run.suite.corrupts and run.suite.split != "val":  # other photos
            continue
        if run.suite.corrupts and run.reference is None:
            continue
        found.setdefault(f"resize {protocol.resize}, crop {protocol.crop}", run.identity.suite)
    if len(found) > 1:
        ways = " and ".join(f"{how} ({suite})" for how, suite in found.items())
        yield f"the clean photos are cut in {len(found)} ways, so clean accuracies differ: {ways}"


def small_images(run: StoredRun) -> Iterator[str]:
    """In words, that the corruptions of a suite were made for larger images."""
    side = run.identity.protocol.crop or 0
    made_for_large = run.suite.variant != "cifar" and not run.identity.corruptions_sha256
    if run.suite.corrupts and made_for_large and 0 < side < SMALL:
        yield (
            f"images are corrupted at {side} px with constants made for 224 px: some, such as those of zoom blur, do "
            "next to nothing, others do more, and the numbers are not those of CIFAR-10-C"
        )


def chosen_by(origin: Origin) -> str:
    """The images whose accuracy chose the epoch of the weights: `val` for trainings that do not say it."""
    return origin.selection or ("val" if origin.recipe else "")


def chosen_on_these_images(run: StoredRun) -> bool:
    """Whether the epoch of the weights was chosen by the accuracy on the very images that were measured."""
    chosen = run.origin.selected_on
    return bool(chosen) and run.suite.labels == "classes" and names_sha256((chosen,)) == run.identity.data_fingerprint
