"""Shape bias: whether a picture's shape or its texture decides the answer where the two are of unlike things.

Source: Geirhos et al. 2019, arXiv:1811.12231, on cue-conflict stimuli.
"""

import re
from typing import TYPE_CHECKING

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import CONDITION

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = (
    "airplane",
    "bear",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "car",
    "cat",
    "chair",
    "clock",
    "dog",
    "elephant",
    "keyboard",
    "knife",
    "oven",
    "truck",
)
"""The 16 entry-level categories of the stimuli, in the order of the suite's label space."""

STIMULUS = re.compile(r"-([a-z]+)\d*\.\w+$")
"""The end of a stimulus's name, with its texture."""

NO_ANSWERS = "Shape bias needs answers that are the shape's or the texture's category; there are none."


def shape_bias(decisions: "pd.DataFrame") -> float:
    """Answers by shape, as a fraction of those by shape or by texture.

    Args:
        decisions: columns `shape`, `texture` and `decision`, a category each, a row an image. Images whose shape and
            texture are of one category say nothing, and are left out; so are answers that are neither.

    Returns:
        0 (all by texture) .. 1 (all by shape).

    Raises:
        UserError: a column is missing.
        NotApplicable: no answer is one of the two.

    Source: Geirhos et al. 2019, arXiv:1811.12231.
    """
    chosen = _chosen(decisions).sum()
    if not chosen.sum():
        raise NotApplicable(NO_ANSWERS)
    return float(chosen["shape"] / chosen.sum())


def decision_counts(decisions: "pd.DataFrame") -> "pd.DataFrame":
    """By category of the shape, how many answers are its own (`shape`) and how many the texture's (`texture`).

    Args:
        decisions: as for `shape_bias`.

    Raises:
        UserError: a column is missing.
    """
    chosen = _chosen(decisions)
    conflict = decisions["shape"] != decisions["texture"]
    counts: pd.DataFrame = chosen[conflict].groupby(decisions["shape"][conflict]).sum()
    return counts


def _chosen(decisions: "pd.DataFrame") -> "pd.DataFrame":
    """Whether the answer is the category of the shape, and of the texture; neither where the two are one."""
    lacking = {"shape", "texture", "decision"} - set(decisions)
    if lacking:
        raise UserError(
            f"Decisions need the columns shape, texture and decision; missing: {', '.join(sorted(lacking))}."
        )
    conflict = decisions["shape"] != decisions["texture"]
    chosen: pd.DataFrame = (decisions[["shape", "texture"]].eq(decisions["decision"], axis=0)).mul(conflict, axis=0)
    return chosen


def decisions_of(predictions: Predictions, place: int = 0) -> "pd.DataFrame":
    """A model's answers to cue-conflict stimuli in one condition, the first unless told otherwise, for `shape_bias`.

    Raises:
        NotApplicable: the images are not such stimuli, or a name doesn't tell its texture.
    """
    import pandas as pd

    names = np.array(CATEGORIES)
    label_N, answer_N = (predictions.columns[name][place] for name in ("label", "prediction"))
    if max(label_N.max(initial=0), answer_N.max(initial=0)) >= len(CATEGORIES):
        raise NotApplicable("Shape bias needs answers among the 16 categories; these results have others.")
    textures = [_texture(image_id) for image_id in predictions.image_ids]
    table: pd.DataFrame = pd.DataFrame({"shape": names[label_N], "texture": textures, "decision": names[answer_N]})
    return table


def _texture(image_id: str) -> str:
    found = STIMULUS.search(image_id)
    if not found or found[1] not in CATEGORIES:
        raise NotApplicable(
            "Shape bias needs images called <shape><number>-<texture><number>.png, such as cat7-elephant1.png, with "
            f"textures of the 16 categories; found {image_id}."
        )
    return found[1]


def bias(sample: Sample) -> Float64Array:
    """Answers by shape, as a fraction of those by shape or by texture, on images whose shape and texture differ."""
    chosen_2N = _chosen(decisions_of(sample.predictions, sample.places[0])).to_numpy(np.float64).T
    shape_R, texture_R = sample.means_of(chosen_2N).T
    both_R = shape_R + texture_R
    if not both_R[0]:
        raise NotApplicable(NO_ANSWERS)
    some_R = np.where(both_R > 0, both_R, 1.0)  # of few images, a draw may have no such answer
    bias_R: Float64Array = np.where(both_R > 0, shape_R / some_R, shape_R[0] / both_R[0])
    return bias_R


def conflicting(sample: Sample) -> int:
    """The number of images whose shape and texture are of two categories."""
    decisions = decisions_of(sample.predictions, sample.places[0])
    return int((decisions["shape"] != decisions["texture"]).sum())


METRIC = Metric(
    name="shape_bias",
    title="Shape bias",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1811.12231",
    compute=bias,
    phrase="shape bias",
    only_asked=True,
    images=conflicting,
)
