"""AugMix's nine operations, and a view that is mixed from chains of them.

Four operations change values by a table: autocontrast, equalize, posterize and solarize. The tables of neighbours in a
chain are joined, and no pixel is touched until its value is needed. Five operations move pixels: rotate, shear_x,
shear_y, translate_x and translate_y. All tables map 0 to 0, and what a translation leaves is black, so a translation
needs no values either.

Source: `augmentations.py` of google-research/augmix. The tables are those of Pillow's `ImageOps`.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import Int32Array, UInt8Array, UInt32Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.scratch import scratch
from robustbench_cls.recipes import augmix_affine
from robustbench_cls.recipes.augmix_pixels import blend, counted, look_up, packed, unpacked

MOST_LEVEL = 10
"""An operation's level runs up to here, where its amount is largest and posterize would keep no bit."""

IDENTITY: UInt8Array = np.tile(np.arange(256, dtype=np.uint8), 3)
"""The table that changes nothing."""


class Step(NamedTuple):
    """An operation of a chain."""

    operation: str
    """A key of `OPERATIONS`."""
    level: float
    """Strength, from 0 to under `MOST_LEVEL`; autocontrast and equalize have none."""
    backwards: bool
    """Whether pixels move the other way; the four operations on values have no direction."""


class Plan(NamedTuple):
    """The parts and shares that a view is mixed of."""

    chains: tuple[tuple[Step, ...], ...]
    """Operations one after the other, several times."""
    shares: tuple[float, ...]
    """Weights of the chains' results, with a sum of 1."""
    mixed: float
    """Weight of the chains' mixture against the image itself."""


class Photo:
    """An image of which views are made."""

    def __init__(self, image: Image.Image) -> None:
        self.pixels_HW = packed(image)

    @cached_property
    def counts(self) -> Int32Array:
        """How many pixels have each value."""
        return counted(self.pixels_HW)

    def view(self, plan: Plan) -> Image.Image:
        """The mixture."""
        places = len(plan.chains) + 1
        layers_KHW = scratch("augmix_layers", (places, *self.pixels_HW.shape), np.uint32)
        weights_K = np.zeros(places, np.float32)
        table_T = (1 - plan.mixed) * IDENTITY
        free = list(range(places))
        for steps, share in zip(plan.chains, plan.shares, strict=True):
            layer = Layer(self, layers_KHW, free)
            for step in steps:
                OPERATIONS[step.operation](layer, step)
            if layer.place is None:
                table_T += (plan.mixed * share) * layer.table_T
            else:
                layer.look_values_up()
                weights_K[layer.place] = plan.mixed * share
        out_HW = scratch("augmix_view", self.pixels_HW.shape, np.uint32)
        blend(self.pixels_HW, table_T.astype(np.float32), layers_KHW, weights_K, out_HW)
        return unpacked(out_HW)


class Layer:
    """Pixels of a chain, and a table in which their values are to be looked up.

    Attributes:
        photo: where the chain begins.
        layers_KHW: working images of all chains.
        free: those that no chain uses.
        place: that of this chain; None as long as no pixel was moved or changed.
    """

    def __init__(self, photo: Photo, layers_KHW: UInt32Array, free: list[int]) -> None:
        self.photo, self.layers_KHW, self.free = photo, layers_KHW, free
        self.place: int | None = None
        self.table_T = IDENTITY
        self._counts_T: Int32Array | None = None

    @property
    def pixels(self) -> UInt32Array:
        """The pixels HW, their values not looked up yet."""
        pixels_HW: UInt32Array = self.photo.pixels_HW if self.place is None else self.layers_KHW[self.place]
        return pixels_HW

    @property
    def counts(self) -> Int32Array:
        """How many of these pixels have each value."""
        if self.place is None:
            return self.photo.counts
        if self._counts_T is None:
            self._counts_T = counted(self.pixels)
        return self._counts_T

    def look_values_up(self) -> None:
        """Change the pixels, so that the table changes nothing."""
        if self.table_T is not IDENTITY:
            self.write(look_up, self.table_T)
            self.table_T = IDENTITY

    def write(self, function: Callable[..., None], *arguments: Any) -> None:
        """Replace the pixels by a function of pixels, arguments and the array that it writes."""
        place = self.free.pop()
        function(self.pixels, *arguments, self.layers_KHW[place])
        if self.place is not None:
            self.free.append(self.place)
        self.place, self._counts_T = place, None


def autocontrast(layer: Layer, step: Step) -> None:
    """Stretch each channel's values to 0..255."""
    layer.table_T = layer.table_T.copy()
    _stretch(layer.counts, layer.table_T)


def equalize(layer: Layer, step: Step) -> None:
    """Spread each channel's values so that each range of values has as many pixels."""
    layer.table_T = layer.table_T.copy()
    _spread(layer.counts, layer.table_T)


def posterize(layer: Layer, step: Step) -> None:
    """Keep the 4 to 1 highest bits."""
    layer.table_T = layer.table_T & np.uint8(256 - (1 << (4 + _whole(step.level, 4))))


def solarize(layer: Layer, step: Step) -> None:
    """Invert the values from a threshold on."""
    table_T = layer.table_T
    layer.table_T = np.where(table_T < 256 - _whole(step.level, 256), table_T, 255 - table_T)


def rotate(layer: Layer, step: Step) -> None:
    """Turn by whole degrees, at most 30."""
    if degrees := _whole(step.level, 30):
        layer.look_values_up()
        layer.write(augmix_affine.rotate, -degrees if step.backwards else degrees)


def shear_x(layer: Layer, step: Step) -> None:
    """Move rows by up to 0.3 of their distance from the upper edge."""
    slope = step.level * 0.3 / MOST_LEVEL
    layer.look_values_up()
    layer.write(augmix_affine.shear_x, -slope if step.backwards else slope)


def shear_y(layer: Layer, step: Step) -> None:
    """Move columns by up to 0.3 of their distance from the left edge."""
    slope = step.level * 0.3 / MOST_LEVEL
    layer.look_values_up()
    layer.write(augmix_affine.shear_y, -slope if step.backwards else slope)


def translate_x(layer: Layer, step: Step) -> None:
    """Move to the side by up to a third of the width."""
    if right := _whole(step.level, layer.pixels.shape[1] / 3):
        layer.write(augmix_affine.shift, -right if step.backwards else right, 0)


def translate_y(layer: Layer, step: Step) -> None:
    """Move up or down by up to a third of the height."""
    if down := _whole(step.level, layer.pixels.shape[0] / 3):
        layer.write(augmix_affine.shift, 0, -down if step.backwards else down)


OPERATIONS: Mapping[str, Callable[[Layer, Step], None]] = MappingProxyType(
    {
        "autocontrast": autocontrast,
        "equalize": equalize,
        "posterize": posterize,
        "rotate": rotate,
        "solarize": solarize,
        "shear_x": shear_x,
        "shear_y": shear_y,
        "translate_x": translate_x,
        "translate_y": translate_y,
    }
)
"""The published nine. Those that the test corruptions contain are not among them."""


def _whole(level: float, most: float) -> int:
    """An amount in whole numbers, rounded down."""
    return int(level * most / MOST_LEVEL)


@kernel
def _stretch(counts_T: Int32Array, table_T: UInt8Array) -> None:
    """Stretch the values of a table as far as they occur."""
    for start in range(0, table_T.size, 256):
        lowest, highest = 255, 0
        for i in range(start, start + 256):
            if counts_T[i]:
                lowest, highest = min(lowest, int(table_T[i])), max(highest, int(table_T[i]))
        if highest > lowest:
            scale = 255.0 / (highest - lowest)
            offset = -lowest * scale
            for i in range(start, start + 256):
                table_T[i] = np.uint8(min(max(int(table_T[i] * scale + offset), 0), 255))


@kernel
def _spread(counts_T: Int32Array, table_T: UInt8Array) -> None:
    """Spread the values of a table by how often they occur."""
    levels = np.empty(256, np.int64)
    for start in range(0, table_T.size, 256):
        levels[:] = 0
        for i in range(start, start + 256):
            levels[table_T[i]] += counts_T[i]
        used, total, last = 0, 0, 0
        for i in range(256):
            if levels[i]:
                used, total, last = used + 1, total + levels[i], levels[i]
        step = (total - last) // 255
        if used > 1 and step > 0:
            below = step // 2
            for i in range(256):
                count = levels[i]
                levels[i] = min(below // step, 255)
                below += count
            for i in range(start, start + 256):
                table_T[i] = np.uint8(levels[table_T[i]])
