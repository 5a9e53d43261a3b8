"""Accuracy and loss on held-out images."""

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from robustbench_cls.core.suite import Condition
from robustbench_cls.data.batches import Part, Rows, batches
from robustbench_cls.data.crop_cache import Crops
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.training.ranks import Ranks


@dataclass(frozen=True)
class Validation:
    """Mean loss in nats, and the shares of images whose class is the answer or among the first five."""

    loss: float
    top1: float
    top5: float


def validate(classifier: Classifier, crops: Crops, batch_size: int, workers: int, ranks: Ranks) -> Validation:
    """Measure each image once, in whichever process.

    Args:
        crops: of a source whose labels are indices of the head.
    """
    start, stop = (len(crops) * rank // ranks.count for rank in (ranks.rank, ranks.rank + 1))
    own = Rows(Part(Condition("clean"), crops), start, stop)
    classifier.network.eval()
    loss, top1, top5 = 0.0, 0, 0
    for rows, images_BHW3 in batches(own.in_batches(batch_size), workers):
        logits_BC = classifier.logits(images_BHW3)
        labels_B = rows.labels.to(logits_BC.device)
        loss += float(cross_entropy(logits_BC, labels_B, reduction="none").double().sum())
        best_B5 = logits_BC.topk(min(5, logits_BC.shape[1]), dim=1).indices
        top1 += int((best_B5[:, 0] == labels_B).sum())
        top5 += int(torch.any(best_B5 == labels_B[:, None], dim=1).sum())
    loss, top1, top5 = ranks.sums([loss, top1, top5])  # type: ignore[assignment]
    return Validation(loss / len(crops), top1 / len(crops), top5 / len(crops))
