"""The ten outlines of the embedded data set, and the share of each pixel that an outline encloses."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Float: TypeAlias = npt.NDArray[np.float64]

SIDE = 64
SUBROWS = 4
"""Scan lines for each row of pixels. Edges are exact along x, and averaged over these lines along y."""


def rotation(angle: float) -> Float:
    """The matrix that turns points_N2 by an angle in radians: points_N2 @ matrix."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def regular(corners: int, radius: float = 1.0) -> Float:
    """The corners of a regular polygon, as points_N2."""
    angles = 2 * np.pi * np.arange(corners) / corners
    points: Float = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points


def _star() -> Float:
    points: Float = regular(10) * np.tile([[1.0], [0.42]], (5, 1))
    return points


def _cross(half: float = 0.3) -> Float:
    quarter = np.array([[half, half], [half, 1.0], [-half, 1.0]])
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    return np.concatenate([quarter, quarter @ turn, quarter @ turn @ turn, quarter @ turn @ turn @ turn])


def _hourglass() -> Float:
    right = np.array([[0.75, -1.0], [0.16, 0.0], [0.75, 1.0]])
    return np.concatenate([right, right[::-1] * [-1.0, 1.0]])


def _arrow() -> Float:
    upper = np.array([[-1.0, 0.26], [0.1, 0.26], [0.1, 0.8], [1.0, 0.0]])
    return np.concatenate([upper, upper[-2::-1] * [1.0, -1.0]])


def _heart() -> Float:
    t = 2 * np.pi * np.arange(40) / 40
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, height + 2.5], axis=1) / 15.5


def _crescent() -> Float:
    tip = np.radians(50.0)
    outer = np.linspace(tip, 2 * np.pi - tip, 28)
    centre = 0.55
    reach = np.hypot(np.cos(tip) - centre, np.sin(tip))
    bend = np.arctan2(np.sin(tip), np.cos(tip) - centre)
    inner = np.linspace(2 * np.pi - bend, bend, 28)[1:-1]
    across = np.concatenate([np.cos(outer), centre + reach * np.cos(inner)]) + 0.3
    return np.stack([across, np.concatenate([np.sin(outer), reach * np.sin(inner)])], axis=1)


OUTLINES: dict[str, tuple[Float, ...]] = {
    "arrow": (_arrow() * 1.1,),
    "circle": (regular(40, 0.84),),
    "crescent": (_crescent() * 1.05,),
    "cross": (_cross() * 1.02,),
    "heart": (_heart() * [0.95, -0.95],),
    "hourglass": (_hourglass(),),
    "ring": (regular(40), regular(40, 0.52)[::-1]),
    "square": (regular(4, 1.2) @ rotation(np.pi / 4),),
    "star": (_star() @ rotation(-np.pi / 2) * 1.15,),
    "triangle": (regular(3, 1.15) @ rotation(-np.pi / 2) + [0.0, 0.2],),
}
"""The outlines of each class, in units of the shape's radius. The outline of a hole runs the other way round."""

CLASSES = tuple(OUTLINES)


def coverage(drawings: Sequence[Sequence[Float]]) -> Float:
    """The share of each pixel that each drawing's outlines (points_N2: x, y in pixels) enclose, KHW in 0..1.

    Where a scan line crosses an edge, all pixels to the right gain or lose one winding, and the crossed pixel a
    part of one. Summed from left to right, that gives the winding number.
    """
    outlines = [points for drawing in drawings for points in drawing]
    layer_E = np.repeat(np.arange(len(drawings)), [sum(map(len, drawing)) for drawing in drawings])
    start_E2 = np.concatenate(outlines)
    end_E2 = np.concatenate([points[_next(len(points))] for points in outlines])
    lines_R = (np.arange(SIDE * SUBROWS) + 0.5) / SUBROWS
    edge, row = np.nonzero((start_E2[:, 1:] <= lines_R) != (end_E2[:, 1:] <= lines_R))
    (x0, y0), (x1, y1) = start_E2[edge].T, end_E2[edge].T
    x = np.clip(x0 + (lines_R[row] - y0) * (x1 - x0) / (y1 - y0), 0, SIDE)
    column = np.floor(x).astype(np.int64)
    sign = np.where(y1 > y0, 1.0, -1.0) / SUBROWS
    cell = (layer_E[edge] * SIDE + row // SUBROWS) * (SIDE + 2) + column
    cells = len(drawings) * SIDE * (SIDE + 2)
    first, rest = sign * (1 - x + column), sign * (x - column)
    step = np.bincount(np.concatenate([cell, cell + 1]), np.concatenate([first, rest]), cells)
    filled_KHW = np.cumsum(step.reshape(-1, SIDE, SIDE + 2), axis=2)[:, :, :SIDE]
    np.abs(filled_KHW, out=filled_KHW)
    return np.minimum(filled_KHW, 1.0, out=filled_KHW)


def _next(count: int) -> npt.NDArray[np.int64]:
    return np.arange(1, count + 1) % count
