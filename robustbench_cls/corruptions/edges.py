"""Canny's edges, as OpenCV finds them with its 3 x 3 gradients.

Source: Canny 1986, doi:10.1109/TPAMI.1986.4767851.
"""

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Int32Array
from robustbench_cls.core.kernel import kernel

EDGE_LOW, EDGE_HIGH = 50, 150
"""The least gradient that may belong to an edge, and the least that begins one."""

TANGENT = 13573
"""Tangent of 22.5 degrees, in 32,768ths."""


def find_edges(depth_HW: Int32Array) -> npt.NDArray[np.uint8]:
    """An array with a margin of one place that holds 2 where Canny's filter finds an edge."""
    height, width = depth_HW.shape
    depth = np.empty((height + 2, width + 2), np.int32)
    depth[1:-1, 1:-1] = depth_HW
    depth[[0, -1]] = depth[[1, -2]]
    depth[:, [0, -1]] = depth[:, [1, -2]]
    across_HW, down_HW, steep = np.empty_like(depth_HW), np.empty_like(depth_HW), np.zeros_like(depth)
    _gradients(depth, across_HW, down_HW, steep)
    edges = np.zeros(depth.shape, np.uint8)
    _thin(steep, across_HW, down_HW, edges)
    _link(edges, np.flatnonzero(edges == 1), across_HW.reshape(-1))
    return edges


@kernel
def _gradients(depth: Int32Array, across_HW: Int32Array, down_HW: Int32Array, steep: Int32Array) -> None:
    """Sobel's two gradients, and the sum of their sizes. `depth` and `steep` have a margin of one place."""
    two = np.int32(2)
    height, width = across_HW.shape
    for y in range(height):
        above, here, below = depth[y], depth[y + 1], depth[y + 2]
        across_W, down_W, steep_W = across_HW[y], down_HW[y], steep[y + 1, 1:]
        for x in range(width):
            across_W[x] = (above[x + 2] - above[x]) + (below[x + 2] - below[x]) + two * (here[x + 2] - here[x])
            down_W[x] = (below[x] - above[x]) + (below[x + 2] - above[x + 2]) + two * (below[x + 1] - above[x + 1])
        for x in range(width):
            steep_W[x] = abs(across_W[x]) + abs(down_W[x])


@kernel
def _thin(steep: Int32Array, across_HW: Int32Array, down_HW: Int32Array, edges: npt.NDArray[np.uint8]) -> None:
    """Mark a place 1 (low gradient) or 2 (high) where no neighbour across the edge is steeper; of equals, the first."""
    for y in range(across_HW.shape[0]):
        above, here, below = steep[y], steep[y + 1], steep[y + 2]
        across_W, down_W, edges_W = across_HW[y], down_HW[y], edges[y + 1, 1:]
        for x in range(across_W.size):
            height, left, right, top, bottom = here[x + 1], here[x], here[x + 2], above[x + 1], below[x + 1]
            top_left, top_right, bottom_left, bottom_right = above[x], above[x + 2], below[x], below[x + 2]
            across, down = across_W[x], down_W[x]
            flat, tall = abs(across), abs(down) << np.int32(15)
            border = flat * np.int32(TANGENT)
            falling = (across ^ down) < np.int32(0)
            first = top_right if falling else top_left
            second = bottom_left if falling else bottom_right
            second += np.int32(1)
            upright, level = tall < border, tall > border + (flat << np.int32(16))
            first = top if level else first
            second = bottom if level else second
            first = left if upright else first
            second = right if upright else second
            low = (height > first) & (height >= second) & (height > np.int32(EDGE_LOW))
            edges_W[x] = np.uint8(low) + np.uint8(low & (height > np.int32(EDGE_HIGH)))


@kernel
def _link(edges: npt.NDArray[np.uint8], ones_N: npt.NDArray[np.intp], todo_N: Int32Array) -> None:
    """Turn each 1 that a chain of ones joins to a 2 into a 2; `edges` has a margin of one place."""
    columns = edges.shape[1]
    edges_N = edges.reshape(-1)
    for start in ones_N:
        linked = False
        for y in range(-columns, columns + 1, columns):
            for x in range(-1, 2):
                linked |= edges_N[start + y + x] == 2
        if edges_N[start] != 1 or not linked:
            continue
        edges_N[start] = 2
        todo_N[0] = start
        count = 1
        while count > 0:
            count -= 1
            middle = todo_N[count]
            for y in range(-columns, columns + 1, columns):
                for x in range(-1, 2):
                    if edges_N[middle + y + x] == 1:
                        edges_N[middle + y + x] = 2
                        todo_N[count] = middle + y + x
                        count += 1
