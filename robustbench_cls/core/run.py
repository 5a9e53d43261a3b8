"""What decides a number: two runs with the same identity give the same bytes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from robustbench_cls.core.suite import Protocol


@dataclass(frozen=True)
class RunIdentity:
    """Everything that decides the numbers of one model on one suite, and nothing that only decides speed.

    Attributes:
        classes_sha256: of the head's class names in order.
        label_space_sha256: of the class names that compete, in the head's order.
        limit: images drawn from each split by key; 0 for all.
    """

    model: str
    weights_sha256: str
    classes_sha256: str
    suite: str
    suite_version: int
    protocol: Protocol
    label_space: str
    label_space_sha256: str
    data_fingerprint: str
    limit: int
    seed: int
    precision: str

    def digest(self) -> str:
        """A SHA-256 hex digest of all fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunIdentity":
        """The identity that `dataclasses.asdict` wrote.

        Raises:
            TypeError, KeyError: a field is missing or unknown.
        """
        return cls(**{**values, "protocol": Protocol(**values["protocol"])})

    def differences(self, other: "RunIdentity") -> list[str]:
        """`field: this != that` for each field that differs."""
        pairs = [(f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return [f"{name}: {mine} != {theirs}" for name, mine, theirs in pairs if mine != theirs]


def names_sha256(names: tuple[str, ...]) -> str:
    """A SHA-256 hex digest of names in order."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()
