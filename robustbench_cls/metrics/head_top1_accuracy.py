"""Top-1 accuracy with every class of the head competing."""

from robustbench_cls.core.metric import Metric, Predictions


def compute(predictions: Predictions) -> float:
    """Fraction of right answers when the logits are not restricted to the suite's label space.

    Published as the "1000-way" number beside ImageNet-A's, where it is the lower one of the two.
    """
    return float(predictions.frame["head_correct"].mean())


METRIC = Metric(
    name="head_top1_accuracy",
    title="Top-1 accuracy, all classes of the head",
    scope="condition",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1907.07174",
    compute=compute,
)
