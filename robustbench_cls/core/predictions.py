"""Per-image results of one model: what every number is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass
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
"""One row an image. `label` and `prediction` are indices of the head; `confidence`, `nll` (nats) and
`brier` come from the softmax over the label space; `head_*` is the answer with every class competing."""


@dataclass(frozen=True)
class Predictions:
    """Results of one model on the same N images under each of C conditions.

    Attributes:
        conditions: those that are measured.
        image_ids: of the N images, in the order of the columns.
        columns: CN, by the names of `COLUMNS`.
        imagenet: the label space is the 1000 classes of ImageNet-1k, so that AlexNet's errors compare.
        reference: results on the clean images, one condition; None where none were measured.
        missing: the suite's conditions that are not measured yet.
    """

    conditions: tuple[Condition, ...]
    image_ids: tuple[str, ...]
    columns: Mapping[str, npt.NDArray[Any]]
    imagenet: bool
    reference: "Predictions | None" = None
    missing: tuple[str, ...] = ()

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
