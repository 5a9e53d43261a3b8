"""Labels: which runs may share a row and a column of a table, and the names of those that may not.

A row is one model as it was run; a column is one suite measured in one way. Runs that do not compare get
labels of their own, never one cell: whatever field `RunIdentity` gains sets columns apart until it is named here.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from robustbench_cls.core.run import DIGESTS, RunIdentity, names_sha256, short, word
from robustbench_cls.core.scopes import HELD_OUT
from robustbench_cls.core.suite import WHOLE, Condition, Measure, Suite
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.results.store import StoredRun

ROW_FIELDS = (
    *("model", "weights_sha256", "classes_sha256", "precision", "backend", "input_size"),
    *("answers_sha256", "normalisation"),
)
"""Fields that set rows apart: a model in another number type, run by another program or shown images otherwise."""

OWN_FIELDS = ("interpolation", "resize", "crop")
"""Preprocessing that a suite may leave to the model, and models differ in by nature: then it sets no columns apart."""


@dataclass(frozen=True)
class LabelledRun:
    """A run with the names under which its scores stand in the report."""

    run: StoredRun
    model: str
    suite: str

    @property
    def key(self) -> tuple[str, str]:
        """Model and suite; no two entries of a report share both."""
        return self.model, self.suite

    @property
    def overlaps(self) -> frozenset[str]:
        """The test corruptions that the augmentation of the model's recipe contains."""
        return frozenset(self.run.origin.overlaps)


@dataclass(frozen=True)
class Column:
    """One suite, measured in one way, with the runs of all models."""

    label: str
    runs: tuple[LabelledRun, ...]

    @property
    def apart(self) -> bool:
        """The suite was measured in other ways as well; the label says what sets this one apart."""
        return self.label not in {suite_on_data(entry.run) for entry in self.runs}

    @property
    def suite(self) -> Suite:
        """The suite, its reference there if any model has it."""
        return max((entry.run.suite for entry in self.runs), key=lambda suite: suite.reference is not None)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The suite's conditions without the reference."""
        return self.suite.conditions

    @property
    def reference(self) -> Condition | None:
        """The clean condition beside them, or None."""
        return self.suite.reference

    @property
    def corrupted(self) -> tuple[Condition, ...]:
        """The corruptions, each at each of its severities."""
        return tuple(condition for condition in self.conditions if condition.graded)

    @property
    def counted(self) -> list[str]:
        """The corruptions that enter means."""
        return list(dict.fromkeys(condition.name for condition in self.corrupted if condition.counted))

    @property
    def groups(self) -> dict[str, list[str]]:
        """The corruptions by group, both in the suite's order."""
        found: dict[str, dict[str, None]] = {}
        for condition in self.corrupted:
            found.setdefault(condition.group, {})[condition.name] = None
        return {group: list(names) for group, names in found.items()}

    @property
    def contained(self) -> frozenset[str]:
        """The corruptions of this suite that a recipe of these models contains."""
        return frozenset(name for entry in self.runs for name in entry.overlaps) & {c.name for c in self.corrupted}

    def about(self, measure: Measure) -> frozenset[str]:
        """The corruptions that a measure is computed from; none where it is about images as they are."""
        if measure.where == WHOLE:
            held_out = all_metrics()[measure.metric].scope is HELD_OUT
            return frozenset(self.counted) - (self.contained if held_out else frozenset())
        return frozenset(self.groups.get(measure.where, [measure.where])) & {c.name for c in self.corrupted}

    def place(self, measure: Measure) -> str:
        """Where in the suite a measure stands, in words; empty where that goes without saying."""
        if self.reference is not None and measure.where == self.reference.name:
            return "clean images"
        alone = not self.corrupted and len(self.conditions) == 1
        return "" if measure.where == WHOLE or alone else measure.where.replace("_", " ")

    def title(self, measure: Measure) -> str:
        """A measure's name in a table of this suite."""
        place = self.place(measure)
        return all_metrics()[measure.metric].title + (f", {place}" if place else "")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The numbers that the suite is about, the headline first, as far as their metrics are known here."""
        known = all_metrics()
        return tuple(dict.fromkeys(m for entry in self.runs for m in entry.run.suite.measures if m.metric in known))


def facts(identity: RunIdentity) -> dict[str, Hashable]:
    """The fields of an identity, those of its protocol among them, in one flat table."""
    flat: dict[str, Hashable] = {}
    for name, value in asdict(identity).items():
        flat.update(value if name == "protocol" else {name: value})
    return flat


def measured_how(run: StoredRun) -> dict[str, str | int]:
    """How a run was measured, for rows of files: number type, program, subset, images and, as text, the protocol."""
    identity = run.identity
    protocol = "; ".join(_part(name, value, [value]) for name, value in asdict(identity.protocol).items())
    return {
        "backend": identity.backend,
        "precision": identity.precision,
        "limit": identity.limit,
        "seed": identity.seed,
        "data": run.circumstances.data,
        "protocol": protocol,
    }


def label_runs(runs: Sequence[StoredRun]) -> tuple[LabelledRun, ...]:
    """The runs with labels such that unlike runs never share both; plain names wherever they are enough."""
    known = [facts(run.identity) for run in runs]
    rows = [{**_making(run), **{k: f[k] for k in ROW_FIELDS}} for run, f in zip(runs, known, strict=True)]
    models = _told_apart([f["model"] for f in known], rows)
    alike = [_column_facts(run) for run in runs]
    first = [next(run for run, own in zip(runs, alike, strict=True) if own == like) for like in alike]
    named = [suite_on_data(run) for run in first]
    suites = _told_apart(named, alike)
    row = [f"{f['model']}{suffix}" for f, suffix in zip(known, models, strict=True)]
    column = [f"{name}{suffix}" for name, suffix in zip(named, suites, strict=True)]
    rest = _told_apart(list(zip(row, column, strict=True)), known)
    return tuple(
        LabelledRun(run, f"{model}{suffix}", suite)
        for run, model, suite, suffix in zip(runs, row, column, rest, strict=True)
    )


def _making(run: StoredRun) -> dict[str, Hashable]:
    """Facts of a model's training; they tell its namesakes apart in words, where digests of weights are but numbers."""
    origin = run.origin
    facts = {"recipe": origin.recipe, "training seed": origin.seed, "epoch": origin.epoch, **origin.settings}
    return {name: value for name, value in facts.items() if value not in ("", None)}


def suite_on_data(run: StoredRun) -> str:
    """The suite's name, with the data set's where it is not the suite's own: `imagenet-c on shapes`."""
    dataset = run.circumstances.dataset
    return f"{run.identity.suite} on {dataset}" if dataset else run.identity.suite


def columns(entries: Sequence[LabelledRun]) -> tuple[Column, ...]:
    """The runs by what may stand in one column, in the order first seen."""
    by_label: dict[str, list[LabelledRun]] = {}
    for entry in entries:
        by_label.setdefault(entry.suite, []).append(entry)
    return tuple(Column(label, tuple(own)) for label, own in by_label.items())


def comparable(run: StoredRun) -> dict[str, Hashable]:
    """The facts that two runs must share so that the numbers of one condition compare."""
    own = {*ROW_FIELDS, *(name for name in OWN_FIELDS if getattr(run.suite.protocol, name) is None)}
    return {name: value for name, value in facts(run.identity).items() if name not in own}


def _column_facts(run: StoredRun) -> dict[str, Hashable]:
    """The facts that two runs must share to stand in one column.

    The conditions are among them: a suite's file can be edited under the same name and version, and a mean over other
    corruptions, or over other groups of them, is another number.
    """
    conditions = tuple(sorted(f"{c.stem} {c.group} {c.counted}" for c in run.conditions))
    return {**comparable(run), "conditions": names_sha256(conditions)}


def _told_apart(names: Sequence[Hashable], known: Sequence[Mapping[str, Hashable]]) -> list[str]:
    """For each name a suffix with the facts in which its namesakes differ; empty where they do not."""
    suffixes = []
    for name, own in zip(names, known, strict=True):
        namesakes = [other for rival, other in zip(names, known, strict=True) if rival == name]
        differing = [field for field in own if any(other.get(field) != own[field] for other in namesakes)]
        in_words = [field for field in differing if field not in DIGESTS]
        if _distinct(namesakes, in_words) == _distinct(namesakes, differing):  # a digest would tell nothing more
            differing = in_words
        parts = [_part(field, own[field], [other.get(field) for other in namesakes]) for field in differing]
        suffixes.append(f" ({', '.join(parts)})" if parts else "")
    return suffixes


def _distinct(known: Sequence[Mapping[str, Hashable]], fields: Sequence[str]) -> int:
    return len({tuple(own.get(field) for field in fields) for own in known})


def _part(field: str, value: Hashable, values: Iterable[Hashable]) -> str:
    """`weights 1a2b3c4d`; the whole value where the first digits are not enough."""
    distinct = set(values)
    enough = len({short(field, other) for other in distinct}) == len(distinct)
    text = short(field, value) if enough else str(value)
    return text if text in ("all images", "no JPEG step") else f"{word(field)} {text}"
