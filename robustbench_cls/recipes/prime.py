"""PRIME draft."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import Float32Array, UInt8Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.scratch import scratch
from robustbench_cls.recipes.prime_colours import LEVELS, Colours
from robustbench_cls.recipes.prime_diffeomorphism import LOWEST_CUT, Diffeomorphism
from robustbench_cls.recipes.prime_filter import Filter

MOST_DEPTH = 3
"""Primitives of the longest chain, where the length is drawn."""

Primitive: TypeAlias = Colours | Filter | Diffeomorphism


class Plan(NamedTuple):
    """What an image is mixed of."""

    chains: tuple[tuple[Primitive, ...], ...]
    """Primitives one after the other, several times."""
    shares: tuple[float, ...]
    """Weights of the chains' results, with a sum of 1."""
    mixed: float
    """Weight of the chains' mixture against the image itself."""


@dataclass(frozen=True)
class Prime:
    """Mixes an image with what chains of random primitives make of it.

    Attributes:
        size: side of the images in px.
        width: chains of a mix.
        depth: primitives of a chain; 0 or less for 1 to 3, drawn.
        colour_frequencies, colour_bandwidth, colour_strength: see `Colours.draw`.
        filter_side, filter_strength: see `Filter.draw`.
        diffeo_frequencies, diffeo_strength: see `Diffeomorphism.draw`.
    """

    size: int
    width: int
    depth: int
    colour_frequencies: int
    colour_bandwidth: int
    colour_strength: float
    filter_side: int
    filter_strength: float
    diffeo_frequencies: int
    diffeo_strength: float

    def __call__(self, image: Image.Image) -> Image.Image:
        """A mix of the image."""
        return Image.fromarray(self.mix(np.asarray(image), self.draw()))

    def draw(self) -> Plan:
        """A mix, drawn from numpy's global generator."""
        shares = tuple(np.random.dirichlet(np.ones(self.width)).tolist())
        mixed = np.random.random()  # Beta(1, 1)
        return Plan(tuple(self._chain() for _ in range(self.width)), shares, mixed)

    def _chain(self) -> tuple[Primitive, ...]:
        depth = self.depth if self.depth > 0 else np.random.randint(1, MOST_DEPTH + 1)
        return tuple(self._primitive(np.random.randint(3)) for _ in range(depth))

    def _primitive(self, number: int) -> Primitive:
        if number == 0:
            return Diffeomorphism.draw(self.size, self.diffeo_frequencies, self.diffeo_strength)
        if number == 1:
            return Colours.draw(self.colour_frequencies, self.colour_bandwidth, self.colour_strength)
        return Filter.draw(self.filter_side, self.filter_strength)

    def mix(self, image_HW3: UInt8Array, plan: Plan) -> UInt8Array:
        """The mix of a square image by a plan."""
        shape = 3, *image_HW3.shape[:2]
        values_N3, mixed_HW3 = image_HW3.reshape(-1), np.empty_like(image_HW3)
        planes_3HW = scratch("prime_planes", shape, np.float32)
        look_up(values_N3, LEVELS, planes_3HW)
        layers_K3HW = scratch("prime_layers", (len(plan.chains), *shape), np.float32)
        for chain, layer_3HW in zip(plan.chains, layers_K3HW, strict=True):
            _apply(chain, values_N3, planes_3HW, layer_3HW)
        weights_K = np.array([plan.mixed * share for share in plan.shares], np.float32)
        _blend(planes_3HW, np.float32(1 - plan.mixed), layers_K3HW, weights_K, mixed_HW3.reshape(-1))
        return mixed_HW3


def _apply(
    chain: tuple[Primitive, ...], values_N3: UInt8Array, planes_3HW: Float32Array, out_3HW: Float32Array
) -> None:
    """Write what a chain makes of an image, which is given as values and as planes of 0..1.

    The curves that a chain begins with are joined to one table.
    """
    table_3L, rest = LEVELS, list(chain)
    while rest and isinstance(rest[0], Colours):
        joined_3L = np.empty_like(LEVELS)
        rest.pop(0).apply(table_3L, joined_3L)
        table_3L = joined_3L
    turns = sum(not isinstance(primitive, Colours) for primitive in rest)
    pair = scratch("prime_spare", out_3HW.shape, np.float32), out_3HW  # written to in turns, and last to the second
    if table_3L is not LEVELS:
        turns += 1
        look_up(values_N3, table_3L, pair[turns % 2])
        planes_3HW, turns = pair[turns % 2], turns - 1
    for primitive in rest:
        if isinstance(primitive, Colours):
            primitive.apply(planes_3HW, planes_3HW)
        else:
            primitive.apply(planes_3HW, pair[turns % 2])
            planes_3HW, turns = pair[turns % 2], turns - 1


@kernel
def look_up(values_N3: UInt8Array, table_3L: Float32Array, planes_3HW: Float32Array) -> None:
    """Write the planes of an image, each value looked up in the table of its channel."""
    table, planes, size = table_3L.reshape(-1), planes_3HW.reshape(-1), np.uint64(values_N3.size // 3)
    green, blue, three = np.uint64(256), np.uint64(512), np.uint64(3)
    for i in range(size):
        at = three * i
        planes[i] = table[values_N3[at]]
        planes[size + i] = table[green + np.uint64(values_N3[at + np.uint64(1)])]
        planes[size + size + i] = table[blue + np.uint64(values_N3[at + np.uint64(2)])]


@kernel
def _blend(
    planes_3HW: Float32Array, share: np.float32, layers_K3HW: Float32Array, weights_K: Float32Array, values_N3: UInt8Array
) -> None:
    planes, layers, size = planes_3HW.reshape(-1), layers_K3HW.reshape(-1), np.uint64(values_N3.size // 3)
    row, three = np.uint64(planes_3HW.shape[2]), np.uint64(3)
    scale, half = np.float32(255), np.float32(0.5)
    sums_W = np.empty(planes_3HW.shape[2], np.float32)
    for channel in range(three):
        for first in range(np.uint64(0), size, row):
            start = channel * size + first
            for x in range(row):
                sums_W[x] = share * planes[start + x]
            for k in range(np.uint64(weights_K.size)):
                weight, layer = weights_K[k], k * three * size + start
                for x in range(row):
                    sums_W[x] += weight * layers[layer + x]
            to = three * first + channel
            for x in range(row):
                values_N3[to + three * x] = np.uint8(np.int32(sums_W[x] * scale + half))


def augment(
    *,
    size: int,
    width: int,
    depth: int,
    colour_frequencies: int,
    colour_bandwidth: int,
    colour_strength: float,
    filter_side: int,
    filter_strength: float,
    diffeo_frequencies: int,
    diffeo_strength: float,
) -> Prime:
    return Prime(
        size,
        width,
        depth,
        colour_frequencies,
        colour_bandwidth,
        colour_strength,
        filter_side,
        filter_strength,
        diffeo_frequencies,
        diffeo_strength,
    )


SETTINGS = MappingProxyType(
    {
        "width": 3,
        "depth": -1,
        "colour_frequencies": 500,
        "colour_bandwidth": 20,
        "colour_strength": 0.05,
        "filter_side": 3,
        "filter_strength": 4.0,
        "diffeo_frequencies": 500,
        "diffeo_strength": 1.0,
    }
)
