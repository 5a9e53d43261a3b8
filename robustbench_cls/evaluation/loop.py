"""The forward loop: parts in, stored predictions out."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from PIL import Image

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic
from robustbench_cls.data.batches import Part, batches
from robustbench_cls.evaluation.store import StoredRun
from robustbench_cls.models.classifier import Classifier

Advance: TypeAlias = Callable[[int], object]
"""Called with the number of images just finished."""


def measure(
    run: StoredRun,
    classifier: Classifier,
    parts: list[Part],
    competing_K: npt.NDArray[np.int64],
    *,
    batch_size: int,
    workers: int,
    advance: Advance,
) -> None:
    """Show every image of every part to the classifier and store each condition as soon as it is whole.

    Raises:
        UserError: an unreadable image, or logits that are not finite.
    """
    rows: list[pd.DataFrame] = []
    for part_index, start, images_BHW3, labels_B in batches(parts, batch_size, workers):
        part = parts[part_index]
        ids = part.source.ids[start : start + len(labels_B)]
        logits_BC = classifier.logits(images_BHW3).cpu()
        _check_finite(logits_BC, ids, part)
        if start == 0:
            _store_sample(run, part, images_BHW3[0])
        rows.append(columns(logits_BC, labels_B, ids, competing_K))
        if start + len(ids) == len(part.source):
            run.write(part.condition, pd.concat(rows, ignore_index=True))
            rows = []
        advance(len(ids))


def columns(
    logits_BC: torch.Tensor, labels_B: torch.Tensor, ids: tuple[str, ...], competing_K: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Per-image results of a batch, with the columns of `core.metric.COLUMNS`.

    Args:
        logits_BC: float32 over the whole head.
        labels_B: indices of the head, each among `competing_K`.
        ids: B image ids.
        competing_K: the classes that softmax and argmax run over, ascending.
    """
    allowed_K = torch.from_numpy(competing_K)
    log_BK = torch.log_softmax(logits_BC[:, allowed_K].double(), dim=1)
    place_B = torch.searchsorted(allowed_K, labels_B)
    probabilities_BK = log_BK.exp()
    own_B = log_BK.gather(1, place_B[:, None])[:, 0]
    best_B = log_BK.argmax(dim=1)
    top_B5 = log_BK.topk(min(5, log_BK.shape[1]), dim=1).indices
    brier_B = probabilities_BK.square().sum(dim=1) - 2 * own_B.exp() + 1
    head_B = logits_BC.argmax(dim=1)
    frame: pd.DataFrame = pd.DataFrame(
        {
            "image_id": list(ids),
            "label": labels_B.numpy(),
            "prediction": allowed_K[best_B].numpy(),
            "correct": (best_B == place_B).numpy(),
            "top5": (top_B5 == place_B[:, None]).any(dim=1).numpy(),
            "confidence": probabilities_BK.max(dim=1).values.numpy(),
            "nll": (-own_B).numpy(),
            "brier": brier_B.numpy(),
            "head_prediction": head_B.numpy(),
            "head_correct": (head_B == labels_B).numpy(),
        }
    )
    return frame


def _check_finite(logits_BC: torch.Tensor, ids: tuple[str, ...], part: Part) -> None:
    bad = (~torch.isfinite(logits_BC)).any(dim=1).nonzero()
    if len(bad):
        raise UserError(
            f"The model gave NaN or infinite logits for {part.source.path}/{ids[int(bad[0])]} "
            f"({part.condition.stem}). Its weights or its preprocessing are broken; conditions stored before are kept."
        )


def _store_sample(run: StoredRun, part: Part, image_HW3: torch.Tensor) -> None:
    with atomic(run.sample_path(part.condition)) as temporary:
        Image.fromarray(image_HW3.numpy()).save(temporary, format="PNG", optimize=True)
