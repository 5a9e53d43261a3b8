"""Checks on a few images before a run begins, of mistakes that would make every number of the run wrong."""

from math import comb

import numpy as np
import torch

from robustbench_cls.core.answers import Answers
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.data.batches import Part
from robustbench_cls.evaluation.loop import Forward, answer_logits
from robustbench_cls.models.classifier import Classifier

IMAGES = 200
"""Images that are looked at, but no more than a hundredth of the run's, or `FEWEST`."""

FEWEST = 20

BY_CHANCE = 0.001
"""Probability that guessing is right as often as a model that passes."""


def warnings_of(
    classifier: Classifier, part: Part, answers: Answers, batch_size: int, run_images: int, *, ordinary: bool
) -> list[str]:
    """Suspicions, each with what to do; empty where there are none.

    Args:
        part: the images that the run begins with.
        run_images: how many images the run shows.
        ordinary: a trained model answers many of these images rightly, unlike those that are made to be hard.
    """
    count = min(IMAGES, max(FEWEST, run_images // 100))
    shown = keyed_subset(part.crops.source.ids, count, 0)
    images_BHW3 = torch.from_numpy(np.stack([part.image(int(i)) for i in shown]))
    labels_B = torch.from_numpy(part.crops.source.labels_N[shown])
    if int(images_BHW3.max()) <= 1:
        return [
            f"{part.crops.source.path}: no value of {len(shown)} images is over 1, of 255. They seem to be stored in "
            "the range 0..1; store them in 0..255."
        ]
    if not ordinary:
        return []
    forward = Forward(classifier)
    logits_BC = torch.cat([forward(images_BHW3[i : i + batch_size]).cpu() for i in range(0, len(shown), batch_size)])
    answers_B = torch.from_numpy(answers.numbers)[answer_logits(logits_BC, answers).argmax(dim=1)]
    right = int((answers_B == labels_B).sum())
    if len(answers.names) == 1 or _by_guessing(right, len(shown), len(answers.names)) < BY_CHANCE:
        return []
    return [
        f"{right} of {len(shown)} images of {part.crops.source.path} are answered rightly, no more than by guessing "
        f"among {len(answers.names)} classes. If the model is trained, its classes may stand in another order "
        "(--class-names; datasets/README.md#class-order), or it may want other preprocessing."
    ]


def _by_guessing(right: int, images: int, classes: int) -> float:
    """Probability of at least so many right answers by guessing."""
    p = 1 / classes
    return sum(comb(images, k) * p**k * (1 - p) ** (images - k) for k in range(right, images + 1))
