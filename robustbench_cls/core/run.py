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
        """`field: this != that` in words for each field that differs, the protocol's one by one."""
        mine, theirs = self._flat(), other._flat()
        unlike = [name for name in mine if mine[name] != theirs[name]]
        return [f"{word(name)}: {short(name, mine[name])} != {short(name, theirs[name])}" for name in unlike]

    def _flat(self) -> dict[str, Any]:
        values = asdict(self)
        protocol = values.pop("protocol")
        return {**values, **protocol}


@dataclass(frozen=True)
class Circumstances:
    """How a run was made. It explains numbers and decides none.

    Attributes:
        data: where the images lay.
        dataset: the name of the data set, where it is not the suite's own.
        device: what the model ran on.
        notes: what the reader of the numbers should know of the data.
        versions: of the libraries that touched pixels or logits.
        shown: in words, how the model wants its images, and who says so.
        pixels: checksums of the decoded images, by a digest of where they are from and how they are cut.
    """

    data: str = ""
    dataset: str = ""
    device: str = ""
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    shown: str = added("")
    pixels: tuple[tuple[str, str], ...] = added(())


WORDS = {
    "answers_sha256": "answers",
    "classes_sha256": "classes of the head",
    "corruptions_sha256": "the user's own corruptions",
    "conditions": "conditions, groups and what is counted",
    "data_fingerprint": "data fingerprint",
    "input_size": "input size",
    "jpeg_quality": "JPEG quality",
    "label_space": "label space",
    "label_space_sha256": "competing classes",
    "members_sha256": "classes of the categories",
    "suite_version": "suite version",
    "weights_sha256": "weights",
}
"""Names of fields in text, where they are not the fields' own."""

DIGESTS = ("conditions", "data_fingerprint", *(name for name in WORDS if name.endswith("_sha256")))
"""Fields whose values tell a reader only that they differ."""

SHORT = 8
"""Digits of a digest that are shown."""


def word(field: str) -> str:
    """The name of a field in text."""
    return WORDS.get(field, field.replace("_", " "))


def short(field: str, value: object) -> str:
    """A value as it is read: a digest by its first digits, a zero by what it stands for."""
    if field in ("normalisation", "answers_sha256", "corruptions_sha256") and not value:
        return "none of its own"
    if field == "limit":
        return str(value) if value else "all images"
    if field in ("resize", "crop") and value == 0:
        return "as stored"
    if field == "jpeg_quality" and value == 0:
        return "no JPEG step"
    if field == "members_sha256" and not value:
        return "as the heads have them"
    return str(value)[:SHORT] if field in DIGESTS else str(value)[:60]


def names_sha256(names: tuple[str, ...]) -> str:
    """A SHA-256 hex digest of names in order."""
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()
