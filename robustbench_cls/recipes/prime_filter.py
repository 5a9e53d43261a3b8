"""PRIME's filters: an image is convolved with a small kernel of normal numbers, plus one at its centre.

All channels have the same kernel. Pixels outside the image count as 0, and results are clipped to 0..1.

Source: Modas et al. 2022, arXiv:2112.13547, random filters; `utils/rand_filter.py` of amodas/PRIME-augmentations. That
code adds the one at place ceil(K / 2) of K, which is a pixel to the lower right of the centre, so that its filter
without noise moves the image by a pixel. The paper's leaves the image as it is, as here.
"""

from dataclasses import dataclass

import numpy as np

from robustbench_cls.core.arrays import Float32Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.scratch import scratch


@dataclass(frozen=True)
class Filter:
    """A kernel.

    Attributes:
        weights_KK: factor of each neighbour; the first row stands for the pixels above.
    """

    weights_KK: Float32Array

    @classmethod
    def draw(cls, side: int, strength: float) -> "Filter":
        """Draw a kernel from numpy's global generator.

        Args:
            side: of the kernel, an odd number.
            strength: greatest standard deviation of a weight; that of this kernel is uniform from 0 on.
        """
        deviation = strength * np.random.random()
        weights_KK = (np.random.standard_normal((side, side)) * deviation).astype(np.float32)
        weights_KK[side // 2, side // 2] += 1
        return cls(weights_KK)

    def apply(self, planes_3HW: Float32Array, out_3HW: Float32Array) -> None:
        """Write the filtered channels; `out_3HW` is other memory than `planes_3HW`."""
        _filter(planes_3HW, self.weights_KK, scratch("prime_row", (planes_3HW.shape[2],), np.float32), out_3HW)


@kernel
def _filter(planes_3HW: Float32Array, weights_KK: Float32Array, row_W: Float32Array, out_3HW: Float32Array) -> None:
    zero, one = np.float32(0), np.float32(1)
    # flat arrays and places in them: a view for each row takes longer than the loop over it
    values, weights, out = planes_3HW.reshape(-1), weights_KK.reshape(-1), out_3HW.reshape(-1)
    height, width, side = planes_3HW.shape[1], planes_3HW.shape[2], weights_KK.shape[0]
    reach = side // 2
    for line in range(3 * height):
        y, start = line % height, np.uint64(line * width)
        for x in range(width):
            row_W[x] = zero
        for down in range(max(-reach, -y), min(reach, height - 1 - y) + 1):
            for right in range(max(-reach, 1 - width), min(reach, width - 1) + 1):
                weight = weights[(down + reach) * side + right + reach]
                first, last = np.uint64(max(0, -right)), np.uint64(min(width, width - right))
                source = np.uint64((line + down) * width + right) + first
                for x in range(last - first):
                    row_W[first + x] += weight * values[source + x]
        for x in range(np.uint64(width)):
            out[start + x] = min(max(row_W[x], zero), one)
