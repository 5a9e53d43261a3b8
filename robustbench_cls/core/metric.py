"""What a metric is, what it is computed from and what comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Scope: TypeAlias = Literal["condition", "corruption", "suite"]

COLUMNS: dict[str, str] = {
    "image_id": "string",
    "label": "int32",
    "prediction": "int32",
    "correct": "bool",
    "top5": "bool",
    "confidence": "float32",
    "nll": "float32",
    "brier": "float32",
    "head_prediction": "int32",
    "head_correct": "bool",
}
"""One row an image. `label` and `prediction` are indices of the head; `confidence`, `nll` (nats) and
`brier` come from the softmax over the label space; `head_*` is the answer with every class competing."""


@dataclass(frozen=True)
class Predictions:
    """Per-image results of one model: the columns above plus `condition` and `severity`.

    Attributes:
        frame: a row for each image and condition.
        imagenet: the label space is the 1000 classes of ImageNet-1k, so that AlexNet's errors compare.
        reference: results on the clean images, the same columns; empty where none were measured.
        missing: the suite's conditions that are not measured yet.
    """

    frame: "pd.DataFrame"
    imagenet: bool
    reference: "pd.DataFrame"
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metric:
    """One number computed from predictions.

    Attributes:
        scope: what one number speaks of: a condition, a corruption over its severities, or a suite;
            `compute` gets the rows of just that.
        unit: `fraction` (0..1, shown as percent) or `percent` (of a baseline; may pass 100).
        compute: raises NotApplicable where the metric has no meaning for the rows.
    """

    name: str
    title: str
    scope: Scope
    unit: Literal["fraction", "percent"]
    higher_is_better: bool
    source: str
    compute: Callable[[Predictions], float]


@dataclass(frozen=True)
class Score:
    """A number with what it is about: n images in each condition it is computed from."""

    model: str
    suite: str
    condition: str
    severity: int
    metric: str
    value: float
    unit: str
    n: int
