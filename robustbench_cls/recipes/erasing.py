"""Functions on a normalised batch and its targets: erase rectangles, and do several functions in turn.

On normalised images 0 is the mean colour, and noise of mean 0 and variance 1 looks like the colours of a training set.
Both leave the range of whole levels, so they can't be written into a picture before it is normalised.

Source: Zhong et al. 2017, arXiv:1708.04896, as timm and torchvision have it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

OnBatch: TypeAlias = Callable[[Any, Any], tuple[Any, Any]]
"""(images_B3HW, targets) -> (images_B3HW, targets)."""

MODES = ("pixel", "rand", "const")
"""What timm fills a rectangle with: noise of each value, one random colour, or the mean colour."""


@dataclass(frozen=True)
class Erasing:
    """timm's `RandomErasing`; the targets stay as they are.

    Attributes:
        probability: that an image loses rectangles.
        mode: one of `MODES`.
        count: most rectangles of an image. Together they cover 2 % to 33 % of it.
    """

    probability: float
    mode: str = "pixel"
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"erase_probability must be 0 to 1, not {self.probability}")
        if self.mode not in MODES:
            raise ValueError(f"erase_mode must be {', '.join(MODES[:-1])} or {MODES[-1]}, not '{self.mode}'")
        if self.count < 1:
            raise ValueError(f"erase_count must be at least 1, not {self.count}")

    def __call__(self, images_B3HW: Any, targets: Any) -> tuple[Any, Any]:
        """A copy of the images, some with rectangles; the noise is drawn on their device."""
        from timm.data.random_erasing import RandomErasing

        erase = RandomErasing(self.probability, mode=self.mode, max_count=self.count, device=images_B3HW.device)
        return erase(images_B3HW.clone()), targets


@dataclass(frozen=True)
class EachImage:
    """A function that changes an image in place, done to a copy of each; the targets stay as they are."""

    change: Callable[[Any], Any]

    def __call__(self, images_B3HW: Any, targets: Any) -> tuple[Any, Any]:
        """The changed copies."""
        images_B3HW = images_B3HW.clone()
        for image_3HW in images_B3HW:
            self.change(image_3HW)
        return images_B3HW, targets


def in_turn(*functions: OnBatch | None) -> "InTurn":
    """Those of the functions that there are, one after the other."""
    return InTurn(tuple(function for function in functions if function is not None))


@dataclass(frozen=True)
class InTurn:
    """Functions on a batch, one after the other."""

    functions: tuple[OnBatch, ...]

    def __call__(self, images_B3HW: Any, targets: Any) -> tuple[Any, Any]:
        """The images and targets after the last of them."""
        for function in self.functions:
            images_B3HW, targets = function(images_B3HW, targets)
        return images_B3HW, targets
