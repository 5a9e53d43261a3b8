"""Checks on a few images before a run begins, of mistakes that would make every number of the run wrong."""

import time
from math import comb

import numpy as np
import torch

from robustbench_cls.core.answers import Answers
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.data.batches import Part
from robustbench_cls.evaluation.loop import Forward, answer_logits
from robustbench_cls.models.classifier import Classifier

IMAGES = 200
"""Images that are looked at."""

SECONDS = 20.0
"""After which a slow model is shown no more of them, but `FEWEST`."""

FEWEST = 20

BY_CHANCE = 0.05
"""Probability that guessing is right at least as often as a model that is not suspected."""

SURE = 0.99
"""Probability that a model halfway between guessing and perfection is not suspected; with fewer images none is."""


def warnings_of(classifier: Classifier, part: Part, answers: Answers, batch_size: int, *, ordinary: bool) -> list[str]:
    """Suspicions, each with what to do; empty where there are none.

    Args:
        part: the images that the run begins with.
        ordinary: a trained model answers many of these images rightly, unlike those that are made to be hard.
    """
    shown = keyed_subset(part.crops.source.ids, IMAGES, 0)
    images_BHW3 = torch.from_numpy(np.stack([part.image(int(i)) for i in shown]))
    if int(images_BHW3.max()) <= 1:
        return [
            f"{part.crops.source.path}: no value of {len(shown)} images is over 1, of 255. They seem to be stored in "
            "the range 0..1; store them in 0..255."
        ]
    if not ordinary or len(answers.names) == 1:
        return []
    logits_BC = _logits(classifier, images_BHW3, batch_size)
    answers_B = torch.from_numpy(answers.numbers)[answer_logits(logits_BC, answers).argmax(dim=1)]
    labels_B = torch.from_numpy(part.crops.source.labels_N[shown])[: len(answers_B)]
    right, images, chance = int((answers_B == labels_B).sum()), len(answers_B), 1 / len(answers.names)
    if not could_tell(images, chance) or at_least(right, images, chance) < BY_CHANCE:
        return []
    trained_here = classifier.origin.recipe  # so that classes are matched by their names
    cure = (
        "Its training may have gone wrong." if trained_here else "Check class order (--class-names) or preprocessing."
    )
    return [
        f"Accuracy is {100 * right / images:.1f} % on {images} images of {part.crops.source.path}; chance is "
        f"{100 * chance:.3g} %. {cure}"
    ]


def _logits(classifier: Classifier, images_BHW3: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Logits of these images, or of the first ones where the model is slow."""
    forward, found, started = Forward(classifier), [], time.perf_counter()
    for images in torch.split(images_BHW3, batch_size):
        found.append(forward(images).cpu())
        if time.perf_counter() - started > SECONDS and sum(map(len, found)) >= FEWEST:
            break
    return torch.cat(found)


def at_least(right: int, images: int, p: float) -> float:
    """Probability of at least so many right answers, each right with probability `p`."""
    return sum(comb(images, k) * p**k * (1 - p) ** (images - k) for k in range(right, images + 1))


def could_tell(images: int, chance: float) -> bool:
    """Whether so many images tell a model halfway between guessing and perfection from one that guesses."""
    needed = next((k for k in range(images + 1) if at_least(k, images, chance) < BY_CHANCE), images + 1)
    return at_least(needed, images, (1 + chance) / 2) >= SURE
