"""Shape bias: whether a picture's shape or its texture decides the answer where the two are of unlike things.

Source: Geirhos et al. 2019, arXiv:1811.12231, on cue-conflict stimuli.
"""

from typing import TYPE_CHECKING

import numpy as np

from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.core.kernel import Float64Array

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
"""The 16 entry-level categories of the stimuli."""


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
    counts = decision_counts(decisions).sum()
    both = int(counts["shape"] + counts["texture"])
    if not both:
        raise NotApplicable("Shape bias needs answers that are the shape's or the texture's category; there are none.")
    return float(counts["shape"] / both)


def decision_counts(decisions: "pd.DataFrame") -> "pd.DataFrame":
    """By category of the shape, how many answers are its own (`shape`) and how many the texture's (`texture`).

    Args:
        decisions: as for `shape_bias`.

    Raises:
        UserError: a column is missing.
    """
    lacking = {"shape", "texture", "decision"} - set(decisions)
    if lacking:
        raise UserError(
            f"Decisions need the columns shape, texture and decision; missing: {', '.join(sorted(lacking))}."
        )
    conflict = decisions[decisions["shape"] != decisions["texture"]]
    by_shape = conflict["decision"] == conflict["shape"]
    by_texture = conflict["decision"] == conflict["texture"]
    counts: pd.DataFrame = by_shape.to_frame("shape").assign(texture=by_texture).groupby(conflict["shape"]).sum()
    return counts


def decide(probabilities_NC: Float64Array, members: "dict[str, list[int]]") -> list[str]:
    """The category of each answer: the one whose classes have the highest mean probability.

    Args:
        probabilities_NC: softmax over all classes.
        members: indices of the classes of each category.
    """
    means_NK = np.stack([probabilities_NC[:, own].mean(axis=1) for own in members.values()], axis=1)
    names = list(members)
    return [names[place] for place in means_NK.argmax(axis=1)]
