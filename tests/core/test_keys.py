import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robustbench_cls.core.keys import Key, keyed_subset


def test_a_key_is_a_pure_function_of_its_parts() -> None:
    assert Key.of("a", 1) == Key.of("a", "1")
    assert Key.of("a", 1) != Key.of("a1")
    assert Key.of("ab", "c") != Key.of("a", "bc")


def test_golden_draws() -> None:
    """Another implementation must reproduce these: BLAKE2b-128, then Philox with counter 0."""
    key = Key.of("corruption", 0, "n01440764/1.jpg", "fog", 3)
    assert key.digest.hex() == "ad7bcd1f640b0a01e9e45e59ffaf3349"
    assert key.generator().integers(0, 1000, 4).tolist() == [341, 75, 691, 643]


def test_two_generators_of_a_key_are_apart_and_alike() -> None:
    key = Key.of("x")
    first, second = key.generator(), key.generator()
    assert np.array_equal(first.random(5), second.random(5))


@given(st.sets(st.text(min_size=1, max_size=8), min_size=2, max_size=40), st.integers(1, 40), st.integers(0, 3))
def test_a_subset_depends_on_ids_alone(ids: set[str], limit: int, seed: int) -> None:
    ordered = sorted(ids)
    chosen = {ordered[i] for i in keyed_subset(ordered, limit, seed)}
    turned = ordered[::-1]
    assert chosen == {turned[i] for i in keyed_subset(turned, limit, seed)}
    assert len(chosen) == min(limit, len(ids))
    assert chosen <= {ordered[i] for i in keyed_subset(ordered, limit + 1, seed)}


def test_no_limit_keeps_all_in_order() -> None:
    assert keyed_subset(["b", "a", "c"], 0, 0).tolist() == [0, 1, 2]
