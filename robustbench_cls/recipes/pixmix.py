"""PixMix: an image mixed, in several rounds, with changed copies of itself and with a picture full of structure.

    robust train --recipe pixmix --model resnet50
    robust train --recipe pixmix --model resnet18 --data cifar10 --set beta=3 --set aug_severity=3

Mixing begins with the image or, as likely, with the image after one of nine operations. In each of 0 to `k` rounds, as
likely each, a copy of the image after an operation or the mixing picture is added, or multiplied: a x + b y with values
from -1 to 1, or x^a y^b with values from 0 to 2. Either a is drawn from Beta(beta, 1) and b from Beta(1, beta), or a
from 1 + Beta(1, beta) and b from -Beta(1, beta). Results are cut off at the ends of their range.

Mixing pictures are `pictures` fractals, of which windows are mixed in. Each loading process draws a fractal when it
first needs it, and keeps it: 300 take 2 seconds and 59 MB at 224 px, and 0.3 seconds and 1.2 MB at 32; so it is for
each further side of the input, where that changes. `--set mixing_set=FOLDER` takes the images in a folder instead, or
in folders below it, such as the published set; decoding those adds to the cost where there are many.

An image takes 0.8 ms at 224 px and 0.1 ms at 32, on one core of an AMD EPYC server. Images of 224 px are made in 1.7
times the baseline's time.

The published program has a rate of 0.01 and a weight decay of 5e-4, which suit a network that begins with trained
weights: `--start published --set lr=0.01 --set weight_decay=5e-4 --set warmup_epochs=0`. From scratch, this recipe
keeps the rates of the family.

Expected: ResNet-50, 90 or 180 epochs, 78.1 % top-1 and mCE 62.3, as others measured the published weights. The
published command has `--all-ops`, which adds color, contrast, brightness and sharpness to the operations. They overlap
with the test corruptions, so that number may be too good. They are left out here, as they are by the program's own
default, and nothing else in this recipe is a test corruption.

Where we differ: the published pictures are 14,230 fractals by artists and feature visualisations of networks. Levels
are rounded after the last round, by at most half a level.

Source: Hendrycks et al. 2022, arXiv:2112.05135; `pixmix_utils.py`, `imagenet.py` and `cifar.py` of andyzoujm/pixmix.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import Float32Array, UInt8Array
from robustbench_cls.core.kernel import kernel, shl, shr, sub
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.scratch import scratch
from robustbench_cls.recipes.pixmix_operations import MOST_LEVEL, OPERATIONS, Step, changed
from robustbench_cls.recipes.pixmix_pictures import Draw, Pictures, files_in

NAMES = tuple(OPERATIONS)

LEAST_LEVEL = 0.1
"""Of a drawn operation; the greatest is the severity."""

DRAWS = 8
"""Fractions that a round takes at most, and that a plan takes besides."""

LEVELS: Float32Array = np.arange(256, dtype=np.float32) / np.float32(255)
"""Levels as 0 to 1."""

LEAST_BASE = 1e-37
"""Of a power that may be negative."""

SQRT_HALF, MANTISSA = 0x3F3504F3, 23
"""The bits of a single-precision root of 1/2, and the number of bits behind the point."""


class Round(NamedTuple):
    """One mixing."""

    step: Step | None
    """The operation on the image that is mixed in; None for the mixing picture."""
    product: bool
    """Whether powers are multiplied; else multiples are added."""
    a: float
    """Factor or power of what was mixed so far."""
    b: float
    """Factor or power of what is mixed in."""


class Plan(NamedTuple):
    """The parts of a mix."""

    first: Step | None
    """The operation on the image that mixing begins with, if any."""
    rounds: tuple[Round, ...]
    picture: Draw
    """The mixing picture."""


@dataclass(frozen=True)
class PixMix:
    """Mixes an image with changed copies of itself and a picture.

    Attributes:
        k: most rounds.
        beta: parameter of the Beta distributions of factors and powers; the larger, the weaker is what is mixed in.
        severity: greatest level of an operation.
        pictures: to mix with.
    """

    k: int
    beta: float
    severity: int
    pictures: Pictures

    def __call__(self, image: Image.Image) -> Image.Image:
        """A mix of the image."""
        return self.mix(image, self.draw())

    def draw(self) -> Plan:
        """A mix, drawn from numpy's global generator in one call."""
        fraction = iter(np.random.random(DRAWS * (1 + self.k)).tolist()).__next__
        first = self._step(fraction) if fraction() < 0.5 else None
        picture = Draw(fraction(), fraction(), fraction())
        rounds = tuple(self._round(fraction) for _ in range(int(fraction() * (self.k + 1))))
        return Plan(first, rounds, picture)

    def _step(self, fraction: Callable[[], float]) -> Step:
        operation = NAMES[int(fraction() * len(NAMES))]
        return Step(operation, LEAST_LEVEL + fraction() * (self.severity - LEAST_LEVEL), fraction() > 0.5)

    def _round(self, fraction: Callable[[], float]) -> Round:
        step = self._step(fraction) if fraction() < 0.5 else None
        product, within = fraction() < 0.5, fraction() < 0.5
        # a power 1 / beta of a fraction has the distribution Beta(beta, 1), and its difference to 1 Beta(1, beta)
        a, b = fraction() ** (1 / self.beta), 1 - fraction() ** (1 / self.beta)
        return Round(step, product, a, b) if within else Round(step, product, 2 - a, -b)

    def mix(self, image: Image.Image, plan: Plan) -> Image.Image:
        """The mix of an image by a plan.

        Raises:
            ValueError: the image has another size than the pictures' windows, or is not RGB.
        """
        size = self.pictures.size
        if image.size != (size, size) or image.mode != "RGB":
            raise ValueError(f"images must be RGB with {size} x {size} px, not {image.mode} with {image.size}")
        start = image if plan.first is None else changed(image, plan.first)
        if not plan.rounds:
            return start
        pixels_HW3 = np.asarray(start)
        mixed_N = scratch("pixmix_mixed", (pixels_HW3.size,), np.float32)
        _begin(pixels_HW3.reshape(-1), mixed_N)
        for step, product, a, b in plan.rounds:
            other_HW3 = self.pictures.crop(plan.picture) if step is None else np.asarray(changed(image, step))
            if product:
                _multiply(mixed_N, np.float32(a), other_HW3.reshape(-1), _powers(a, b))
            else:
                _add(mixed_N, np.float32(a), other_HW3.reshape(-1), np.float32(b))
        mixed_HW3 = np.empty_like(pixels_HW3)
        _round_off(mixed_N, mixed_HW3.reshape(-1))
        return Image.fromarray(mixed_HW3)


def _powers(a: float, b: float) -> Float32Array:
    """The factor for each level that is mixed in: 2 to the power of a - 1, times twice the level to the power of b."""
    powers_256: Float32Array = (2 ** (a - 1) * np.maximum(2.0 * LEVELS, LEAST_BASE) ** b).astype(np.float32)
    return powers_256


@kernel
def _begin(values_N: UInt8Array, mixed_N: Float32Array) -> None:
    scale = np.float32(1 / 255)
    for i in range(np.uint64(values_N.size)):
        mixed_N[i] = np.float32(np.int32(values_N[i])) * scale


@kernel
def _add(mixed_N: Float32Array, a: np.float32, values_N: UInt8Array, b: np.float32) -> None:
    zero, one = np.float32(0), np.float32(1)
    scale, shift = b * np.float32(1 / 255), np.float32(0.5) * (one - a - b)
    for i in range(np.uint64(values_N.size)):
        level = a * mixed_N[i] + scale * np.float32(np.int32(values_N[i])) + shift
        mixed_N[i] = min(max(level, zero), one)


@kernel
def _multiply(mixed_N: Float32Array, a: np.float32, values_N: UInt8Array, powers_256: Float32Array) -> None:
    one, size = np.float32(1), np.uint64(values_N.size)
    for i in range(size):
        mixed_N[i] = _power(mixed_N[i], a)
    for i in range(size):  # a loop of its own: with a look-up in it, the powers would not become vector code
        mixed_N[i] = min(mixed_N[i] * powers_256[values_N[i]], one)


@kernel
def _power(base: np.float32, power: np.float32) -> np.float32:
    """A number of 0 to 1 to a power of 0 to 2; the relative error is at most 2e-6 where the result is over 1e-6.

    The base is 2^exponent (1 + x) with 1 + x around 1. The logarithm of 1 + x and the power of 2 are polynomials,
    fitted at Chebyshev's points. Library functions would not become vector code, and take ten times as long.
    """
    bits = np.float32(base).view(np.int32)
    exponent = shr(sub(bits, SQRT_HALF), MANTISSA)
    x = np.int32(sub(bits, shl(exponent, MANTISSA))).view(np.float32) - np.float32(1)
    log = np.float32(0.232652579) - np.float32(0.142759734) * x
    log = log * x - np.float32(0.249271822)
    log = log * x + np.float32(0.287288882)
    log = log * x - np.float32(0.360225182)
    log = log * x + np.float32(0.480916708)
    log = log * x - np.float32(0.721352931)
    log = log * x + np.float32(1.44269499)
    total = max(power * (np.float32(exponent) + log * x), np.float32(-126))
    biased = np.int32(total + np.float32(127.5))
    rest = total - (np.float32(biased) - np.float32(127))
    value = np.float32(0.00967603192) + np.float32(0.00133908634) * rest
    value = value * rest + np.float32(0.0555035711)
    value = value * rest + np.float32(0.240221075)
    value = value * rest + np.float32(0.693147188)
    value = value * rest + np.float32(1)
    result: np.float32 = value * np.int32(shl(biased, MANTISSA)).view(np.float32)
    return result if (base > np.float32(LEAST_BASE)) & (total > np.float32(-126)) else np.float32(0)


@kernel
def _round_off(mixed_N: Float32Array, values_N: UInt8Array) -> None:
    for i in range(np.uint64(values_N.size)):
        values_N[i] = np.uint8(np.int32(mixed_N[i] * np.float32(255) + np.float32(0.5)))


def augment(*, size: int, k: int, beta: float, aug_severity: int, pictures: int, mixing_set: str) -> PixMix:
    """PixMix for images of `size` px.

    Args:
        size: side in px.
        k: most rounds.
        beta: of the Beta distributions; the larger, the weaker is the mixing.
        aug_severity: greatest level of an operation, 1 to 10.
        pictures: fractals to mix with.
        mixing_set: a folder of pictures to mix with instead; empty for fractals.

    Raises:
        ValueError: a setting is out of range.
        UserError: the folder is missing, or holds no images.
    """
    if k < 0 or pictures < 1:
        raise ValueError(f"k must be at least 0 and pictures at least 1, not {k} and {pictures}")
    if not 0 < beta < math.inf:
        raise ValueError(f"beta must be over 0 and finite, not {beta}")
    if not 1 <= aug_severity <= MOST_LEVEL:
        raise ValueError(f"aug_severity must be 1 to {MOST_LEVEL}, not {aug_severity}")
    return PixMix(k, beta, aug_severity, Pictures(size, pictures, files_in(mixing_set) if mixing_set else ()))


RECIPE = Recipe(
    name="pixmix",
    title="PixMix",
    source="https://arxiv.org/abs/2112.05135",
    augment=augment,
    pictures=("mixing_set",),
    settings=MappingProxyType({"k": 4, "beta": 4.0, "aug_severity": 1, "pictures": 300, "mixing_set": ""}),
    regimen=MappingProxyType({"": {"epochs": 90}, "resnet": {"label_smoothing": 0.0}}),
    overlaps=(),  # the nine operations, the fractals and the sums and products of images are no test corruptions
    expected="ResNet-50, published weights: 78.1 % top-1, mCE 62.3 (others; their command has four more operations)",
)
