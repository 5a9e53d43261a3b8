"""What an evaluation will do, decided and checked before the first image: parts, label space, identity."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.corruption import Corruption, UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.core.run import RunIdentity, names_sha256
from robustbench_cls.core.suite import Condition, Protocol, Suite
from robustbench_cls.corruptions.engine import (
    JPEG_QUALITY,
    all_corruptions,
    corrupt_image,
    engine_version,
    jpeg_roundtrip,
)
from robustbench_cls.data.batches import Part
from robustbench_cls.data.label_spaces import competing, imagenet_1k, to_head
from robustbench_cls.data.locate import SuiteData, locate
from robustbench_cls.data.source import ImageSource, open_source
from robustbench_cls.models.classifier import Classifier


@dataclass(frozen=True)
class Corrupt:
    """Corrupt a crop by its image id, then pass it through the JPEG step."""

    corruption: Corruption
    severity: int
    seed: int

    def __call__(self, image_HW3: UInt8Image, image_id: str) -> UInt8Image:
        """The crop as a stored ImageNet-C file would show it."""
        corrupted = corrupt_image(image_HW3, self.corruption, self.severity, image_id, self.seed)
        return jpeg_roundtrip(corrupted)


@dataclass(frozen=True)
class Plan:
    """One suite for one model.

    Attributes:
        parts: a part for each condition, the reference first where there is one.
        competing_K: the head's classes that may be answered, ascending.
        notes: what the reader of the numbers should know of the data.
    """

    identity: RunIdentity
    suite: Suite
    reference: Condition | None
    parts: tuple[Part, ...]
    competing_K: npt.NDArray[np.int64]
    imagenet: bool
    notes: tuple[str, ...] = field(default=())


def plan(suite: Suite, classifier: Classifier, data: Path | None, limit: int, seed: int, precision: str) -> Plan:
    """Decide and check everything about an evaluation.

    Raises:
        UserError: data that is not there, or classes that don't match the classifier's.
    """
    found = locate(suite, data)
    protocol = _protocol(suite, classifier, found.published)
    sources = _condition_sources(suite, found)
    first = sources[0]
    to_head(first.class_names, classifier.class_names, f"{suite.name}: {first.path}")
    competing_K = competing(suite.label_space, classifier.class_names, first.class_names)
    notes = _class_notes(suite, classifier, first, competing_K)
    kept = [_prepare(source, suite, classifier, competing_K, limit, seed) for source in _unique(sources)]
    prepared = dict(zip((id(source) for source in _unique(sources)), kept, strict=True))
    parts = [
        Part(condition, prepared[id(source)], protocol, _change(condition, found.published, seed))
        for condition, source in zip(suite.conditions, sources, strict=True)
    ]
    reference, clean = _reference(suite, classifier, found, competing_K, limit, seed)
    if reference is not None and clean is not None:
        clean_protocol = _protocol(suite, classifier, published=False)
        parts.insert(0, Part(reference, clean, replace(clean_protocol, jpeg_quality=0, images="stored")))
    if suite.reference is not None and clean is None:
        notes = (*notes, "no clean val images were found, so no number is relative to them")
    identity = _identity(suite, classifier, protocol, competing_K, parts, limit, seed, precision)
    imagenet = classifier.imagenet and len(competing_K) == len(classifier.class_names)
    return Plan(identity, suite, reference if clean is not None else None, tuple(parts), competing_K, imagenet, notes)


def _protocol(suite: Suite, classifier: Classifier, published: bool) -> Protocol:
    own = classifier.preprocessing
    protocol = suite.protocol
    if suite.conditions[0].severity:
        images = "published" if published else f"generated:{engine_version()}"
        protocol = replace(protocol, images=images, jpeg_quality=JPEG_QUALITY)
    if published:
        protocol = replace(protocol, resize=0, crop=0)
    fixed = set(classifier.class_names) >= set(imagenet_1k())
    return protocol.resolved(own.resize, own.input_size, own.interpolation, fixed=fixed)


def _condition_sources(suite: Suite, found: SuiteData) -> list[ImageSource]:
    """The images of each condition; one source serves all that are made from the same images."""
    path, split = found.images
    if not found.published:
        source = open_source(path, split)
        return [source] * len(suite.conditions)
    sources = [open_source(path / condition.name / str(condition.severity)) for condition in suite.conditions]
    for source in sources:
        if source.ids != sources[0].ids:
            raise UserError(
                f"{source.path} holds {len(source)} images, {sources[0].path} {len(sources[0])}, or they have other "
                "names: the conditions must show the same images. Unpack the archives again."
            )
    return sources


def _unique(sources: Sequence[ImageSource]) -> list[ImageSource]:
    return list({id(source): source for source in sources}.values())


def _prepare(
    source: ImageSource,
    suite: Suite,
    classifier: Classifier,
    competing_K: npt.NDArray[np.int64],
    limit: int,
    seed: int,
) -> ImageSource:
    """The images whose class competes, at most `limit` drawn by key, labelled by the head's indices."""
    mapping = to_head(source.class_names, classifier.class_names, f"{suite.name}: {source.path}")
    labels_N = mapping[source.labels_N]
    kept = np.flatnonzero(np.isin(labels_N, competing_K))
    if not len(kept):
        raise UserError(f"{suite.name}: none of the classes in {source.path} is in the suite's label space.")
    source = replace(source, labels_N=labels_N).take(kept)
    return source.take(keyed_subset(source.ids, limit, seed))


def _class_notes(
    suite: Suite, classifier: Classifier, source: ImageSource, competing_K: npt.NDArray[np.int64]
) -> tuple[str, ...]:
    names = {classifier.class_names[i] for i in competing_K}
    shown = names & set(source.class_names)
    if len(shown) == len(names) == len(source.class_names):
        return ()
    return (
        f"{len(shown)} of the {len(names)} classes that compete have images"
        + (
            f"; {len(source.class_names) - len(shown)} folders of other classes are left out"
            if len(shown) < len(source.class_names)
            else ""
        ),
    )


def _reference(
    suite: Suite,
    classifier: Classifier,
    found: SuiteData,
    competing_K: npt.NDArray[np.int64],
    limit: int,
    seed: int,
) -> tuple[Condition | None, ImageSource | None]:
    if suite.reference is None or found.reference is None:
        return None, None
    clean = open_source(*found.reference)
    return suite.reference, _prepare(clean, suite, classifier, competing_K, limit, seed)


def _change(condition: Condition, published: bool, seed: int) -> Corrupt | None:
    if not condition.severity or published:
        return None
    return Corrupt(all_corruptions()[condition.name], condition.severity, seed)


def _identity(
    suite: Suite,
    classifier: Classifier,
    protocol: Protocol,
    competing_K: npt.NDArray[np.int64],
    parts: Sequence[Part],
    limit: int,
    seed: int,
    precision: str,
) -> RunIdentity:
    names = tuple(classifier.class_names[i] for i in competing_K)
    fingerprints = tuple(dict.fromkeys(part.source.fingerprint for part in parts))
    return RunIdentity(
        model=classifier.name,
        weights_sha256=classifier.weights_sha256,
        classes_sha256=names_sha256(classifier.class_names),
        suite=suite.name,
        suite_version=suite.version,
        protocol=protocol,
        label_space=suite.label_space.name if len(names) < len(classifier.class_names) else "head",
        label_space_sha256=names_sha256(names),
        data_fingerprint=names_sha256(fingerprints),
        limit=limit,
        seed=seed,
        precision=precision,
    )
