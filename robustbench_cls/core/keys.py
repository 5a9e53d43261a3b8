"""Keyed randomness: every random draw is computed from what it is for, and from nothing else.

A key is the BLAKE2b-128 digest of its parts, each written as UTF-8 text and ended by a zero byte. Its
generator is numpy's Philox with that key and counter 0. Nothing reads or changes a global generator, so
the order of images, the batch, the worker and the machine can't matter. With one seeded generator for
all images, each image would depend on all images before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Key:
    """A 128-bit number that stands for one use of randomness."""

    digest: bytes

    @classmethod
    def of(cls, *parts: str | int) -> "Key":
        """The key of these parts; `Key.of(1, "a")` and `Key.of("1", "a")` are the same."""
        text = "".join([f"{part}\0" for part in parts])
        return cls(hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).digest())

    def generator(self) -> np.random.Generator:
        """A fresh generator at the start of this key's stream."""
        return np.random.Generator(np.random.Philox(key=int.from_bytes(self.digest, "little")))

    def integer(self, bits: int = 32) -> int:
        """A number of `bits` bits, for libraries that take a seed."""
        return int.from_bytes(self.digest, "little") & ((1 << bits) - 1)


def keyed_subset(ids: Sequence[str], limit: int, seed: int) -> npt.NDArray[np.int64]:
    """Positions of `limit` images, drawn by their ids, in their original order.

    The draw is the same whatever the order of the images and for every model. A larger limit contains a smaller one.
    `limit` 0, or at least the number of images, keeps them all.
    """
    if limit <= 0 or limit >= len(ids):
        return np.arange(len(ids), dtype=np.int64)
    drawn = sorted(range(len(ids)), key=lambda i: (Key.of("subset", seed, ids[i]).digest, ids[i]))
    return np.array(sorted(drawn[:limit]), dtype=np.int64)
