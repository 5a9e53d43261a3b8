"""Predictions with drawn answers, for tests of metrics."""

from collections.abc import Sequence

import numpy as np

from robustbench_cls.core.corruption import GROUPS
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.suite import Condition, graded
from robustbench_cls.metrics.shape_bias import CATEGORIES

ALL_75 = graded(GROUPS)
CLEAN = Condition("clean")


def answered(correct_CN: np.ndarray, conditions: Sequence[Condition], seed: int = 0) -> Predictions:
    """Predictions with these answers, and confidences that know a little of them."""
    rng = np.random.default_rng(seed)
    correct_CN = np.asarray(correct_CN, bool)
    count, images = correct_CN.shape
    label_CN = np.tile(np.arange(images, dtype=np.int32) % 7, (count, 1))
    confidence_CN = np.clip(rng.random(correct_CN.shape) * 0.7 + 0.3 * correct_CN, 0.01, 0.99).astype(np.float32)
    own_CN = np.where(correct_CN, confidence_CN, (1 - confidence_CN) / 2)
    wrong_CN = (label_CN + 1 + rng.integers(0, 2, correct_CN.shape)) % 7
    answer_CN = np.where(correct_CN, label_CN, wrong_CN).astype(np.int32)
    columns = {
        "label": label_CN,
        "prediction": answer_CN,
        "correct": correct_CN,
        "top5": correct_CN,
        "confidence": confidence_CN,
        "nll": -np.log(own_CN).astype(np.float32),
        "brier": ((1 - own_CN) ** 2).astype(np.float32),
        "head_prediction": answer_CN,
        "head_correct": correct_CN,
    }
    ids = tuple(f"image-{i}" for i in range(images))
    return Predictions(tuple(conditions), ids, columns, True)


def stimuli(predictions: Predictions) -> Predictions:
    """The first condition's answers as if to cue-conflict stimuli, whose texture is the category after the shape's."""
    columns = {name: values[:1] for name, values in predictions.columns.items()}
    textures = [CATEGORIES[(label + 1) % 7] for label in columns["label"][0]]
    ids = tuple(f"{i}-{texture}1.png" for i, texture in enumerate(textures))
    return Predictions((Condition("cue-conflict"),), ids, columns, False)


def drawn(
    right: float, conditions: Sequence[Condition] = ALL_75, images: int = 200, seed: int = 0, clean: float = 0.9
) -> Predictions:
    """Predictions of which this fraction is right, and `clean` of those on the clean images."""
    rng = np.random.default_rng(seed)
    correct_CN = rng.random((len(conditions), images)) < right
    reference = answered(rng.random((1, images)) < clean, [CLEAN], seed)
    whole = answered(correct_CN, conditions, seed)
    return Predictions(whole.conditions, whole.image_ids, whole.columns, True, reference)
