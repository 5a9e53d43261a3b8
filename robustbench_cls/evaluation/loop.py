"""The forward loop: images in, stored predictions out."""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import log
from typing import TypeAlias

import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image

from robustbench_cls.core.answers import Answers
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic
from robustbench_cls.core.progress import notice
from robustbench_cls.data.batches import Rows, batches
from robustbench_cls.evaluation.shards import store
from robustbench_cls.models.choices import AT_ONCE, IN_TORCH
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.results.store import StoredRun, as_table

Advance: TypeAlias = Callable[[int], object]
"""Called with the number of images just finished."""


class Forward:
    """A classifier's logits, of as many images at a time as its device has memory for."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.most = sys.maxsize

    def __call__(self, images_BHW3: torch.Tensor) -> torch.Tensor:
        """Float32 logits_BC.

        Raises:
            UserError: there is no memory for a single image.
        """
        while True:
            try:
                pieces = [
                    self.classifier.logits(piece)
                    for piece in torch.split(images_BHW3, min(self.most, len(images_BHW3)))
                ]
                return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                self._halve(min(self.most, len(images_BHW3)))

    def _halve(self, tried: int) -> None:
        if tried == 1:
            raise UserError(f"{self.classifier.device} has no memory for one image. Use another --device.") from None
        self.most = tried // 2
        if self.classifier.device.type == "cuda":
            torch.cuda.empty_cache()
        notice(f"Out of memory with {tried} images at a time; going on with {self.most}.")


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def measure(
    run: StoredRun,
    classifier: Classifier,
    stretches: Sequence[Rows],
    answers: Answers,
    *,
    batch_size: int,
    workers: int,
    keep_logits: bool,
    advance: Advance,
) -> None:
    """Show every image of every stretch to the classifier, and store each stretch as soon as it is whole.

    While batches are in the forward pass of a GPU, or of a backend that takes several at once, the results of those
    before are worked out.

    Raises:
        UserError: an unreadable image, or logits that are not finite.
    """
    collector = _Collector(run, answers, keep_logits, list(stretches), advance)
    forward = Forward(classifier)
    plan = [batch for stretch in stretches for batch in stretch.in_batches(batch_size)]
    at_once = AT_ONCE.get(classifier.backend, 1)
    waiting: deque[tuple[Rows, torch.Tensor, Callable[[], torch.Tensor]]] = deque()
    with _idle_torch(classifier.backend), ThreadPoolExecutor(at_once, thread_name_prefix="forward") as pool:
        for rows, images_BHW3 in batches(plan, workers):
            ask = pool.submit(forward, images_BHW3).result if at_once > 1 else _OnTheWay(forward(images_BHW3)).logits
            waiting.append((rows, images_BHW3, ask))
            if len(waiting) > at_once:
                collector.take(*waiting.popleft())
        while waiting:
            collector.take(*waiting.popleft())


@contextmanager
def _idle_torch(backend: str) -> Iterator[None]:
    """Let PyTorch use one thread where another backend runs the network.

    Its threads look for work in a loop for a while after each operation, on the cores that the network needs. With
    OpenVINO on two cores that took 5 % of the time.
    """
    threads = torch.get_num_threads()
    if backend not in IN_TORCH:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _OnTheWay:
    """Logits that are being copied from their device, without waiting for the forward pass after theirs."""

    def __init__(self, logits_BC: torch.Tensor) -> None:
        self.arrived: torch.cuda.Event | None = None
        self.logits_BC = logits_BC
        if logits_BC.is_cuda:
            self.logits_BC = torch.empty(logits_BC.shape, dtype=logits_BC.dtype, pin_memory=True)
            self.logits_BC.copy_(logits_BC, non_blocking=True)
            self.arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self.arrived.record()

    def logits(self) -> torch.Tensor:
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.logits_BC.cpu()


class _Collector:
    """Results of batches, stored when a stretch is whole."""

    def __init__(
        self,
        run: StoredRun,
        answers: Answers,
        keep_logits: bool,
        stretches: list[Rows],
        advance: Advance,
    ) -> None:
        self.run, self.answers, self.keep_logits, self.advance = run, answers, keep_logits, advance
        self.stretches = stretches
        self.tables: list[pa.Table] = []

    def take(self, rows: Rows, images_BHW3: torch.Tensor, answer: Callable[[], torch.Tensor]) -> None:
        logits_BC = answer()
        _check_finite(logits_BC, rows)
        if rows.start == 0:
            _store_sample(self.run, rows, images_BHW3[0])
        labels_B = rows.labels if self.run.suite.labels == "classes" else None
        results = columns(logits_BC, labels_B, rows.ids, self.answers)
        self.tables.append(as_table(results, logits_BC.numpy() if self.keep_logits else None))
        if rows.stop == self.stretches[0].stop:
            store(self.run, self.stretches.pop(0), pa.concat_tables(self.tables).combine_chunks())
            self.tables = []
        self.advance(len(rows))


def columns(
    logits_BC: torch.Tensor, labels_B: torch.Tensor | None, ids: tuple[str, ...], answers: Answers
) -> dict[str, npt.ArrayLike]:
    """Per-image results of a batch by the names of `core.predictions.COLUMNS`.

    Args:
        logits_BC: float32 over the whole head.
        labels_B: numbers of answers; None where images have no label.
        ids: B image ids.
        answers: what softmax and argmax run over.
    """
    numbers_K = torch.from_numpy(answers.numbers)
    log_BK = torch.log_softmax(answer_logits(logits_BC, answers).double(), dim=1)
    probabilities_BK = log_BK.exp()
    best_B = log_BK.argmax(dim=1)
    head_B = logits_BC.argmax(dim=1)
    found: dict[str, npt.ArrayLike] = {
        "image_id": ids,
        "prediction": numbers_K[best_B].numpy(),
        "confidence": probabilities_BK.max(dim=1).values.numpy(),
        "head_prediction": head_B.numpy(),
    }
    if labels_B is None:
        return found
    place_B = torch.searchsorted(numbers_K, labels_B)
    own_B = log_BK.gather(1, place_B[:, None])[:, 0]
    top_B5 = log_BK.topk(min(5, log_BK.shape[1]), dim=1).indices
    brier_B = probabilities_BK.square().sum(dim=1) - 2 * own_B.exp() + 1
    return found | {
        "label": labels_B.numpy(),
        "correct": (best_B == place_B).numpy(),
        "top5": (top_B5 == place_B[:, None]).any(dim=1).numpy(),
        "nll": (-own_B).numpy(),
        "brier": brier_B.numpy(),
        "head_correct": (torch.from_numpy(answers.number_of_class())[head_B] == labels_B).numpy(),
    }


def answer_logits(logits_BC: torch.Tensor, answers: Answers) -> torch.Tensor:
    """The logarithm of each answer's probability, up to a constant an image, BK."""
    if not answers.categories:
        return logits_BC[:, torch.from_numpy(answers.numbers)]
    means = [logits_BC[:, list(group)].logsumexp(dim=1) - log(len(group)) for group in answers.groups]
    return torch.stack(means, dim=1)


def _check_finite(logits_BC: torch.Tensor, rows: Rows) -> None:
    bad = (~torch.isfinite(logits_BC)).any(dim=1).nonzero()
    if len(bad):
        source = rows.part.crops.source
        raise UserError(
            f"The model gave NaN or infinite logits for {source.name(rows.start + int(bad[0]))} "
            f"({rows.part.condition.stem}). Its weights or its preprocessing are broken; conditions stored before are "
            "kept."
        )


def _store_sample(run: StoredRun, rows: Rows, image_HW3: torch.Tensor) -> None:
    with atomic(run.sample_path(rows.part.condition)) as temporary:
        # a quarter of PNG's time and no larger; noise hardly packs anyway
        Image.fromarray(image_HW3.numpy()).save(temporary, format="WEBP", lossless=True, quality=0, method=0)
