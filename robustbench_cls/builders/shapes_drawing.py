"""Pictures of the embedded data set: a textured, coloured shape over clutter.

Everything, edges included, is drawn in float64 numpy, so that no version of an imaging library changes a
picture. Values are rounded to whole levels, so that the last bit of a sine does not show. A picture depends
only on its `Scene` and on the `Style` that the shape wears.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robustbench_cls.builders.shapes_outlines import CLASSES, OUTLINES, SIDE, Float, coverage, regular, rotation
from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.keys import Key

VERSION = 1
"""Part of every key and of the manifest: raise it with any change that moves a pixel."""

TILT = np.radians(20.0)
"""The largest angle by which a shape leans to either side, in radians."""

CORRELATION = 0.72
"""Share of the shapes that wear their own class's texture. As many, drawn independently, wear its colour.

Measured with timm's test_resnet, 3000 pictures and 8 epochs. With this share, accuracy is 0.85 on `val` and 0.41 on
`stylized`; with 0.60 it is 0.88 and 0.67. At 0.88, with texture and colour always drawn together, the network looks
at nothing but the surface: 0.89 and 0.02.
"""

CENTRES = np.arange(SIDE) + 0.5


@dataclass(frozen=True)
class Scene:
    """The name of a picture. Its pose, background, clutter and light follow from it, whatever the shape wears."""

    seed: int
    pool: str
    shape: str
    index: int

    def generator(self, use: str) -> np.random.Generator:
        """A generator for one use, so that a change in one use does not change the others."""
        return Key.of("shapes", VERSION, self.seed, self.pool, self.shape, self.index, use).generator()


@dataclass(frozen=True)
class Style:
    """The texture and the colour that a shape wears, each named by the class that it belongs to."""

    texture: str
    colour: str


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
    "hourglass": _grid,
    "ring": _zigzag,
    "square": _bricks,
    "star": _gradient,
    "triangle": _ripples,
}
"""Each class's own texture: a function of u, v (in periods) and a generator. It gives the second tone's share, 0..1."""


HUES = dict(zip(CLASSES, (0.0, 0.08, 0.16, 0.33, 0.44, 0.52, 0.6, 0.69, 0.79, 0.91), strict=True))
"""Each class's own colour family: red, orange, yellow, green, teal, cyan, blue, indigo, purple, pink; in turns."""


def smooth_noise(rng: np.random.Generator, knots: int) -> Float:
    """Value noise over the picture, 0..1, from `knots` random values a side."""
    at = CENTRES / SIDE * (knots - 1)
    left = np.floor(at).astype(np.int64)
    t = at - left
    knot_weights = np.zeros((SIDE, knots))
    knot_weights[np.arange(SIDE), left] = 1 - t * t * (3 - 2 * t)
    knot_weights[np.arange(SIDE), left + 1] = t * t * (3 - 2 * t)
    smooth: Float = knot_weights @ rng.uniform(size=(knots, knots)) @ knot_weights.T
    return smooth


def hsv(hue: float, saturation: float, value: float) -> Float:
    """A colour as RGB, 0..1; the hue is in turns."""
    ramp = np.abs((hue + np.array([0.0, 2 / 3, 1 / 3])) % 1 * 6 - 3) - 1
    colour: Float = value * (1 - saturation + saturation * np.clip(ramp, 0.0, 1.0))
    return colour


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
    dark = hsv(hue + rng.uniform(-0.03, 0.03), rng.uniform(0.8, 1.0), rng.uniform(0.45, 0.7))
    return light, dark


def blend(low: Float, high: Float, amount_HW: Float) -> Float:
    """Mix two colours or pictures: `low` where the amount is 0, `high` where it is 1."""
    low_3HW, high_3HW = low.reshape(3, *low.shape[1:] or (1, 1)), high.reshape(3, *high.shape[1:] or (1, 1))
    mixed_3HW = (high_3HW - low_3HW) * amount_HW
    mixed_3HW += low_3HW
    return mixed_3HW


def _dull(rng: np.random.Generator) -> Float:
    return hsv(rng.uniform(), rng.uniform(0.0, 0.3), rng.uniform(0.15, 0.9))


def _fragment(rng: np.random.Generator) -> Float:
    """Where a distractor covers the picture: a line, a blob or a piece of an arc, never a shape of the classes."""
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
    return points @ rotation(turn) + rng.uniform(0, SIDE, 2)


def background(scene: Scene) -> Float:
    """The background: two dull colours, a faint texture and two to five fragments, 3HW in 0..1."""
    rng = scene.generator("background")
    picture = blend(_dull(rng), _dull(rng), smooth_noise(rng, int(rng.integers(2, 6))))
    faint = texture(CLASSES[rng.integers(len(CLASSES))], rng) * rng.uniform(0.0, 0.3)
    picture = blend(picture, _dull(rng), faint)
    fragments = coverage([[_fragment(rng)] for _ in range(rng.integers(2, 6))])
    for fragment in fragments:
        colour = tones(CLASSES[rng.integers(len(CLASSES))], rng)[rng.integers(2)]
        picture = blend(picture, colour, fragment * rng.uniform(0.4, 0.9))
    return picture


def place(scene: Scene) -> tuple[Float, tuple[float, float]]:
    """The coverage of the scene's shape, HW in 0..1, and its centre (x, y) in pixels."""
    rng = scene.generator("pose")
    radius = rng.uniform(19.0, 27.0)
    room = max(SIDE / 2 - radius, 4.0)
    x, y = SIDE / 2 + rng.uniform(-room, room, 2)
    stretch = np.sqrt(rng.uniform(0.85, 1.18))
    shape = np.array([[stretch, 0.0], [rng.uniform(-0.15, 0.15), 1 / stretch]])
    warp = shape @ rotation(rng.uniform(-TILT, TILT)) * radius
    return coverage([[points @ warp + [x, y] for points in OUTLINES[scene.shape]]])[0], (x, y)


def own_style(scene: Scene) -> Style:
    """The style in every split but `stylized`: texture and colour are each mostly the class's own."""
    rng = scene.generator("style")
    texture_is_own, colour_is_own = rng.uniform(size=2) < CORRELATION
    other_texture, other_colour = _another(scene.shape, rng), _another(scene.shape, rng)
    return Style(scene.shape if texture_is_own else other_texture, scene.shape if colour_is_own else other_colour)


def swapped_style(scene: Scene) -> Style:
    """The style in `stylized`: texture and colour of one other class, both unlike those in `val`."""
    worn = own_style(scene)
    other = _another(scene.shape, scene.generator("swapped style"), worn.texture, worn.colour)
    return Style(other, other)


def _another(name: str, rng: np.random.Generator, *but: str) -> str:
    others = [other for other in CLASSES if other not in (name, *but)]
    return others[rng.integers(len(others))]


def draw(scene: Scene, style: Style) -> UInt8Image:
    """The picture of a scene whose shape wears this style, 64×64 RGB."""
    mask, centre = place(scene)
    rng = scene.generator("surface")
    light, dark = tones(style.colour, rng)
    surface = blend(light, dark, texture(style.texture, rng, centre))
    picture = blend(background(scene), np.zeros(3), 0.35 * _shadow(mask))
    return _expose(blend(picture, surface, mask), scene.generator("light"))


def _shadow(mask_HW: Float) -> Float:
    shadow_HW = np.zeros_like(mask_HW)
    shadow_HW[2:, 2:] = mask_HW[:-2, :-2]
    return shadow_HW


def _expose(picture_3HW: Float, rng: np.random.Generator) -> UInt8Image:
    """The picture as a camera would take it: with uneven light, contrast, brightness and a little noise."""
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0.0, 0.35)
    across = CENTRES[None, :] / SIDE - 0.5
    down = CENTRES[:, None] / SIDE - 0.5
    contrast = rng.uniform(0.65, 1.05)
    light_HW = contrast * (1 + slope * (across * np.cos(angle) + down * np.sin(angle)))
    noise_HW = rng.uniform(0.0, 0.06) * rng.uniform(-0.5, 0.5, (SIDE, SIDE))
    level_3HW = picture_3HW * light_HW
    level_3HW += noise_HW + (0.5 - 0.5 * contrast + rng.uniform(-0.12, 0.12))
    image_3HW = np.rint(np.clip(level_3HW, 0.0, 1.0) * 255).astype(np.uint8)
    return np.ascontiguousarray(image_3HW.transpose(1, 2, 0))
