"""Top-5 accuracy."""

from robustbench_cls.core.metric import Metric, Predictions


def compute(predictions: Predictions) -> float:
    """Fraction of images whose label is among the five likeliest classes of the label space."""
    return float(predictions.frame["top5"].mean())


METRIC = Metric(
    name="top5_accuracy",
    title="Top-5 accuracy",
    scope="condition",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1409.0575",
    compute=compute,
)
