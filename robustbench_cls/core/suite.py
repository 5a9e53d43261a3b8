"""A suite: what is shown to a model, what may be answered, and which numbers the suite is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from robustbench_cls.core.corruption import SEVERITIES, Variant
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.records import added

WHOLE = "all"
"""Where a number of a whole suite stands."""

IMAGENET = "imagenet"
"""ImageNet's folder in `datasets/`."""


@dataclass(frozen=True)
class Condition:
    """One set of images shown to a model: a corruption at a severity, or images as they are (severity 0).

    Attributes:
        group: where tables list it, such as `noise`; decides no number of its own.
        counted: it enters means over the suite.
    """

    name: str
    severity: int = 0
    group: str = added("", compare=False)
    counted: bool = added(True, compare=False)

    @property
    def stem(self) -> str:
        """Its file name without ending: `fog-3`, `clean`."""
        return f"{self.name}-{self.severity}" if self.severity else self.name

    @property
    def graded(self) -> bool:
        """It is a corruption at one of its severities; means, curves and heat maps are of such conditions."""
        return self.severity > 0


def graded(groups: Mapping[str, Sequence[str]], *, counted: bool = True) -> tuple[Condition, ...]:
    """Every corruption of `groups`, names by group, at every severity."""
    return tuple(
        Condition(name, severity, group, counted)
        for group, names in groups.items()
        for name in names
        for severity in SEVERITIES
    )


def part_of(suite: "Suite", corruptions: Sequence[str], severities: Sequence[int]) -> "Suite":
    """A suite of some corruptions and severities of another, with a name that tells which; empty stands for all.

    Raises:
        UserError: the suite has none such.
    """
    graded_ones = [condition for condition in suite.conditions if condition.graded]
    known = list(dict.fromkeys(condition.name for condition in graded_ones))
    lacking = [name for name in corruptions if name not in known]
    if lacking:
        raise UserError(f"Suite '{suite.name}' has no corruption '{lacking[0]}'. It has {', '.join(known) or 'none'}.")
    corruptions = [name for name in known if name in corruptions]  # in the suite's order, each once
    steps = sorted({condition.severity for condition in graded_ones})
    if wrong := [severity for severity in severities if severity not in steps]:
        raise UserError(f"Suite '{suite.name}' has no severity {wrong[0]}. It has {steps}.")
    names, numbers = corruptions or known, sorted(set(severities)) or steps
    kept = tuple(c for c in graded_ones if c.name in names and c.severity in numbers)
    words = [*([] if not corruptions else names if len(names) <= NAMED else [f"{len(names)}-corruptions"])]
    words += [f"s{''.join(map(str, numbers))}"] if severities else []
    return replace(suite, name="-".join((suite.name, *words)), conditions=kept, measures=())


NAMED = 3
"""Corruptions that the name of a part of a suite lists; of more it gives the number."""


@dataclass(frozen=True)
class Measure:
    """A number that a suite is about.

    Attributes:
        metric: its name.
        where: `all` for the whole suite, or the name of a group, a corruption or a condition.
    """

    metric: str
    where: str = WHOLE


def measures_of_condition(name: str) -> tuple[Measure, ...]:
    """The usual measures of images as they are: accuracy first, then what tells whether confidences can be trusted."""
    usual = ("top1_accuracy", "top5_accuracy", "nll", "ece", "rms_calibration_error", "aurra")
    return tuple(Measure(metric, name) for metric in usual)


def measures_of_corruptions(clean: str) -> tuple[Measure, ...]:
    """The usual measures of a suite of corruptions that AlexNet was not measured on; `clean` is its reference."""
    usual = ("mean_corruption_error_unnormalised", "held_out_error", "worst_condition_error", "mean_nll", "mean_ece")
    return (*(Measure(metric) for metric in usual), *((Measure("top1_accuracy", clean),) if clean else ()))


@dataclass(frozen=True)
class LabelSpace:
    """The classes that compete for an answer: `class_names`, or every class of the head where empty.

    Logits are restricted to it before softmax and argmax. On a head that has none of these classes (the
    user's own data) the classes that the split shows take their place.

    Attributes:
        categories: by name the head's classes that make it up; where there are any, categories compete and not
            classes, each with the mean probability of its classes.
    """

    name: str
    class_names: tuple[str, ...] = ()
    categories: tuple[tuple[str, tuple[str, ...]], ...] = ()


HEAD = LabelSpace("head")


@dataclass(frozen=True)
class Protocol:
    """How an image file becomes what the model sees; two numbers with unlike protocols don't compare.

    In a suite, None stands for the model's own preprocessing; `resolved` fills it in, and a stored run
    has no None left. `resize` and `crop` 0 mean: used as stored. `images` says where the pictures come
    from: `stored`, `generated:<engine>`, `stored:<engine>` (a tree written here) or `published`.
    """

    resize: int | None = None
    crop: int | None = None
    interpolation: str | None = None
    jpeg_quality: int = 0
    images: str = "stored"
    input_size: int | None = None
    decoder: str = "pillow"

    def resolved(self, resize: int, crop: int, interpolation: str, *, fixed: bool) -> "Protocol":
        """The protocol for a model with this preprocessing.

        Args:
            resize: shorter side in px before the crop, as the model was trained for.
            crop: side of the model's square input in px.
            interpolation: the model's own, `bilinear` or `bicubic`.
            fixed: keep the suite's pixel sizes, which are those of its data; else the model's own are used, so
                that 32 px images are not measured at 224.
        """
        own = replace(self, resize=None, crop=None) if not fixed and self.crop != 0 else self
        return replace(
            own,
            resize=resize if own.resize is None else own.resize,
            crop=crop if own.crop is None else own.crop,
            interpolation=own.interpolation or interpolation,
            input_size=crop,
        )


IMAGENET_224 = Protocol(resize=256, crop=224, interpolation="bilinear")
"""Resize(256) and CenterCrop(224), as ImageNet-C and ImageNet-A were published."""


@dataclass(frozen=True)
class Suite:
    """A named, versioned measurement.

    Attributes:
        split: folder of the images inside a data set's root: `val`, `a`, `stylized`.
        folder: the data set's folder in `datasets/`, where no `--data` is given.
        reference: the clean images of the same classes in the same label space, measured beside the
            conditions from the `val` split; None for the suite of clean images itself.
        variant: whose corruptions are generated; published folders are read for `published`, and published arrays for
            `cifar`.
        clean: the folder in `datasets/` of the clean images. Where it is not ImageNet's, every model gets the
            protocol's pixel sizes.
        measures: the numbers that the suite is about, the headline first. Where one has no meaning for a model or its
            data, the next one leads. None given: the usual ones for its conditions. `replace` keeps those of the
            suite copied; with `measures=()` the copy gets the usual ones for its own conditions.
        labels: `classes`; or `none` where the images' folders are not classes, so that no answer is right or wrong.
    """

    name: str
    version: int
    title: str
    conditions: tuple[Condition, ...]
    split: str
    folder: str
    label_space: LabelSpace
    reference: Condition | None
    protocol: Protocol
    source: str
    variant: Variant = "published"
    clean: str = added(IMAGENET)
    measures: tuple[Measure, ...] = ()
    labels: Literal["classes", "none"] = "classes"

    def __post_init__(self) -> None:
        """Fill in the usual measures where none are given; lists are as good as tuples."""
        for name in ("conditions", "measures"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.measures:
            object.__setattr__(self, "measures", self._usual())

    def _usual(self) -> tuple[Measure, ...]:
        clean = self.reference.name if self.reference else ""
        if self.labels == "none":
            return self._usual_without_labels()
        wide = measures_of_corruptions(clean) if self.corrupts else ()
        plain = [measure for c in self.conditions if not c.graded for measure in measures_of_condition(c.name)]
        beside = (Measure("top1_accuracy", clean),) if clean and not self.corrupts else ()
        return (*wide, *plain, *beside)

    def _usual_without_labels(self) -> tuple[Measure, ...]:
        plain = [Measure("mean_confidence", c.name) for c in self.conditions if not c.graded]
        counted = any(c.graded and c.counted for c in self.conditions)
        names = [c.name for c in self.conditions if c.graded]
        flips = [Measure("flip_consistency", name) for name in dict.fromkeys(names) if names.count(name) > 1]
        return (*plain, *([Measure("mean_confidence_corrupted")] if counted else []), *flips)

    @property
    def of_imagenet(self) -> bool:
        """Its clean images are ImageNet's, so AlexNet's errors and ImageNet's pixel sizes belong to it."""
        return self.clean == IMAGENET

    @property
    def corrupts(self) -> bool:
        """The conditions are corruptions of the split's images."""
        return any(condition.graded for condition in self.conditions)

    @property
    def all_conditions(self) -> tuple[Condition, ...]:
        """The conditions, the reference first."""
        return ((self.reference,) if self.reference else ()) + self.conditions
