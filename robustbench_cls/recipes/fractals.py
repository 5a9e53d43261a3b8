"""Fractals, the pictures that PixMix mixes images with: colourful, and full of structure at every scale.

A picture has a ground that fills the frame and one to three attractors upon it; both are iterated function systems, see
`fractal_ground` and `fractal_attractor`. It is a pure function of its number and its side. It has the same bytes on
every machine, and the same motif at every side. No picture is stored: one takes some 6 ms at 256 px and 1 ms at 36.

PixMix's own pictures, 14,230 fractals by artists and feature visualisations of networks, are a download.

Source: Kataoka et al. 2020, arXiv:2101.08515, for fractals as training images; Anderson and Farrell 2022,
arXiv:2110.03091, for systems, colours and grounds.
"""

import numpy as np

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.recipes.fractal_attractor import Attractor
from robustbench_cls.recipes.fractal_draws import Draws
from robustbench_cls.recipes.fractal_ground import Ground

TRIES = 20
"""Grounds drawn for a picture at most. A quarter of them is smooth or noise."""

SMALL = 128
"""Side in px under which a picture is drawn twice as large and averaged, or attractors would have jagged edges."""


def fractal(number: int, side: int) -> UInt8Image:
    """Picture `number`, of `side` x `side` px; its array can't be written to."""
    enlarged = 2 if side < SMALL else 1
    picture_HW3 = _draw(number, side * enlarged)
    if enlarged > 1:
        sums_HW3 = picture_HW3.reshape(side, enlarged, side, enlarged, 3).sum(axis=(1, 3), dtype=np.uint16)
        picture_HW3 = (sums_HW3 // enlarged**2).astype(np.uint8)
    picture_HW3.setflags(write=False)
    return picture_HW3


def _draw(number: int, side: int) -> UInt8Image:
    for attempt in range(TRIES):
        draws = Draws(Key.of("fractal", number, attempt))
        ground = Ground.draw(draws)
        if ground.has_structure():
            break
    picture_HW3 = ground.paint(side)
    for _ in range(1 + draws.below(3)):
        Attractor.draw(draws).paint(picture_HW3)
    return picture_HW3
