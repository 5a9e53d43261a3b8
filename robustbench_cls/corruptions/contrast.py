"""Low contrast: every value moved towards the image's mean of its channel.

Of each value's distance to the mean a share p / q is left. With N pixels and S the sum of their values, a value v
becomes floor((p v + (q - p) S / N) / q). This module computes in whole numbers, so the result is exact. The code that
made the published files computes the same in double precision. No randomness.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `contrast` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import Int32Array, Int64Array, UInt8Image, UInt16Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch

SHARE = ((2, 5), (3, 10), (1, 5), (1, 10), (1, 20))
"""Share of the distance from the mean that is left, as a fraction p, q, by severity."""

CIFAR = ((3, 4), (1, 2), (2, 5), (3, 10), (3, 20))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[tuple[int, int]] = SHARE) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[tuple[int, int]] = SHARE) -> UInt8Image:
    """The image with less contrast."""
    p, q = constants[severity - 1]
    height, width, _ = image_HW3.shape
    rows_HR = image_HW3.reshape(height, -1)
    sums_R, totals_3 = scratch("contrast_sums", (3 * width,), np.int32), np.zeros(3, np.int64)
    _sum(rows_HR, sums_R, totals_3)
    offsets_3 = ((q - p) * totals_3 // (height * width)).astype(np.uint16)
    offsets_R = scratch("contrast_offsets", (3 * width,), np.uint16)
    flat = np.empty_like(image_HW3)
    _shrink(rows_HR, offsets_3, np.uint16(p), np.uint32(65536 // q + 1), offsets_R, flat.reshape(height, -1))
    return flat


@kernel
def _sum(rows_HR: UInt8Image, sums_R: Int32Array, totals_3: Int64Array) -> None:
    for i in range(sums_R.size):
        sums_R[i] = 0
    for y in range(rows_HR.shape[0]):
        row = rows_HR[y]
        for i in range(row.size):
            sums_R[i] += np.int32(row[i])
    for i in range(sums_R.size):
        totals_3[i % 3] += sums_R[i]


@kernel
def _shrink(
    rows_HR: UInt8Image,
    offsets_3: UInt16Array,
    share: np.uint16,
    inverse: np.uint32,
    offsets_R: UInt16Array,
    flat_HR: UInt8Image,
) -> None:
    for i in range(offsets_R.size):
        offsets_R[i] = offsets_3[i % 3]
    for y in range(rows_HR.shape[0]):
        row = rows_HR[y]
        out = flat_HR[y]
        for i in range(row.size):
            times_q = np.uint16(np.uint16(np.uint16(row[i]) * share) + offsets_R[i])
            # rounds down exactly, as the error of the inverse adds up to less than 1 / q
            out[i] = np.uint8(np.uint32(np.uint32(times_q) * inverse) >> np.uint32(16))


CORRUPTION = Corruption(
    name="contrast",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "5b6afbb39c986112", "cifar": "5843e039ab42cab1"}),
)
