"""The identity of a run: everything that decides its numbers. Two runs with the same identity give the same bytes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.records import added, as_record
from robustbench_cls.core.suite import Protocol


@dataclass(frozen=True)
class RunIdentity:
    """Everything that decides the numbers of one model on one suite, and nothing that only decides speed.

    Attributes:
        classes_sha256: of the head's class names in order.
        label_space_sha256: of the class names that compete, in the head's order.
        limit: images drawn from each split by key; 0 for all.
        precision, backend: number type and program of the forward pass.
        members_sha256: of the classes that make up each category, where categories are answered.
        corruptions_sha256: of what corruptions of the user's own do to a known picture.
        answers_sha256: of what a program answers to known photos.
        normalisation: mean and std of the pixels, where the user or the model's file gave others than were assumed.
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
    members_sha256: str = added("")
    corruptions_sha256: str = added("")
    answers_sha256: str = added("")
    normalisation: str = added("")

    def digest(self) -> str:
        """A SHA-256 hex digest of all fields; a field that came later counts where it says something new."""
        return hashlib.sha256(json.dumps(as_record(self), sort_keys=True).encode()).hexdigest()

    def differences(self, other: "RunIdentity") -> list[str]:
        """`field: this != that` for each field that differs, the protocol's one by one."""
        mine, theirs = self._flat(), other._flat()
        unlike = [name for name in mine if mine[name] != theirs[name]]
        return [f"{name}: {_short(mine[name])} != {_short(theirs[name])}" for name in unlike]

    def _flat(self) -> dict[str, Any]:
        values = asdict(self)
        protocol = values.pop("protocol")
        return {**values, **{f"protocol.{name}": value for name, value in protocol.items()}}


@dataclass(frozen=True)
class Circumstances:
    """How a run was made. It explains numbers and decides none.

    Attributes:
        data: where the images lay.
        dataset: the name of the data set, where it is not the suite's own.
        device: what the model ran on.
        notes: what the reader of the numbers should know of the data.
        versions: of the libraries that touched pixels or logits.
    """

    data: str = ""
    dataset: str = ""
    device: str = ""
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def _short(value: object) -> str:
    """A value in at most 40 characters; of a hash its first 12."""
    text = str(value)
    is_hash = len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
    return text[:12] if is_hash else text[:40]


def names_sha256(names: tuple[str, ...]) -> str:
    """A SHA-256 hex digest of names in order."""
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()
