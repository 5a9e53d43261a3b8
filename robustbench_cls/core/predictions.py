"""Per-image results of one model; every number is computed from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.suite import Condition

if TYPE_CHECKING:
    import pandas as pd

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
"""One row an image. `label` and `prediction` are indices of the head, or of the suite's categories; `confidence`,
`nll` (nats) and `brier` come from the softmax over what may be answered; `head_*` is the answer among all classes of
the head."""

UNLABELLED = ("image_id", "prediction", "confidence", "head_prediction")
"""The columns of images without labels."""


def columns_of(labels: str) -> dict[str, str]:
    """The columns that a suite with these `labels` stores, with their types."""
    return COLUMNS if labels == "classes" else {name: COLUMNS[name] for name in UNLABELLED}


@dataclass(frozen=True)
class Predictions:
    """Results of one model on the same N images under each of C conditions.

    Attributes:
        conditions: those that are measured.
        image_ids: of the N images, in the order of the columns.
        columns: CN, by the names of `COLUMNS`.
        imagenet: the label space is the 1000 classes of ImageNet-1k, so that AlexNet's errors compare.
        reference: results on the clean images, one condition; None where none were measured.
        missing: the suite's conditions, its reference among them, that are not measured yet.
    """

    conditions: tuple[Condition, ...]
    image_ids: tuple[str, ...]
    columns: Mapping[str, npt.NDArray[Any]]
    imagenet: bool
    reference: "Predictions | None" = None
    missing: tuple[Condition, ...] = ()

    @property
    def labelled(self) -> bool:
        """Answers are right or wrong."""
        return "label" in self.columns

    def if_all(self, right: bool) -> "Predictions":
        """The first image alone, had every answer to it been right, or wrong, with a confidence of 1."""
        sure = {"confidence": 1.0, "nll": 0.0 if right else np.inf, "brier": 0.0 if right else 2.0}
        made = dict.fromkeys(("correct", "top5", "head_correct"), right) | sure
        columns = {
            name: np.full_like(values[:, :1], made[name]) if name in made else values[:, :1]
            for name, values in self.columns.items()
        }
        return replace(self, columns=columns, image_ids=self.image_ids[:1])

    @property
    def frame(self) -> "pd.DataFrame":
        """A row for each condition and image: the columns above plus `condition` and `severity`."""
        import pandas as pd

        count = len(self.image_ids)
        tidy: dict[str, Any] = {"image_id": np.tile(np.array(self.image_ids, object), len(self.conditions))}
        tidy |= {name: self.columns[name].reshape(-1) for name in COLUMNS if name in self.columns}
        tidy["condition"] = np.repeat(np.array([c.name for c in self.conditions], object), count)
        tidy["severity"] = np.repeat(np.array([c.severity for c in self.conditions], np.int64), count)
        frame: pd.DataFrame = pd.DataFrame(tidy)
        return frame
