"""Random fields of a key: the same numbers on every machine, whatever other numbers were drawn before.

The layout, for another implementation. All integers are unsigned, 64 bits and wrap; >> shifts in zeros.

    mix(z):    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;  z = (z ^ z >> 27) * 0x94D049BB133111EB;  z ^ z >> 31
    key:       16 bytes, BLAKE2b-128 of the parts (`core.keys`); a, b = its two halves, little-endian
    stream s:  seed = mix(a ^ mix(b + s * 0x9E3779B97F4A7C15)), s = 0, 1, 2 ...
    word i:    mix(seed + (i + 1) * 0x9E3779B97F4A7C15), i = 0, 1, 2 ...
    uniform16: value 4 i + k of a stream is bits 16 k .. 16 k + 15 of its word i
    normal:    quantile (uniform16 + 0.5) / 65536 of the standard normal distribution, rounded to float32
    uniform:   (2 uniform16 + 1 - 65536) / 65536
    fraction:  word i >> 11, divided by 2^53

The words of a stream are those of SplitMix64 started at its seed. It is a counter-based generator that passes
BigCrush, so any word can be computed without the others. Philox, the alternative, takes about five times as long for
each word. The normal distribution has 65,536 values and ends at 4.33 standard deviations; its variance is 0.99997.

Source: Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators, doi:10.1145/2660193.2660195.
"""

from functools import cache
from math import prod
from statistics import NormalDist

import numpy as np

from robustbench_cls.core.arrays import Float32Array, UInt16Array, UInt64Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.tables import look_up

GAMMA = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
_WORD = (1 << 64) - 1


def uniform16(key: Key, shape: tuple[int, ...], stream: int = 0, *, lasting: bool = True) -> UInt16Array:
    """Integers of equal probability, 0..65535.

    With `lasting` False they lie in memory that the thread's next call overwrites: for fields that are used at once.
    """
    size = prod(shape)
    words = np.empty(-(-size // 4), np.uint64) if lasting else scratch("words", (-(-size // 4),), np.uint64)
    _words(np.uint64(_seed(key, stream)), words)
    return words.astype("<u8", copy=False).view("<u2")[:size].reshape(shape)


def normals(key: Key, shape: tuple[int, ...], stream: int = 0, *, lasting: bool = True) -> Float32Array:
    """Standard normal numbers; `lasting` as for `uniform16`."""
    normal = np.empty(shape, np.float32) if lasting else scratch("normals", shape, np.float32)
    look_up(uniform16(key, shape, stream, lasting=False).reshape(-1), quantiles(), normal.reshape(-1))
    return normal


def uniforms(key: Key, shape: tuple[int, ...], stream: int = 0) -> Float32Array:
    """Numbers of equal probability between -1 and 1."""
    uniform = np.empty(shape, np.float32)
    _spread(uniform16(key, shape, stream, lasting=False).reshape(-1), uniform.reshape(-1))
    return uniform


def fraction(key: Key, index: int, stream: int = 0) -> float:
    """One number with 0 <= x < 1, for something that is drawn once for each image."""
    return float(_mix(_seed(key, stream) + (index + 1) * GAMMA) >> 11) / float(1 << 53)


def integer(key: Key, index: int, count: int, stream: int = 0) -> int:
    """One of the integers 0 .. count - 1: `fraction` times `count`, rounded down."""
    return int(fraction(key, index, stream) * count)


def _mix(z: int) -> int:
    z &= _WORD
    z = ((z ^ (z >> 30)) * MIX_1) & _WORD
    z = ((z ^ (z >> 27)) * MIX_2) & _WORD
    return z ^ (z >> 31)


def _seed(key: Key, stream: int) -> int:
    words = int.from_bytes(key.digest, "little")
    return _mix((words & _WORD) ^ _mix((words >> 64) + stream * GAMMA))


@kernel
def _words(seed: np.uint64, words_W: UInt64Array) -> None:
    counter = seed
    for i in range(words_W.size):
        counter = counter + np.uint64(GAMMA)  # adding takes half the time of multiplying by i + 1
        z = (counter ^ (counter >> np.uint64(30))) * np.uint64(MIX_1)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX_2)
        words_W[i] = z ^ (z >> np.uint64(31))


@kernel
def _spread(uniform_N: UInt16Array, spread_N: Float32Array) -> None:
    for i in range(spread_N.size):
        spread_N[i] = np.float32(np.int32(uniform_N[i]) * np.int32(2) - np.int32(65535)) * np.float32(1 / 65536)


@cache
def quantiles() -> Float32Array:
    """The 65,536 normal numbers in ascending order."""
    half = [NormalDist().inv_cdf((i + 0.5) / 65536) for i in range(32768, 65536)]
    return np.array([-value for value in reversed(half)] + half, np.float32)
