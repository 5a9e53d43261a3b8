"""Nouns on disk: what is written is read, and a noun may grow without orphaning what was stored."""

import json
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import pytest
from identities import IDENTITY

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.records import added, as_record, from_record
from robustbench_cls.core.run import RunIdentity
from robustbench_cls.core.suite import Condition, Protocol, Suite
from robustbench_cls.models.checkpoint import About


@dataclass(frozen=True)
class Inner:
    size: int
    colour: str = added("as before")


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    several: tuple[Inner, ...] = ()
    maybe: Inner | None = None
    table: Any = field(default_factory=lambda: MappingProxyType({}))
    later: int = added(0)


def through_json(noun: Any) -> Any:
    return json.loads(json.dumps(as_record(noun)))


@pytest.mark.parametrize("suite", discover("robustbench_cls.suites", Suite).values(), ids=lambda s: s.name)
def test_suites_are_read_as_written(suite: Suite) -> None:
    again = from_record(Suite, through_json(suite), "here")
    assert again == suite
    assert [(c.group, c.counted) for c in again.conditions] == [(c.group, c.counted) for c in suite.conditions]


def test_nouns_inside_nouns_are_read_as_written() -> None:
    outer = Outer("a", Inner(1), (Inner(2, "red"), Inner(3)), Inner(4), {"k": 1.5}, 7)
    assert from_record(Outer, through_json(outer), "here") == outer
    origin = Origin("resnet50", settings={"lr": 0.1, "epochs": 3, "ema": True, "optimizer": "sgd"}, seed=1)
    assert from_record(Origin, through_json(origin), "here") == origin


def test_a_field_added_later_is_filled_and_left_out_where_it_says_nothing_new() -> None:
    before = {"name": "a", "inner": {"size": 1}, "several": [], "maybe": None, "table": {}}
    outer = from_record(Outer, before, "here")
    assert (outer.later, outer.inner.colour) == (0, "as before")
    assert as_record(outer) == before
    assert as_record(replace(outer, later=2))["later"] == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"newer": 1}, "here has the field 'newer', which this version of robustbench_cls does not know.*--upgrade"),
        ({"inner": {"size": 1, "newer": 1}}, "the field 'inner.newer'"),
        ({"several": [{"size": 1}, {"size": 1, "newer": 1}]}, "the field 'several.newer'"),
        ({"maybe": {"size": 1, "newer": 1}}, "the field 'maybe.newer'"),
        ({"inner": {}}, "missing required field `size` - at `\\$.inner`"),
        ({"inner": {"size": "1"}}, "Expected `int`, got `str` - at `\\$.inner.size`"),
        ({"name": None}, "Expected `str`, got `null`"),
    ],
)
def test_unknown_missing_and_wrong_fields_are_named(change: dict[str, Any], why: str) -> None:
    with pytest.raises(UserError, match=why):
        from_record(Outer, {"name": "a", "inner": {"size": 1}, **change}, "here")


def grown(kind: type, **later: Any) -> type:
    """The noun as it will be when it has got another field."""
    namespace = {"__annotations__": {"later": str}, "later": added("as before")}
    return dataclass(frozen=True)(type(f"Grown{kind.__name__}", (kind,), namespace))


@pytest.mark.parametrize("name", ["identity", "protocol"])
def test_an_identity_that_grows_keeps_the_digests_of_old_runs(name: str) -> None:
    kind = grown(RunIdentity if name == "identity" else Protocol)
    old = IDENTITY if name == "identity" else IDENTITY.protocol
    values = {f.name: getattr(old, f.name) for f in fields(old)}
    same, other = kind(**values), kind(**values, later="new")
    if name == "protocol":
        same, other = replace(IDENTITY, protocol=same), replace(IDENTITY, protocol=other)
    assert same.digest() == IDENTITY.digest()
    assert other.digest() != IDENTITY.digest()


def test_a_checkpoints_description_may_grow() -> None:
    kind = grown(About)
    assert {f.name for f in fields(kind)} == {f.name for f in fields(About)} | {"later"}
    wanted = {"name": "a", "architecture": "b", "class_names": ["x"], "recipe": "r", "settings": {"lr": 0.1}}
    wanted |= {"overlaps": [], "data_fingerprint": "d", "seed": 0, "epoch": 1, "top1_accuracy": 0.5, "versions": {}}
    wanted["preprocessing"] = {"input_size": 32, "resize": 32, "interpolation": "bilinear", "mean": [0.5] * 3}
    wanted["preprocessing"]["std"] = [0.5] * 3
    read = from_record(kind, wanted, "here")
    assert read.later == "as before" and as_record(read) == wanted


def test_groups_and_counts_are_in_no_identity() -> None:
    assert Condition("fog", 1) == Condition("fog", 1, "weather", False)
    assert len({Condition("fog", 1), Condition("fog", 1, "weather")}) == 1
