"""Reading runs of format 2, which said less: no groups, no measures, and a loose table of provenance."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.records import as_record
from robustbench_cls.core.suite import Condition, LabelSpace, Protocol, Suite
from robustbench_cls.corruptions.engine import in_groups

ORIGIN = {
    "architecture": "architecture",
    "weights": "weights",
    "recipe": "recipe",
    "recipe_overlaps": "overlaps",
    "settings": "settings",
    "training_seed": "seed",
    "training_data": "data",
    "epoch": "epoch",
    "training_versions": "versions",
}
"""Names in the provenance, and what `Origin` calls the same."""

CIRCUMSTANCES = ("data", "device", "notes", "versions")


def upgraded(content: Mapping[str, Any]) -> dict[str, Any]:
    """The same run in the current format, its identity as it is.

    A suite of the package's says today what it is about; another one is taken for what its conditions are.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no run of format 2.
    """
    told, identity = content["provenance"], content["identity"]
    suite = _suite(content, str(told.get("suite_title", "")), str(told.get("suite_source", "")))
    return {
        "identity": identity,
        "suite": as_record(suite),
        "imagenet": content["imagenet"],
        "origin": {new: told[old] for old, new in ORIGIN.items() if old in told},
        "circumstances": {name: told[name] for name in CIRCUMSTANCES if name in told},
        "class_names": content.get("class_names", []),
    }


def _suite(content: Mapping[str, Any], title: str, source: str) -> Suite:
    identity = content["identity"]
    conditions = in_groups([Condition(str(c["name"]), int(c["severity"])) for c in content["conditions"]])
    reference = content["reference"]
    clean = Condition(str(reference["name"]), int(reference["severity"])) if reference else None
    known = discover("robustbench_cls.suites", Suite).get(identity["suite"])
    if known is not None and set(known.conditions) == set(conditions):
        return replace(known, version=identity["suite_version"], conditions=conditions, reference=clean)
    return Suite(
        name=identity["suite"],
        version=identity["suite_version"],
        title=title,
        conditions=conditions,
        split="",
        folder="",
        label_space=LabelSpace(identity["label_space"]),
        reference=clean,
        protocol=Protocol(**identity["protocol"]),
        source=source,
    )
