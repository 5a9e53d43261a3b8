"""Random fields: the documented layout, written again in plain Python, and known answers."""

from statistics import NormalDist

import numpy as np
import pytest

from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.streams import fraction, integer, normals, uniform16, uniforms

WORD = 2**64
GAMMA = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB % WORD
    return z ^ z >> 31


def word(key: Key, stream: int, i: int) -> int:
    a, b = int.from_bytes(key.digest[:8], "little"), int.from_bytes(key.digest[8:], "little")
    seed = mix(a ^ mix((b + stream * GAMMA) % WORD))
    return mix((seed + (i + 1) * GAMMA) % WORD)


@pytest.mark.parametrize("stream", [0, 1, 7])
def test_the_layout_is_the_documented_one(stream: int):
    key = Key.of("corruption", 3, "a.png", "fog", 2)
    words = [word(key, stream, i) for i in range(5)]
    values = [w >> 16 * k & 0xFFFF for w in words for k in range(4)]
    np.testing.assert_array_equal(uniform16(key, (2, 3, 3), stream).reshape(-1), values[:18])
    np.testing.assert_array_equal(
        uniforms(key, (3, 6), stream).reshape(-1),
        [np.float32((2 * value + 1 - 65536) / 65536) for value in values[:18]],
    )
    expected = [np.float32(NormalDist().inv_cdf((value + 0.5) / 65536)) for value in values[:18]]
    np.testing.assert_array_equal(normals(key, (18,), stream), np.array(expected, np.float32))
    assert [fraction(key, i, stream) for i in range(5)] == [(w >> 11) / 2**53 for w in words]
    assert [integer(key, i, 10, stream) for i in range(5)] == [int((w >> 11) / 2**53 * 10) for w in words]


def test_splitmix64_known_answers():
    # the first outputs of SplitMix64 from seed 1234567, published with the generator
    state, found = 1234567, []
    for i in range(3):
        found.append(mix((state + (i + 1) * GAMMA) % WORD))
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_streams_and_keys_differ():
    key = Key.of("a")
    fields = [uniform16(key, (100,)), uniform16(key, (100,), 1), uniform16(Key.of("b"), (100,))]
    assert len({field.tobytes() for field in fields}) == 3


def test_a_longer_field_starts_with_the_shorter_one():
    np.testing.assert_array_equal(normals(Key.of("a"), (1001,))[:37], normals(Key.of("a"), (37,)))


def test_uniform_fields_are_flat_and_uncorrelated():
    drawn = uniform16(Key.of("flat"), (2**20,)).astype(float)
    counts = np.bincount((drawn // 256).astype(int), minlength=256)
    chi_square = float(((counts - 4096.0) ** 2 / 4096).sum())
    assert 150 < chi_square < 380  # 255 degrees of freedom: 255 +- 22.6
    centred = drawn - drawn.mean()
    for lag in (1, 2, 3, 4, 672):
        assert abs((centred[:-lag] * centred[lag:]).mean() / centred.var()) < 0.005  # five standard errors
