"""Pictures of the embedded data set: a textured, coloured shape over clutter.

Everything is drawn here in float64 numpy, edges included, so that a picture does not change with the
version of an imaging library. A picture is a pure function of its `Scene` and of the class whose texture
and colour the shape wears.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.core.keys import Key

Float: TypeAlias = npt.NDArray[np.float64]

VERSION = 1
"""Part of every key and of the manifest: raise it with any change that moves a pixel."""

SIDE = 64
SUBROWS = 4
"""Scan lines a pixel row: edges are exact along x and averaged over these along y."""

CORRELATION = 0.88
"""Share of the pictures whose shape wears its own class's texture and colour; the rest wear another's."""

CENTRES = np.arange(SIDE) + 0.5


@dataclass(frozen=True)
class Scene:
    """Which picture: pose, background, clutter and light follow from it, whatever the shape wears."""

    seed: int
    pool: str
    shape: str
    index: int

    def generator(self, use: str) -> np.random.Generator:
        """Randomness for one use, so that a change of one does not move the others."""
        return Key.of("shapes", VERSION, self.seed, self.pool, self.shape, self.index, use).generator()


def regular(corners: int, radius: float = 1.0) -> Float:
    """The corners of a regular polygon, as points_N2."""
    angles = 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> Float:
    return regular(10) * np.where(np.arange(10) % 2, 0.42, 1.0)[:, None]


def _cross(half: float = 0.3) -> Float:
    quarter = np.array([[half, half], [half, 1.0], [-half, 1.0]])
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    return np.concatenate([quarter, quarter @ turn, quarter @ turn @ turn, quarter @ turn @ turn @ turn])


def _arrow() -> Float:
    upper = np.array([[-1.0, 0.26], [0.1, 0.26], [0.1, 0.8], [1.0, 0.0]])
    return np.concatenate([upper, upper[-2::-1] * [1.0, -1.0]])


def _heart() -> Float:
    t = 2 * np.pi * np.arange(40) / 40
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, height + 2.5], axis=1) / 15.5


def _crescent() -> Float:
    tip = np.radians(50.0)
    outer = np.linspace(tip, 2 * np.pi - tip, 28)
    centre = 0.55
    reach = np.hypot(np.cos(tip) - centre, np.sin(tip))
    bend = np.arctan2(np.sin(tip), np.cos(tip) - centre)
    inner = np.linspace(2 * np.pi - bend, bend, 28)[1:-1]
    points = [np.stack([np.cos(outer), np.sin(outer)], axis=1)]
    points.append(np.stack([centre + reach * np.cos(inner), reach * np.sin(inner)], axis=1))
    return np.concatenate(points) + [0.3, 0.0]


OUTLINES: dict[str, tuple[Float, ...]] = {
    "arrow": (_arrow() * 1.1,),
    "circle": (regular(40, 0.86),),
    "crescent": (_crescent() * 1.05,),
    "cross": (_cross() * 1.02,),
    "heart": (_heart() * 0.95,),
    "hexagon": (regular(6, 0.96),),
    "ring": (regular(40), regular(40, 0.52)[::-1]),
    "square": (regular(4, 1.1),),
    "star": (_star() * 1.15,),
    "triangle": (regular(3, 1.15),),
}
"""The outlines of each class in units of the shape's radius; a hole runs the other way round."""

CLASSES = tuple(OUTLINES)


def coverage(drawings: Sequence[Sequence[Float]]) -> Float:
    """How much of each pixel each drawing's outlines (points_N2 as x, y in pixels) enclose: KHW in 0..1."""
    outlines = [points for drawing in drawings for points in drawing]
    layer_E = np.repeat(np.arange(len(drawings)), [sum(map(len, drawing)) for drawing in drawings])
    start_E2 = np.concatenate(outlines)
    end_E2 = np.concatenate([points[_next(len(points))] for points in outlines])
    lines_R = (np.arange(SIDE * SUBROWS) + 0.5) / SUBROWS
    edge, row = np.nonzero((start_E2[:, 1:] <= lines_R) != (end_E2[:, 1:] <= lines_R))
    (x0, y0), (x1, y1) = start_E2[edge].T, end_E2[edge].T
    x = np.clip(x0 + (lines_R[row] - y0) * (x1 - x0) / (y1 - y0), 0, SIDE)
    column = np.floor(x).astype(np.int64)
    sign = np.where(y1 > y0, 1.0, -1.0) / SUBROWS
    cell = (layer_E[edge] * SIDE + row // SUBROWS) * (SIDE + 2) + column
    cells = len(drawings) * SIDE * (SIDE + 2)
    step = np.bincount(cell, sign * (1 - x + column), cells) + np.bincount(cell + 1, sign * (x - column), cells)
    filled = np.cumsum(step.reshape(-1, SIDE, SIDE + 2), axis=2)[:, :, :SIDE]
    return np.minimum(np.abs(filled), 1.0)


def _next(count: int) -> npt.NDArray[np.int64]:
    return np.arange(1, count + 1) % count


def _soft(values: Float) -> Float:
    return np.clip(values + 0.5, 0.0, 1.0)


def _wave(values: Float) -> Float:
    return np.sin(2 * np.pi * values)


def _stripes(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return _soft(2 * _wave(u))


def _dots(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return _soft(8 * (0.32 - np.hypot(u % 1 - 0.5, v % 1 - 0.5)))


def _checks(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return _soft(4 * _wave(u / 1.6) * _wave(v / 1.6))


def _waves(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return 0.5 + 0.5 * _wave(u + 0.4 * _wave(v / 2))


def _blotches(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return _soft(6 * (smooth_noise(rng, 11) - 0.5))


def _bricks(u: Float, v: Float, rng: np.random.Generator) -> Float:
    along = (u / 2 + np.floor(v) % 2 / 2) % 1
    return _soft(8 * (np.minimum(0.5 - np.abs(v % 1 - 0.5), 1 - 2 * np.abs(along - 0.5)) - 0.16))


def _zigzag(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return _soft(2 * _wave(u + 0.9 * np.abs(v / 1.5 % 1 - 0.5)))


def _gradient(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return 0.5 + 0.5 * _wave(u / 7)


def _ripples(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return _soft(1.5 * _wave(np.hypot(u, v)))


def _grid(u: Float, v: Float, rng: np.random.Generator) -> Float:
    return _soft(8 * (np.maximum(np.abs(u % 1 - 0.5), np.abs(v % 1 - 0.5)) - 0.36))


TEXTURES: dict[str, Callable[[Float, Float, np.random.Generator], Float]] = {
    "arrow": _stripes,
    "circle": _dots,
    "crescent": _waves,
    "cross": _checks,
    "heart": _blotches,
    "hexagon": _grid,
    "ring": _zigzag,
    "square": _bricks,
    "star": _gradient,
    "triangle": _ripples,
}
"""Each class's own texture: (u, v in periods, generator) -> how much of the second tone, 0..1."""


HUES = dict(zip(CLASSES, (0.0, 0.08, 0.16, 0.33, 0.44, 0.52, 0.6, 0.69, 0.79, 0.91), strict=True))
"""Each class's own colour family: red, orange, yellow, green, teal, cyan, blue, indigo, purple, pink; in turns."""


def smooth_noise(rng: np.random.Generator, knots: int) -> Float:
    """Value noise over the picture, 0..1, from `knots` random values a side."""
    at = CENTRES / SIDE * (knots - 1)
    left = np.floor(at).astype(np.int64)
    t = at - left
    blend = np.zeros((SIDE, knots))
    blend[np.arange(SIDE), left] = 1 - t * t * (3 - 2 * t)
    blend[np.arange(SIDE), left + 1] = t * t * (3 - 2 * t)
    rows = np.einsum("yk,kl->yl", blend, rng.uniform(size=(knots, knots)))
    return np.einsum("yl,xl->yx", rows, blend)


def hsv(hue: float, saturation: float, value: float) -> Float:
    """A colour as RGB, 0..1; the hue is in turns."""
    ramp = np.abs((hue + np.array([0.0, 2 / 3, 1 / 3])) % 1 * 6 - 3) - 1
    return value * (1 - saturation + saturation * np.clip(ramp, 0.0, 1.0))


def texture(name: str, rng: np.random.Generator, centre: tuple[float, float] = (SIDE / 2, SIDE / 2)) -> Float:
    """A class's texture over the whole picture, 0..1, at a random angle, period and phase."""
    angle = rng.uniform(0, 2 * np.pi)
    period = rng.uniform(7.0, 11.0)
    x = (CENTRES - centre[0])[None, :] / period
    y = (CENTRES - centre[1])[:, None] / period
    shift_u, shift_v = rng.uniform(-0.5, 0.5, 2)
    u = x * np.cos(angle) + y * np.sin(angle) + shift_u
    v = y * np.cos(angle) - x * np.sin(angle) + shift_v
    return TEXTURES[name](u, v, rng)


def tones(name: str, rng: np.random.Generator) -> tuple[Float, Float]:
    """The two tones of a class's colour family: neighbours in hue, one light and one dark."""
    hue = HUES[name] + rng.uniform(-0.025, 0.025)
    light = hsv(hue, rng.uniform(0.35, 0.75), rng.uniform(0.85, 1.0))
    dark = hsv(hue + rng.uniform(-0.03, 0.03), rng.uniform(0.8, 1.0), rng.uniform(0.3, 0.6))
    return light, dark


def blend(low: Float, high: Float, amount_HW: Float) -> Float:
    """From `low` where the amount is 0 to `high` where it is 1; a picture 3HW or a colour 3."""
    low_3HW, high_3HW = low.reshape(3, *low.shape[1:] or (1, 1)), high.reshape(3, *high.shape[1:] or (1, 1))
    return low_3HW + (high_3HW - low_3HW) * amount_HW


def _dull(rng: np.random.Generator) -> Float:
    return hsv(rng.uniform(), rng.uniform(0.0, 0.45), rng.uniform(0.15, 0.95))


def _fragment(rng: np.random.Generator) -> Float:
    """Where a distractor lies: a line, a blob or a piece of an arc; never one of the classes."""
    kind = rng.integers(3)
    turn = rng.uniform(0, 2 * np.pi)
    if kind == 0:
        length, width = rng.uniform(6, 22), rng.uniform(0.7, 2.5)
        points = np.array([[-length, -width], [length, -width], [length, width], [-length, width]])
    elif kind == 1:
        points = regular(12) * rng.uniform(2.0, 7.0, (12, 1))
    else:
        angles = np.linspace(0, rng.uniform(0.6, 2.2), 10)
        inner, width = rng.uniform(6, 18), rng.uniform(1.5, 4)
        arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = np.concatenate([arc * (inner + width), arc[::-1] * inner]) - arc.mean(axis=0) * inner
    return points @ _rotation(turn) + rng.uniform(0, SIDE, 2)


def _rotation(angle: float) -> Float:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def background(scene: Scene) -> Float:
    """What lies under the shape: two dull colours, a faint texture and three to eight fragments, 3HW in 0..1."""
    rng = scene.generator("background")
    picture = blend(_dull(rng), _dull(rng), smooth_noise(rng, int(rng.integers(2, 6))))
    faint = texture(CLASSES[rng.integers(len(CLASSES))], rng) * rng.uniform(0.0, 0.4)
    picture = blend(picture, _dull(rng), faint)
    fragments = coverage([[_fragment(rng)] for _ in range(rng.integers(3, 9))])
    for fragment in fragments:
        colour = tones(CLASSES[rng.integers(len(CLASSES))], rng)[rng.integers(2)]
        picture = blend(picture, colour, fragment * rng.uniform(0.4, 0.9))
    return picture


def place(scene: Scene) -> tuple[Float, tuple[float, float]]:
    """The coverage of the scene's shape, HW in 0..1, and its centre (x, y) in pixels."""
    rng = scene.generator("pose")
    radius = rng.uniform(14.0, 25.0)
    room = max(SIDE / 2 - radius, 6.0)
    x, y = SIDE / 2 + rng.uniform(-room, room, 2)
    stretch = np.sqrt(rng.uniform(0.8, 1.25))
    shape = np.array([[stretch, 0.0], [rng.uniform(-0.15, 0.15), 1 / stretch]])
    warp = shape @ _rotation(rng.uniform(0, 2 * np.pi)) * radius
    return coverage([[points @ warp + [x, y] for points in OUTLINES[scene.shape]]])[0], (x, y)


def own_style(scene: Scene) -> str:
    """The class whose texture and colour the shape wears: mostly its own."""
    rng = scene.generator("style")
    return scene.shape if rng.uniform() < CORRELATION else _another(scene.shape, rng)


def swapped_style(scene: Scene) -> str:
    """Another class than both the shape's own and the one it wears in `val`."""
    worn = own_style(scene)
    rng = scene.generator("swapped style")
    choices = [name for name in CLASSES if name not in (scene.shape, worn)]
    return choices[rng.integers(len(choices))]


def _another(name: str, rng: np.random.Generator) -> str:
    others = [other for other in CLASSES if other != name]
    return others[rng.integers(len(others))]


def draw(scene: Scene, style: str) -> UInt8Image:
    """The picture of a scene whose shape wears the texture and colour of the class `style`, 64×64 RGB."""
    mask, centre = place(scene)
    rng = scene.generator("surface")
    light, dark = tones(style, rng)
    surface = blend(light, dark, texture(style, rng, centre))
    picture = blend(background(scene), np.zeros(3), 0.35 * np.roll(mask, (2, 2), axis=(0, 1)))
    return _expose(blend(picture, surface, mask), scene.generator("light"))


def _expose(picture_3HW: Float, rng: np.random.Generator) -> UInt8Image:
    """As a camera saw it: uneven light, contrast, brightness and a little noise."""
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0.0, 0.35)
    across = CENTRES[None, :] / SIDE - 0.5
    down = CENTRES[:, None] / SIDE - 0.5
    lit = picture_3HW * (1 + slope * (across * np.cos(angle) + down * np.sin(angle)))
    level = (lit - 0.5) * rng.uniform(0.65, 1.05) + 0.5 + rng.uniform(-0.12, 0.12)
    noisy = level + rng.uniform(0.0, 0.06) * (rng.uniform(size=level.shape) - 0.5)
    image_3HW = np.round(np.clip(noisy, 0.0, 1.0) * 255).astype(np.uint8)
    return np.ascontiguousarray(image_3HW.transpose(1, 2, 0))
