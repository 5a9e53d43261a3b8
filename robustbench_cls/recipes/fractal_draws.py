"""Random numbers, rotations and palettes of fractals, made of operations that are exact to the last bit everywhere.

These are sums, differences, products, quotients, square roots and comparisons. Sines, logarithms and library functions
that add up many numbers give other last bits on other machines.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from robustbench_cls.core.arrays import Float64Array, UInt8Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key

PALETTE = 256
"""Colours of a palette."""

Matrix: TypeAlias = tuple[float, float, float, float]
"""Of a linear map of the plane, row by row."""

Affine: TypeAlias = tuple[float, float, float, float, float, float]
"""Numbers a to f of the map to (a x + b y + c, d x + e y + f)."""


class Draws:
    """Random draws of a key, one after another."""

    def __init__(self, key: Key) -> None:
        self.fraction: Callable[[], float] = key.generator().random

    def between(self, low: float, high: float) -> float:
        """A number."""
        return low + (high - low) * self.fraction()

    def below(self, count: int) -> int:
        """A whole number from 0 on."""
        return int(count * self.fraction())

    def rotation(self) -> Matrix:
        """A rotation. It is drawn by the tangent of half its angle, so multiples of 90 degrees are half as likely."""
        tangent = self.between(-1, 1)
        square = tangent * tangent
        cosine, sine = (1 - square) / (1 + square), 2 * tangent / (1 + square)
        for _ in range(self.below(4)):
            cosine, sine = -sine, cosine
        return cosine, -sine, sine, cosine

    def affine(self, matrix: Matrix) -> Affine:
        """The linear map and then a move by up to 1 along each axis."""
        a, b, d, e = matrix
        return a, b, self.between(-1, 1), d, e, self.between(-1, 1)

    def palette(self) -> UInt8Array:
        """Colours in a circle: 4 to 8 drawn ones, more bright than dark, and those between them; `PALETTE` x 3."""
        stops = 4 + self.below(5)
        hue, spread = self.fraction(), self.between(0.3, 1)
        colours = [self._colour(hue + spread * self.fraction()) for _ in range(stops)]
        palette_P3 = np.empty((PALETTE, 3), np.uint8)
        _shade(np.array([*colours, colours[0]]), palette_P3)
        return palette_P3

    def _colour(self, hue: float) -> tuple[float, float, float]:
        saturation, darkness = self.between(0.3, 1), self.fraction()
        value, turn = 1 - 0.95 * darkness * darkness, hue % 1 * 6
        red, green, blue = abs(turn - 3) - 1, 2 - abs(turn - 2), 2 - abs(turn - 4)
        grey, rest = value * (1 - saturation), value * saturation
        return grey + rest * _clipped(red), grey + rest * _clipped(green), grey + rest * _clipped(blue)


def scaled(matrix: Matrix, scale: float) -> Matrix:
    """The matrix times a number."""
    a, b, c, d = matrix
    return a * scale, b * scale, c * scale, d * scale


def product(left: Matrix, right: Matrix) -> Matrix:
    """The map that does `right` and then `left`."""
    a, b, c, d = left
    e, f, g, h = right
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 1.0)


@kernel
def _shade(colours_S3: Float64Array, palette_P3: UInt8Array) -> None:
    stops = colours_S3.shape[0] - 1
    for i in range(PALETTE):
        stop, share = i * stops // PALETTE, (i * stops % PALETTE) / PALETTE
        for channel in range(3):
            level = colours_S3[stop, channel] * (1 - share) + colours_S3[stop + 1, channel] * share
            palette_P3[i, channel] = np.uint8(level * 255 + 0.5)
