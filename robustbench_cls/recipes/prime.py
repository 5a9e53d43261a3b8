"""PRIME: an image mixed with several chains of random filters, colour curves and diffeomorphisms.

    robust train --recipe prime --model resnet50

DOC
"""

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import Float32Array, UInt8Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.scratch import scratch
from robustbench_cls.recipes.prime_colours import Colours
from robustbench_cls.recipes.prime_diffeomorphism import LOWEST_CUT, SMALLEST, Diffeomorphism
from robustbench_cls.recipes.prime_filter import Filter

MOST_DEPTH = 3
"""Primitives of the longest chain, where the length is drawn."""

LEVELS: Float32Array = np.tile(np.arange(256, dtype=np.float32) / np.float32(255), (3, 1))
"""The table of each channel that changes nothing: 256 levels of 0..1."""

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
        colours: the settings of `Colours.draw`.
        filters: those of `Filter.draw`.
        diffeomorphisms: those of `Diffeomorphism.draw` behind the size.
    """

    size: int
    width: int
    depth: int
    colours: tuple[int, int, float]
    filters: tuple[int, float]
    diffeomorphisms: tuple[int, float]

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
            return Diffeomorphism.draw(self.size, *self.diffeomorphisms)
        if number == 1:
            return Colours.draw(*self.colours)
        return Filter.draw(*self.filters)

    def mix(self, image_HW3: UInt8Array, plan: Plan) -> UInt8Array:
        """The mix of a square image by a plan."""
        shape = 3, *image_HW3.shape[:2]
        values_N3, mixed_HW3 = image_HW3.reshape(-1), np.empty_like(image_HW3)
        planes_3HW = scratch("prime_planes", shape, np.float32)
        _look_up(values_N3, LEVELS, planes_3HW)
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
        _look_up(values_N3, table_3L, pair[turns % 2])
        planes_3HW, turns = pair[turns % 2], turns - 1
    for primitive in rest:
        if isinstance(primitive, Colours):
            primitive.apply(planes_3HW, planes_3HW)
        else:
            primitive.apply(planes_3HW, pair[turns % 2])
            planes_3HW, turns = pair[turns % 2], turns - 1


@kernel
def _look_up(values_N3: UInt8Array, table_3L: Float32Array, planes_3HW: Float32Array) -> None:
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
    planes_3HW: Float32Array,
    share: np.float32,
    layers_K3HW: Float32Array,
    weights_K: Float32Array,
    values_N3: UInt8Array,
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
    colour_cut: int,
    colour_bandwidth: int,
    colour_variance: float,
    filter_side: int,
    filter_deviation: float,
    diffeo_cut: int,
    diffeo_temperature: float,
) -> Prime:
    """PRIME for square images of `size` px.

    Args:
        size: side of the images in px.
        width, depth: see `Prime`.
        colour_cut, colour_bandwidth, colour_variance: see `Colours.draw`.
        filter_side, filter_deviation: see `Filter.draw`.
        diffeo_cut, diffeo_temperature: see `Diffeomorphism.draw`.

    Raises:
        ValueError: a setting is out of range.
    """
    least = {
        "size": (size, SMALLEST),
        "width": (width, 1),
        "colour_cut": (colour_cut, 1),
        "colour_bandwidth": (colour_bandwidth, 0),
        "colour_variance": (colour_variance, 0),
        "filter_side": (filter_side, 1),
        "filter_deviation": (filter_deviation, 0),
        "diffeo_cut": (diffeo_cut, LOWEST_CUT + 1),
        "diffeo_temperature": (diffeo_temperature, 0),
    }
    for name, (value, bound) in least.items():
        if not bound <= value < math.inf:
            raise ValueError(f"{name} must be at least {bound} and finite, not {value}")
    if filter_side % 2 == 0:
        raise ValueError(f"filter_side must be odd, not {filter_side}")
    return Prime(
        size,
        width,
        depth,
        (colour_cut, colour_bandwidth, colour_variance),
        (filter_side, filter_deviation),
        (diffeo_cut, diffeo_temperature),
    )


RECIPE = Recipe(
    name="prime",
    title="PRIME",
    source="https://arxiv.org/abs/2112.13547",
    augment=augment,
    settings=MappingProxyType(
        {
            "width": 3,
            "depth": -1,
            "colour_cut": 500,
            "colour_bandwidth": 20,
            "colour_variance": 0.05,
            "filter_side": 3,
            "filter_deviation": 4.0,
            "diffeo_cut": 500,
            "diffeo_temperature": 1.0,
        }
    ),
    regimen=MappingProxyType(
        {
            "": {"epochs": 100, "label_smoothing": 0.0},
            "resnet": {"schedule": "one-cycle", "lr": 0.2, "lr_batch_size": 512, "batch_size": 512},
        }
    ),
    overlaps=(
        "brightness",
        "contrast",
        "defocus_blur",
        "elastic_transform",
        "gaussian_blur",
        "glass_blur",
        "saturate",
    ),
    expected="ResNet-50, 100 epochs from published weights: 77.0 % top-1, mCE 57.5",
)
