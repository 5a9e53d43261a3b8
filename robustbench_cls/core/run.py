"""What decides a number: two runs with the same identity give the same bytes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from robustbench_cls.core.suite import Protocol


@dataclass(frozen=True)
class RunIdentity:
    """Everything that decides the numbers of one model on one suite, and nothing that only decides speed.

    Attributes:
        classes_sha256: of the head's class names in order.
        label_space_sha256: of the class names that compete, in the head's order.
        limit: images drawn from each split by key; 0 for all.
        precision, backend: number type and program of the forward pass.
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
    backend: str

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
        """`field: this != that` for each field that differs, the protocol's one by one."""
        mine, theirs = self._flat(), other._flat()
        unlike = [name for name in mine if mine[name] != theirs[name]]
        return [f"{name}: {_short(mine[name])} != {_short(theirs[name])}" for name in unlike]

    def _flat(self) -> dict[str, Any]:
        values = asdict(self)
        protocol = values.pop("protocol")
        return {**values, **{f"protocol.{name}": value for name, value in protocol.items()}}


def _short(value: object) -> str:
    """A value in at most 40 characters; of a hash its first 12."""
    text = str(value)
    is_hash = len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
    return text[:12] if is_hash else text[:40]


def names_sha256(names: tuple[str, ...]) -> str:
    """A SHA-256 hex digest of names in order."""
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()
