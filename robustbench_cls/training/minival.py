"""Which training images are held out to choose the weights: a keyed part of each class, never the test images.

Why not the `val` split? It is what the finished model is measured on, and a number on images that chose the weights is
too good. ImageNet's own test labels are secret, so nearly everybody reports `val`.
"""

import math

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.data.source import ImageSource

AT_LEAST = 10
"""Images of a class that are held out, where they are at most a fifth of it."""

MOST = 0.2

RULE = "minival"
LAST = "last epoch"
"""What a checkpoint says chose its weights."""


def split(source: ImageSource, share: float) -> tuple[ImageSource, ImageSource]:
    """The images to train on and the held-out ones. They are drawn by their ids, whatever the training's seed.

    Of joined sources, images of the first are held out, and their versions in the others are not trained on either.

    Args:
        source: training images; those without a label (-1) are never held out.
        share: of each class that is held out. From a class of 50 images or more it is at least 10 images, and from a
            smaller one at least a fifth, rounded down.
    """
    held = np.zeros(len(source), bool)
    if not share:
        return source, source.take(np.flatnonzero(held))
    versions = [source.version(i) for i in range(len(source))]
    first = np.array([not number for number, _ in versions])
    for label in np.unique(source.labels_N[source.labels_N >= 0]):
        indices = np.flatnonzero(first & (source.labels_N == label))
        held[indices[_drawn([source.ids[i] for i in indices], share)]] = True
    names = {versions[i][1] for i in np.flatnonzero(held)}
    left = [i for i, (_, name) in enumerate(versions) if name not in names]
    return source.take(np.array(left, np.int64)), source.take(np.flatnonzero(held))


def _drawn(ids: list[str], share: float) -> npt.NDArray[np.int64]:
    count = max(math.ceil(share * len(ids)), min(AT_LEAST, int(MOST * len(ids))))
    count = min(count, len(ids) - 1)
    return keyed_subset(ids, count, seed=0) if count > 0 else np.empty(0, np.int64)
