"""Accuracy class by class, and which classes are taken for which."""

from typing import TYPE_CHECKING

import numpy as np

from robustbench_cls.core.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd


def per_class_accuracy(predictions: Predictions) -> "pd.DataFrame":
    """By label, over all conditions: `accuracy` (0..1) with its 95 % interval `low`, `high`, and the images `n`.

    The interval is Wilson's for the class's images, each counted with its mean over conditions: classes have too few
    images for drawing them anew.
    """
    import pandas as pd

    from robustbench_cls.metrics.interval import wilson

    label_N = predictions.columns["label"][0]
    right_N = predictions.columns["correct"].mean(axis=0)
    rows = []
    for label in np.unique(label_N):
        own_N = right_N[label_N == label]
        accuracy = float(own_N.mean())
        rows.append((int(label), accuracy, *wilson(accuracy, len(own_N)), len(own_N)))
    table: pd.DataFrame = pd.DataFrame(rows, columns=["label", "accuracy", "low", "high", "n"]).set_index("label")
    return table


def most_confused(predictions: Predictions, count: int = 20) -> "pd.DataFrame":
    """The pairs of `label` and wrong `prediction` met most often over all conditions: `times`, and their `share`.

    `share` is of all answers to images of that label, 0..1.
    """
    import pandas as pd

    label_V = predictions.columns["label"].reshape(-1)
    answer_V = predictions.columns["prediction"].reshape(-1)
    answers = pd.DataFrame({"label": label_V, "prediction": answer_V})
    wrong = answers[answers["label"] != answers["prediction"]]
    pairs = wrong.groupby(["label", "prediction"]).size().rename("times").reset_index()
    pairs = pairs.sort_values(["times", "label", "prediction"], ascending=[False, True, True]).head(count)
    every = answers["label"].value_counts()
    shares = pairs["times"].to_numpy() / every[pairs["label"]].to_numpy()
    confused: pd.DataFrame = pairs.assign(share=shares).reset_index(drop=True)
    return confused
