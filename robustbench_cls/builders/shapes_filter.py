"""The small model that chooses the pictures of the embedded data set's `a` split: those that it gets wrong.

It is ridge regression in numpy on colours and edge directions. It trains in a second and chooses the same
pictures on every machine: the features are whole numbers, so only the regression rounds, and `mistaken` asks
for a margin far above the rounding error.

Source: the idea is ImageNet-A's, Hendrycks et al. 2021, arXiv:1907.07174. There the model is a ResNet-50.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustbench_cls.builders.shapes_outlines import SIDE, Float
from robustbench_cls.core.arrays import UInt8Image

CELLS = 8
DIRECTIONS = np.array([[4, 0], [4, 2], [3, 3], [2, 4], [0, 4], [-2, 4], [-3, 3], [-4, 2]], dtype=np.float64)
"""Edge directions (x, y), about 22 degrees apart, in whole numbers. Opposite directions count as one."""

RIDGE = 0.3
"""Penalty on the weights of standardised features, for each training picture."""

MARGIN = 0.1
"""How far the true class must score below the best one, where scores aim at 1 and 0."""

POOL = np.repeat(np.eye(CELLS), SIDE // CELLS, axis=1)
PLACES = np.arange(SIDE) * CELLS // SIDE
CELL_HW = PLACES[:, None] * CELLS + PLACES


def features(image_HW3: UInt8Image) -> Float:
    """The features of a picture: a colour histogram, colours by place and edges by place.

    They are sums of whole numbers and square roots of such sums, so every machine computes the same bits.
    """
    coarse_HW3 = image_HW3 >> 6
    bins = coarse_HW3[:, :, 0] << 4 | coarse_HW3[:, :, 1] << 2 | coarse_HW3[:, :, 2]
    histogram = np.bincount(bins.ravel(), minlength=64)
    image_3HW = image_HW3.transpose(2, 0, 1).astype(np.float64)
    colours = POOL @ image_3HW @ POOL.T
    return np.concatenate([np.sqrt(histogram), colours.ravel(), np.sqrt(_edges(image_3HW.sum(axis=0)))])


def _edges(grey_HW: Float) -> Float:
    """The edges of a picture: summed steepness by place and direction."""
    across = grey_HW[1:-1, 2:] - grey_HW[1:-1, :-2]
    down = grey_HW[2:, 1:-1] - grey_HW[:-2, 1:-1]
    along = DIRECTIONS @ np.stack([across.ravel(), down.ravel()])
    np.abs(along, out=along)
    bins = CELL_HW[1:-1, 1:-1].ravel() * len(DIRECTIONS) + along.argmax(axis=0)
    return np.bincount(bins, along.max(axis=0), CELLS * CELLS * len(DIRECTIONS)).astype(np.float64)


@dataclass(frozen=True)
class FixedModel:
    """A linear classifier on standardised features.

    Attributes:
        weights_FC: from standardised features to class scores.
    """

    mean_F: Float
    scale_F: Float
    bias_C: Float
    weights_FC: Float

    def scores(self, image_HW3: UInt8Image) -> Float:
        """The score of each class, about 0..1, in the order of the labels."""
        return self.bias_C + (features(image_HW3) - self.mean_F) / self.scale_F @ self.weights_FC

    def mistaken(self, image_HW3: UInt8Image, label: int) -> bool:
        """Whether some other class scores higher than the true one by a clear margin."""
        scores = self.scores(image_HW3)
        return bool(scores.max() - scores[label] > MARGIN)


def fit(features_NF: Float, labels_N: npt.NDArray[np.int64]) -> FixedModel:
    """Train the model by ridge regression on the features and labels of all training pictures."""
    mean_F = features_NF.mean(axis=0)
    scale_F = features_NF.std(axis=0) + 1.0
    inputs_NF = (features_NF - mean_F) / scale_F
    targets_NC = np.eye(labels_N.max() + 1)[labels_N]
    bias_C = targets_NC.mean(axis=0)
    penalty_FF = RIDGE * len(inputs_NF) * np.eye(inputs_NF.shape[1])
    weights_FC = np.linalg.solve(inputs_NF.T @ inputs_NF + penalty_FF, inputs_NF.T @ (targets_NC - bias_C))
    return FixedModel(mean_F, scale_F, bias_C, weights_FC)
