"""What a suite measures: conditions, label space and protocol."""

from dataclasses import dataclass, replace

from robustbench_cls.core.corruption import Variant


@dataclass(frozen=True)
class Condition:
    """One set of images shown to a model: a corruption at a severity, or images as they are (severity 0)."""

    name: str
    severity: int = 0

    @property
    def stem(self) -> str:
        """Its file name without ending: `fog-3`, `clean`."""
        return f"{self.name}-{self.severity}" if self.severity else self.name


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
            fixed: keep the suite's pixel sizes (they are ImageNet's); else the model's own are used, so
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
        variant: whose corruptions are generated; the published folders are read for `published` only.
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

    @property
    def corrupts(self) -> bool:
        """True where the conditions are corruptions of the split's images."""
        return any(condition.severity for condition in self.conditions)
