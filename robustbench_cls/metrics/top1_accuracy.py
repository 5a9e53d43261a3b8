"""Top-1 accuracy."""

from robustbench_cls.core.metric import Metric, Predictions


def compute(predictions: Predictions) -> float:
    """Fraction of images whose likeliest class in the label space is the label."""
    return float(predictions.frame["correct"].mean())


METRIC = Metric(
    name="top1_accuracy",
    title="Top-1 accuracy",
    scope="condition",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1409.0575",
    compute=compute,
)
