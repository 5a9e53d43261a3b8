"""The lossy part of JPEG: cosine transform, rounding to multiples of a step for each frequency, inverse transform.

The whole numbers are those of libjpeg-turbo's `islow` transforms: factors in 1/8192, and two bits more than the pixels
have between the passes. Each pass is the same over rows and over columns, because it writes what it computes
transposed.

The pixels of 32 blocks are computed side by side, as lanes: `lanes[place][block]` in 16 bits. A place is row times 8
plus column, or the other way round after a pass. The products need 32 bits. Their factors are written as positive
numbers, and subtracted where that is meant: a positive factor of 15 bits is what LLVM needs to take the processor's
16-bit products.

Source: ITU-T T.81; Loeffler, Ligtenberg and Moschytz 1989, doi:10.1109/ICASSP.1989.266596; libjpeg-turbo
(`jfdctint`, `jidctint`).
"""

import numpy as np

from robustbench_cls.core.arrays import Int16Array, Int64Array, UInt16Array, UInt64Array
from robustbench_cls.core.kernel import add, high, kernel, mul, shl, shr, sub
from robustbench_cls.core.scratch import scratch

LANES = 32
"""Blocks that are computed at once: 16-bit numbers of a 512-bit register."""

EIGHT, BYTE = np.uint64(8), np.uint64(255)
"""Places are uint64 in the kernels: a number without a sign can't be negative, so numba leaves out the test of it."""

R1, R2, R3, R4, R5, R6, R7, R8 = (np.uint64(LANES * k) for k in range(1, 9))
"""Places from a lane to the lanes of the 1st, 2nd ... next number of its row ..."""

C1, C2, C3, C4, C5, C6, C7 = (np.uint64(LANES * 8 * k) for k in range(1, 8))
"""... and to those of the same number in the 1st, 2nd ... next row."""

FIRST_FORWARD, LAST_FORWARD, FIRST_BACK, LAST_BACK = 11, 15, 11, 18
"""Bits that each pass takes off: those of the factors, and two more or fewer, and in the last one 3, for 1/8."""


def divisors(steps_64: Int64Array) -> UInt16Array:
    """For each step: itself, half of what coefficients are divided by, and that division as a product and a shift.

    Coefficients are eight times too large, so the divisor is 8 times the step. n // divisor is
    (n * factor >> 16) >> shift for n up to 32767.
    """
    shifts_64 = np.array([(8 * int(step) - 1).bit_length() - 1 for step in steps_64])
    factors_64 = -(-(1 << 16 + shifts_64) // (8 * steps_64))
    return np.array([steps_64, 4 * steps_64, factors_64, shifts_64], np.uint16)


def through_steps(words_8N: UInt64Array, divisors_464: UInt16Array) -> None:
    """Replace the pixels of blocks by what their rounded frequencies give. N is a multiple of `LANES`."""
    lanes, others = scratch("jpeg_lanes", (64 * LANES,), np.int16), scratch("jpeg_others", (64 * LANES,), np.int16)
    _transform(words_8N.reshape(-1), divisors_464, lanes, others)


@kernel
def _transform(words_N: UInt64Array, divisors_464: UInt16Array, lanes: Int16Array, others: Int16Array) -> None:
    pitch = np.uint64(words_N.size) // EIGHT
    for group in range(pitch // R1):
        _load(words_N, group * R1, pitch, lanes)
        _forward(lanes, others, FIRST_FORWARD)
        _forward(others, lanes, LAST_FORWARD)
        _round(lanes, divisors_464, others)
        _back(others, lanes, FIRST_BACK)
        _back(lanes, others, LAST_BACK)
        _store(others, words_N, group * R1, pitch)


@kernel
def _load(words_N: UInt64Array, start: np.uint64, pitch: np.uint64, lanes: Int16Array) -> None:
    """Read pixels, less 128. A row of the lanes is a column of the block."""
    for v in range(EIGHT):
        for i in range(R1):
            word = words_N[start + v * pitch + i]
            for u in range(EIGHT):
                lanes[u * R8 + v * R1 + i] = sub(np.int16(word >> (EIGHT * u) & BYTE), 128)


@kernel
def _forward(lanes: Int16Array, transposed: Int16Array, bits: int) -> None:
    half, shift = np.int32(1 << (bits - 1)), np.int32(bits)
    for j in range(EIGHT):
        for i in range(R1):
            p, q = j * R1 + i, j * R8 + i
            x0, x1, x2, x3 = lanes[p], lanes[p + C1], lanes[p + C2], lanes[p + C3]
            x4, x5, x6, x7 = lanes[p + C4], lanes[p + C5], lanes[p + C6], lanes[p + C7]
            sum0, sum1, sum2, sum3 = add(x0, x7), add(x1, x6), add(x2, x5), add(x3, x4)
            outer, inner = add(sum0, sum3), add(sum1, sum2)
            outer_rise, inner_rise = np.int32(sub(sum0, sum3)), np.int32(sub(sum1, sum2))
            transposed[q] = np.int16(shr(add(shl(np.int32(add(outer, inner)), 13), half), shift))
            transposed[q + R4] = np.int16(shr(add(shl(np.int32(sub(outer, inner)), 13), half), shift))
            second = add(add(mul(inner_rise, 4433), mul(outer_rise, 10703)), half)
            sixth = sub(add(mul(outer_rise, 4433), half), mul(inner_rise, 10704))
            transposed[q + R2] = np.int16(shr(second, shift))
            transposed[q + R6] = np.int16(shr(sixth, shift))
            rise0, rise1, fall2, fall3 = sub(x0, x7), sub(x1, x6), sub(x5, x2), sub(x4, x3)
            odd, even = np.int32(sub(rise1, fall3)), np.int32(sub(rise0, fall2))
            d0, d1, d2, d3 = np.int32(rise0), np.int32(rise1), np.int32(fall2), np.int32(fall3)
            steep = sub(add(mul(even, 9633), half), mul(odd, 6436))
            flat = add(add(mul(odd, 9633), half), mul(even, 6437))
            transposed[q + R1] = np.int16(shr(add(add(flat, mul(d0, 4926)), mul(d3, 7373)), shift))
            transposed[q + R3] = np.int16(shr(add(add(steep, mul(d1, 4177)), mul(d2, 20995)), shift))
            transposed[q + R5] = np.int16(shr(sub(add(flat, mul(d2, 4176)), mul(d1, 20995)), shift))
            transposed[q + R7] = np.int16(shr(sub(add(steep, mul(d3, 4927)), mul(d0, 7373)), shift))


@kernel
def _round(lanes: Int16Array, divisors_464: UInt16Array, transposed: Int16Array) -> None:
    """Round to whole steps. A row of the result is a row of the block."""
    for u in range(EIGHT):
        for v in range(EIGHT):
            k = v * EIGHT + u
            step, half = np.int16(divisors_464[0, k]), divisors_464[1, k]
            factor, shift = divisors_464[2, k], divisors_464[3, k]
            for i in range(R1):
                coefficient = lanes[u * R8 + v * R1 + i]
                steps = shr(high(add(np.uint16(abs(coefficient)), half), factor), shift)
                size = mul(np.int16(steps), step)
                transposed[k * R1 + i] = sub(np.int16(0), size) if coefficient < 0 else size


@kernel
def _back(lanes: Int16Array, transposed: Int16Array, bits: int) -> None:
    half, shift = np.int32(1 << (bits - 1)), np.int32(bits)
    for j in range(EIGHT):
        for i in range(R1):
            p, q = j * R1 + i, j * R8 + i
            y1, y3, y5, y7 = lanes[p + C1], lanes[p + C3], lanes[p + C5], lanes[p + C7]
            c0, c2 = np.int32(lanes[p]), np.int32(lanes[p + C2])
            c4, c6 = np.int32(lanes[p + C4]), np.int32(lanes[p + C6])
            outer_rise = add(mul(c2, 10703), mul(c6, 4433))
            inner_rise = sub(mul(c2, 4433), mul(c6, 10704))
            outer, inner = add(shl(add(c0, c4), 13), half), add(shl(sub(c0, c4), 13), half)
            sum0, sum3 = add(outer, outer_rise), sub(outer, outer_rise)
            sum1, sum2 = add(inner, inner_rise), sub(inner, inner_rise)
            odd, even = np.int32(add(y3, y7)), np.int32(add(y1, y5))
            c1, c3, c5, c7 = np.int32(y1), np.int32(y3), np.int32(y5), np.int32(y7)
            steep, flat = sub(mul(even, 9633), mul(odd, 6436)), add(mul(odd, 9633), mul(even, 6437))
            rise0 = sub(add(flat, mul(c1, 4926)), mul(c7, 7373))
            rise1 = sub(add(steep, mul(c3, 4177)), mul(c5, 20995))
            rise2 = sub(sub(flat, mul(c5, 4176)), mul(c3, 20995))
            rise3 = sub(sub(steep, mul(c7, 4927)), mul(c1, 7373))
            transposed[q] = np.int16(shr(add(sum0, rise0), shift))
            transposed[q + R1] = np.int16(shr(add(sum1, rise1), shift))
            transposed[q + R2] = np.int16(shr(add(sum2, rise2), shift))
            transposed[q + R3] = np.int16(shr(add(sum3, rise3), shift))
            transposed[q + R4] = np.int16(shr(sub(sum3, rise3), shift))
            transposed[q + R5] = np.int16(shr(sub(sum2, rise2), shift))
            transposed[q + R6] = np.int16(shr(sub(sum1, rise1), shift))
            transposed[q + R7] = np.int16(shr(sub(sum0, rise0), shift))


@kernel
def _store(lanes: Int16Array, words_N: UInt64Array, start: np.uint64, pitch: np.uint64) -> None:
    """Write pixels, 0..255."""
    for v in range(EIGHT):
        for i in range(R1):
            word = np.uint64(0)
            for u in range(EIGHT):
                level = min(max(lanes[v * R8 + u * R1 + i], np.int16(-128)), np.int16(127))
                word |= np.uint64(np.uint8(add(level, 128))) << (EIGHT * u)
            words_N[start + v * pitch + i] = word
