"""Checks on a few images before a run begins, of mistakes that would make every number of the run wrong."""

import time
from math import comb

import numpy as np
import torch

from robustbench_cls.core.answers import Answers
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.data.batches import Part
from robustbench_cls.evaluation.loop import Forward, answer_logits
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.steadiness import TOLERANCE

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


class Witness:
    """A batch of a run's own images and what the model answers to it, to be asked again when the run has ended.

    Raises:
        UserError: when it is made, the model answers otherwise to the images alone than beside each other.
    """

    def __init__(self, classifier: Classifier, part: Part, batch_size: int) -> None:
        self.classifier = classifier
        count = min(batch_size, len(part))
        self.images_BHW3 = torch.from_numpy(np.stack([part.image(index) for index in range(count)]))
        self.logits_BC = self._ask(self.images_BHW3)
        alone = torch.cat([self._ask(self.images_BHW3[i : i + 1]) for i in range(min(count, ALONE))])
        self._compare(alone, self.logits_BC[: len(alone)], f"alone than in a batch of {count}")

    def ask_again(self) -> None:
        """Ask for the same answers once more.

        Raises:
            UserError: they are others: the model changes while it is used.
        """
        self._compare(self._ask(self.images_BHW3), self.logits_BC, "at the end of the run than at its beginning")

    def _ask(self, images_BHW3: torch.Tensor) -> torch.Tensor:
        return self.classifier.logits(images_BHW3).cpu()

    def _compare(self, first_BC: torch.Tensor, second_BC: torch.Tensor, when: str) -> None:
        spread, most = float(self.logits_BC.std()), TOLERANCE[self.classifier.precision]
        if len(self.logits_BC) and float((first_BC - second_BC).abs().max()) > most * max(spread, 1e-6):
            raise UserError(
                f"{self.classifier.name} answers otherwise to the same images {when}, so its numbers depend on how it "
                "is run. It keeps a state, or normalises by the batch. Nothing of this run is kept; mend the module."
            )


ALONE = 2
"""Images of the batch that are shown alone as well."""


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
