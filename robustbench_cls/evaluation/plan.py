"""The plan of an evaluation, decided and checked before the first image: parts, answers, identity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robustbench_cls.core.answers import Answers
from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import MINIMUM_SIDE, Corruption, Variant
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.core.run import RunIdentity, names_sha256
from robustbench_cls.core.suite import Condition, Protocol, Suite
from robustbench_cls.corruptions.engine import all_corruptions, corrupt_image, engine_version, in_groups
from robustbench_cls.corruptions.jpeg import QUALITY, jpeg_roundtrip, stored_quality
from robustbench_cls.corruptions.known_bytes import own_sha256
from robustbench_cls.data.arrays import open_rows
from robustbench_cls.data.batches import Part
from robustbench_cls.data.copies import copies_within
from robustbench_cls.data.crop_cache import Crops
from robustbench_cls.data.label_spaces import answers_of, imagenet_1k, members_sha256, to_head
from robustbench_cls.data.locate import SuiteData, foreign_name, locate
from robustbench_cls.data.source import ImageSource, open_source
from robustbench_cls.models.classifier import Classifier


@dataclass(frozen=True)
class Corrupt:
    """Corrupt a crop by its image id, then pass it through the JPEG step where the variant takes one."""

    corruption: Corruption
    severity: int
    seed: int
    variant: Variant

    def __call__(self, image_HW3: UInt8Image, image_id: str) -> UInt8Image:
        """The crop as a stored image of ImageNet-C, or of CIFAR-10-C, would show it."""
        corrupted = corrupt_image(image_HW3, self.corruption, self.severity, image_id, self.seed, self.variant)
        quality = stored_quality(self.variant)
        return jpeg_roundtrip(corrupted, quality) if quality else corrupted


@dataclass(frozen=True)
class Plan:
    """One suite for one model.

    Attributes:
        suite: with the groups that its conditions leave to their corruptions; without its reference where no clean
            images were found.
        parts: a part for each condition, the reference first where there is one.
        imagenet: the answers are the 1000 classes of ImageNet-1k, and the images ImageNet's.
        ordinary: a trained model answers many of the first part's images rightly.
        dataset: the name of the data set, where it is not the suite's own.
        notes: what the reader of the numbers should know of the data.
    """

    identity: RunIdentity
    suite: Suite
    parts: tuple[Part, ...]
    answers: Answers
    imagenet: bool
    ordinary: bool
    dataset: str
    notes: tuple[str, ...] = ()


def plan(suite: Suite, classifier: Classifier, data: Path | None, limit: int, seed: int) -> Plan:
    """Decide and check everything about an evaluation.

    Raises:
        UserError: data that is not there, or classes that don't match the classifier's.
    """
    suite = replace(suite, conditions=in_groups(suite.conditions))
    found = locate(suite, data)
    sources = _sources(suite, found)
    answers = answers_of(suite.label_space, classifier.class_names, sources[0].class_names, suite.name)
    select = _Selection(suite, answers, limit, seed)
    if not found.published:
        sources = [select(sources[0])] * len(suite.conditions)
    else:
        sources = [select(source) for source in sources]
    protocol = _protocol(suite, classifier, found)
    if suite.corrupts and not found.published and (protocol.crop or 0) < MINIMUM_SIDE:
        raise UserError(
            f"{suite.name}: images would be corrupted at {protocol.crop} px, the model's input size; that takes at "
            f"least {MINIMUM_SIDE}. Leave the suite out, or train with --set input_size=32."
        )
    parts = [
        Part(condition, Crops(source, protocol), _change(suite, condition, found.published, seed))
        for condition, source in zip(suite.conditions, sources, strict=True)
    ]
    notes = (*_class_notes(select, sources[0]), *_copies_note(sources[0]))
    if suite.reference and found.reference:
        clean = replace(_protocol(suite, classifier, None), jpeg_quality=0, images="stored")
        shown = sources[0] if found.reference == found.images else select(_open(suite, *found.reference))
        parts.insert(0, Part(suite.reference, Crops(shown, clean)))
    elif suite.reference:
        notes = (*notes, "no clean val images were found, so no number is relative to them")
        suite = replace(suite, reference=None)
    return Plan(
        identity=replace(
            _identity(suite, classifier, protocol, select, parts),
            corruptions_sha256=own_sha256(
                [part.condition.name for part in parts if part.change], suite.variant, protocol.crop or 0
            ),
        ),
        suite=suite,
        parts=tuple(parts),
        answers=answers,
        imagenet=classifier.imagenet and answers.whole and suite.of_imagenet,
        ordinary=suite.labels == "classes" and (suite.reference is not None or suite.split == "val"),
        dataset=foreign_name(suite, data),
        notes=notes,
    )


@dataclass(frozen=True)
class _Selection:
    """Which images of a source are measured: those whose class may be answered, at most `limit`, drawn by key."""

    suite: Suite
    answers: Answers
    limit: int
    seed: int

    def __call__(self, source: ImageSource) -> ImageSource:
        """The selected images, labelled by the numbers of answers; by 0 where their folders are not classes."""
        if self.suite.labels == "none":
            chosen = replace(source, labels_N=np.zeros_like(source.labels_N))
        else:
            chosen = self._labelled(source)
        return chosen.take(keyed_subset(chosen.ids, self.limit, self.seed))

    def _labelled(self, source: ImageSource) -> ImageSource:
        where = f"{self.suite.name}: {source.path}"
        labels_N = to_head(source.class_names, self.answers.numbered, where)[source.labels_N]
        kept = np.flatnonzero(np.isin(labels_N, self.answers.numbers))
        if not len(kept):
            raise UserError(f"{self.suite.name}: none of the classes in {source.path} is in the suite's label space.")
        return replace(source, labels_N=labels_N).take(kept)


def _protocol(suite: Suite, classifier: Classifier, found: SuiteData | None) -> Protocol:
    """How the images that were found are shown; None stands for the clean ones."""
    own = classifier.preprocessing
    protocol = suite.protocol
    if found and found.published:
        images = f"stored:{found.made_by}" if found.made_by else "published"
        protocol = replace(protocol, images=images, jpeg_quality=0 if found.arrays else QUALITY, resize=0, crop=0)
    elif suite.corrupts:
        images, quality = f"generated:{engine_version(suite.variant)}", stored_quality(suite.variant)
        protocol = replace(protocol, images=images, jpeg_quality=quality)
    fixed = not suite.of_imagenet or set(classifier.class_names) >= set(imagenet_1k())
    return protocol.resolved(own.resize, own.input_size, own.interpolation, fixed=fixed)


def _sources(suite: Suite, found: SuiteData) -> list[ImageSource]:
    """The images that the conditions are made from: one source, or one a condition where they are published."""
    path, split = found.images
    if not found.published:
        return [_open(suite, path, split)]
    if found.arrays and found.reference:
        clean = _open(suite, *found.reference)
        return [open_rows(clean, path, condition.name, condition.severity) for condition in suite.conditions]
    folders = [path / condition.name / str(condition.severity) for condition in suite.conditions]
    lacking = [str(folder) for folder in folders if not folder.is_dir()]
    if lacking:
        raise UserError(
            f"{path} lacks {len(lacking)} of the {len(folders)} conditions of '{suite.name}', {lacking[0]} among them. "
            "Add them (robust data corrupt), or measure those there with a suite file of your own."
        )
    sources = [_open(suite, folder) for folder in folders]
    for source in sources:
        if source.ids != sources[0].ids:
            raise UserError(
                f"{source.path} holds {len(source)} images, {sources[0].path} {len(sources[0])}, or they have other "
                "names: the conditions must show the same images. Unpack the archives again."
            )
    return sources


def _open(suite: Suite, path: Path, split: str = "") -> ImageSource:
    return open_source(path, split, labelled=suite.labels == "classes")


def _class_notes(select: _Selection, source: ImageSource) -> tuple[str, ...]:
    names = select.answers.names
    shown = set(names) & set(source.class_names)
    others = len(source.class_names) - len(shown)
    if select.suite.labels == "none" or (len(shown) == len(names) and not others):
        return ()
    if select.limit and not others:  # of a few images, most classes have none
        return ()
    note = f"{len(shown)} of the {len(names)} classes that compete have images"
    return (f"{note}; {others} folders of other classes are left out" if others else note,)


def _copies_note(source: ImageSource) -> tuple[str, ...]:
    copies = copies_within(source)
    note = f"{copies} of {len(source)} images are copies of others, so the intervals are narrower than they should be"
    return (note,) if copies else ()


def _change(suite: Suite, condition: Condition, published: bool, seed: int) -> Corrupt | None:
    if not condition.graded or published:
        return None
    return Corrupt(all_corruptions()[condition.name], condition.severity, seed, suite.variant)


def _identity(
    suite: Suite,
    classifier: Classifier,
    protocol: Protocol,
    select: _Selection,
    parts: Sequence[Part],
) -> RunIdentity:
    answers = select.answers
    fingerprints = tuple(dict.fromkeys(part.crops.source.fingerprint for part in parts))
    return RunIdentity(
        model=classifier.name,
        weights_sha256=classifier.weights_sha256,
        classes_sha256=names_sha256(classifier.class_names),
        suite=suite.name,
        suite_version=suite.version,
        protocol=protocol,
        label_space="head" if answers.whole else suite.label_space.name,
        label_space_sha256=names_sha256(answers.names),
        data_fingerprint=names_sha256(fingerprints),
        limit=select.limit,
        seed=select.seed,
        precision=classifier.precision,
        backend=classifier.backend,
        members_sha256=members_sha256(suite.label_space),
        answers_sha256=classifier.answers_sha256,
        normalisation=classifier.normalisation,
    )
