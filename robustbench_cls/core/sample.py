"""A model's results on images drawn again and again; a number and its interval are computed from them.

The paired bootstrap: N images are drawn with replacement from the N there are, many times. Draw 0 is the images as
they are, so the first of a metric's R values is the number itself, and the others show how it varies with the images.
Whole images are drawn, all conditions with them, and whoever was shown the same images gets the same draws: that
makes intervals of means over conditions, and of differences between models, the right ones.

Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable, NotAsked
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.run import names_sha256
from robustbench_cls.core.suite import Condition

RESAMPLES = 2000

BLOCK = 128
"""Draws that are worked on at a time: 25 MB for 50,000 images."""


@dataclass(frozen=True)
class Sample:
    """One model's results in some conditions, on R draws of N images.

    Attributes:
        predictions: of all its conditions.
        places: which of them are looked at, C.
        counts_NR: how often each draw has each image, uint8; draw 0 has each once.
        baseline: another model's results on the same suite, which the user named to be compared with.
        overlaps: corruptions that the recipe of one of the compared models contains.
    """

    predictions: Predictions
    places: tuple[int, ...]
    counts_NR: npt.NDArray[np.uint8]
    baseline: "Sample | None" = None
    overlaps: frozenset[str] = frozenset()
    _clean: "Sample | None" = None
    _kept: dict[tuple[str, tuple[int, ...]], Float64Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        predictions: Predictions,
        resamples: int = RESAMPLES,
        baseline: Predictions | None = None,
        overlaps: frozenset[str] = frozenset(),
    ) -> "Sample":
        """All conditions, on the images as they are and on so many resamples of them."""
        clean = predictions.reference
        return cls(
            predictions,
            tuple(range(len(predictions.conditions))),
            draws(predictions.image_ids, resamples),
            cls.of(baseline, resamples) if baseline is not None else None,
            overlaps,
            cls.of(clean, resamples) if clean is not None else None,
        )

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The C conditions that are looked at."""
        return tuple(self.predictions.conditions[place] for place in self.places)

    @property
    def clean(self) -> "Sample":
        """The same model on the clean images.

        Raises:
            NotApplicable: none were measured.
        """
        if self._clean is None:
            raise NotApplicable(
                "There are no clean images of the same classes beside these results; no val/ was measured."
            )
        return self._clean

    def against(self) -> "Sample":
        """The baseline.

        Raises:
            NotApplicable: the user named none, or it lacks conditions of these.
        """
        if self.baseline is None:
            raise NotAsked("No baseline run was named.")
        lacking = [c.stem for c in self.conditions if c not in self.baseline.conditions]
        if lacking:
            raise NotApplicable(f"The baseline lacks {len(lacking)} of these conditions, {lacking[0]} among them.")
        return self.baseline

    def only(self, conditions: Sequence[Condition]) -> "Sample":
        """The same draws of fewer conditions."""
        return replace(self, places=tuple(self.predictions.conditions.index(c) for c in conditions))

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of `COLUMNS` in the conditions looked at, CN."""
        column_CN: npt.NDArray[Any] = self.predictions.columns[name][list(self.places)]
        return column_CN

    def mean(self, name: str) -> Float64Array:
        """The mean of a column over each draw's images, RC."""
        return self.mean_made(name, lambda predictions: predictions.columns[name])

    def mean_made(self, name: str, make: Callable[[Predictions], npt.NDArray[Any]]) -> Float64Array:
        """As `mean`, of a column that `make` makes of all conditions' predictions, CN, the first time it is asked."""
        key = name, ()
        if key not in self._kept:
            self._kept[key] = self.means_of(make(self.predictions))
        means_RC: Float64Array = self._kept[key][:, list(self.places)]
        return means_RC

    def errors(self) -> Float64Array:
        """Top-1 errors, RC."""
        return 1.0 - self.mean("correct")

    def mean_error(self) -> Float64Array:
        """The mean over conditions of the top-1 error, R."""
        mean_R: Float64Array = self.errors().mean(axis=1)
        return mean_R

    def if_all(self, right: bool, clean: bool) -> "Sample":
        """One image, as it is, had every answer to it been right or wrong, and surely so.

        Args:
            right: of the answers in these conditions.
            clean: of those to the clean images.
        """
        made = replace(
            self,
            predictions=self.predictions.if_all(right),
            counts_NR=self.counts_NR[:1, :1],
            baseline=self.baseline and replace(self.baseline, counts_NR=self.baseline.counts_NR[:, :1], _kept={}),
            _clean=None,
            _kept={},
        )
        return replace(made, _clean=self._clean.if_all(clean, clean)) if self._clean is not None else made

    def once(self, name: str, make: Callable[[], Float64Array]) -> Float64Array:
        """The result of `make` for the conditions looked at, kept for metrics that share it."""
        key = name, self.places
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def means_of(self, values_KN: npt.NDArray[Any]) -> Float64Array:
        """The mean over each draw's images of K values an image, RK."""
        single_KN = values_KN.astype(np.float32)
        size, count = self.counts_NR.shape
        means_RK = np.empty((count, len(single_KN)))
        for start in range(0, count, BLOCK):
            counts_NB = self.counts_NR[:, start : start + BLOCK].astype(np.float32)
            means_RK[start : start + BLOCK] = (single_KN @ counts_NB).T / size
        means_RK[0] = values_KN.mean(axis=1, dtype=np.float64)
        return means_RK


@lru_cache(maxsize=2)
def draws(image_ids: tuple[str, ...], resamples: int) -> npt.NDArray[np.uint8]:
    """How often each of so many draws has each image, NR; the same for the same images, wherever and whenever.

    Draw 0 has each once. A count never passes 255: of 256 images or more, one alone is drawn that often once in
    10^500 draws.
    """
    size = len(image_ids)
    generator = np.random.Generator(np.random.PCG64(int(names_sha256(image_ids)[:16], 16)))
    counts_NR = np.ones((size, 1 + resamples), np.uint8)
    for start in range(1, 1 + resamples, BLOCK) if size else ():
        stop = min(start + BLOCK, 1 + resamples)
        drawn = [np.bincount(generator.integers(0, size, size), minlength=size) for _ in range(start, stop)]
        counts_NR[:, start:stop] = np.array(drawn, np.uint8).T
    counts_NR.flags.writeable = False
    return counts_NR
