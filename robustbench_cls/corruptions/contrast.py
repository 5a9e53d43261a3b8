"""Low contrast: every value moved towards the image's mean of its channel.

With a share p / q of the distance left, N pixels and S the sum of their values, a value v becomes
floor((p v + (q - p) S / N) / q). All of it is whole numbers here, so the result is exact. The code that made the
published files computes the same in double precision. No randomness.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `contrast` of hendrycks/robustness.
"""

import numpy as np

from robustbench_cls.core.corruption import Corruption, UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.kernel import Int32Array, UInt16Array, kernel

SHARE = ((2, 5), (3, 10), (1, 5), (1, 10), (1, 20))
"""What is left of the distance from the mean, as a fraction, by severity."""


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity)


def render(image_HW3: UInt8Image, severity: int) -> UInt8Image:
    """The image with less contrast."""
    p, q = SHARE[severity - 1]
    height, width, _ = image_HW3.shape
    rows_HR = image_HW3.reshape(height, -1)
    sums_R = np.zeros(3 * width, np.int32)
    _sum_columns(rows_HR, sums_R)
    offsets_3 = (q - p) * sums_R.reshape(width, 3).sum(axis=0, dtype=np.int64) // (height * width)
    offsets_R = np.empty((width, 3), np.uint16)
    offsets_R[:] = offsets_3
    flat = np.empty_like(image_HW3)
    _shrink(rows_HR, offsets_R.reshape(-1), np.uint16(p), np.uint32(65536 // q + 1), flat.reshape(height, -1))
    return flat


@kernel
def _sum_columns(rows_HR: UInt8Image, sums_R: Int32Array) -> None:
    for y in range(rows_HR.shape[0]):
        row = rows_HR[y]
        for i in range(row.size):
            sums_R[i] += np.int32(row[i])


@kernel
def _shrink(
    rows_HR: UInt8Image, offsets_R: UInt16Array, share: np.uint16, inverse: np.uint32, flat_HR: UInt8Image
) -> None:
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
)
