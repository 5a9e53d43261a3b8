"""Distances to the nearest edge, by the 5 x 5 chamfer as OpenCV computes it.

Source: Borgefors 1986, doi:10.1016/S0734-189X(86)80047-0.
"""

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Int32Array
from robustbench_cls.core.kernel import kernel

FARTHEST = 20
"""Distance from the edge in pixels at which shading ends."""

STEP, DIAGONAL, KNIGHT = 1 << 16, 91750, 143976
"""Lengths 1, 1.4 and 2.1969 of the moves that distances are made of, in 65,536ths of a pixel."""

REACH = 20
"""How far along a row distances travel: first 0 to 4 places, then 0, 5, 10, 15 and 20."""


def distance_to(edges: npt.NDArray[np.uint8]) -> Int32Array:
    """The distance of each place to the nearest 2 in `edges`, in 65,536ths of a pixel, at most FARTHEST px.

    The result has the margin that `edges` has.
    """
    height, width = edges.shape[0] - 2, edges.shape[1] - 2
    distance = np.full((height + 4, width + 4), FARTHEST * STEP, np.int32)
    _start(edges, distance)
    run_2N = np.full((2, width + 2 * REACH), FARTHEST * STEP, np.int32)
    _sweep(distance, 2, 1, run_2N)
    _sweep(distance, height + 1, -1, run_2N)
    return np.ascontiguousarray(distance[1:-1, 1:-1])


@kernel
def _start(edges: npt.NDArray[np.uint8], distance: Int32Array) -> None:
    """Begin with 0 at each edge and the longest distance elsewhere. `distance` has one more place of margin."""
    for y in range(edges.shape[0]):
        edge, row = edges[y], distance[y + 1, 1:]
        for x in range(edge.size):
            row[x] = np.int32(0) if edge[x] == np.uint8(2) else np.int32(FARTHEST * STEP)


@kernel
def _sweep(distance: Int32Array, begin: int, stride: int, run_2N: Int32Array) -> None:
    """From row `begin` on, by `stride`, shorten each distance by the moves from places that were passed before."""
    step, diagonal, knight = np.int32(STEP), np.int32(DIAGONAL), np.int32(KNIGHT)
    width = distance.shape[1] - 4
    direct, nearby = run_2N[0], run_2N[1]
    y = begin
    for _ in range(distance.shape[0] - 4):
        here, above, top = distance[y, 2:], distance[y - stride], distance[y - 2 * stride]
        run = direct[REACH:]
        for x in range(width):
            moves = min(min(top[x + 1], top[x + 3]), min(above[x], above[x + 4])) + knight
            moves = min(min(above[x + 1], above[x + 3]) + diagonal, moves)
            run[x] = min(min(above[x + 2] + step, here[x]), moves)
        _along(direct, stride, step, nearby[REACH:], width)
        _along(nearby, 5 * stride, np.int32(5 * step), here, width)
        y += stride


@kernel
def _along(run_N: Int32Array, places: int, length: np.int32, shorter: Int32Array, width: int) -> None:
    here, first, second = run_N[REACH:], run_N[REACH - places :], run_N[REACH - 2 * places :]
    third, fourth = run_N[REACH - 3 * places :], run_N[REACH - 4 * places :]
    for x in range(width):
        near = min(here[x], min(first[x], second[x] + length) + length)
        far = min(third[x], fourth[x] + length) + np.int32(3) * length
        shorter[x] = min(near, far)
