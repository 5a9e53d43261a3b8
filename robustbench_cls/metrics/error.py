"""Top-1 error."""

from robustbench_cls.core.metric import Metric, Predictions


def compute(predictions: Predictions) -> float:
    """Fraction of images that are answered wrongly: one less the top-1 accuracy."""
    return 1.0 - float(predictions.frame["correct"].mean())


METRIC = Metric(
    name="error",
    title="Top-1 error",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1409.0575",
    compute=compute,
)
