"""Elastic transform: tilted, then stretched and contracted in small regions.

Moves the corners of a triangle at random and the image with them (an affine map, edges mirrored), then every pixel by
a field of uniform numbers smoothed by a Gaussian (edges mirrored with the edge pixel twice). Both sample linearly;
results are rounded down.

The code that made the published files is for 224 px. Here its lengths and displacements are proportional to the
shorter side, so that an image and its enlargement look alike. With the same random numbers, and with today's versions
of its libraries, 4 values in 1,000 differ at severity 1 and 1 in 10,000 at the others, by one level. OpenCV long
rounded the places of the affine map to 1/32 px; that would move 4 values in 100 by up to 2 levels. At severities 1
and 2 the affine map moves the image far more than at 3 to 5. CIFAR-10-C has constants for 32 px, and at severity 1 the
affine map alone. The package uses another algorithm: it has no affine map,
and other fields.

Randomness: stream 0, a uniform16 for each pixel in the order 2HW, to the right and then down, as
2 (uniform16 + 0.5) / 65536 - 1. Stream 1, six fractions, x and y of the triangle's corner at the lower right, the
upper right and the upper left, of -1..1; not for the package's algorithm.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `elastic_transform` of hendrycks/robustness. The fields:
Simard, Steinkraus and Platt 2003, doi:10.1109/ICDAR.2003.1227801.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Float32Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.sampling import floored, packed_image, packed_planes, sampled
from robustbench_cls.corruptions.streams import fraction, uniforms
from robustbench_cls.corruptions.wide_gaussian import smoothed


class Elastic(NamedTuple):
    """The constants of one severity, in pixels of an image of one size."""

    height: float
    """Factor by which the smoothed field is multiplied."""
    sigma: float
    """Standard deviation of the Gaussian that smooths the field; 0 leaves it as it is."""
    tilt: float
    """Largest move of a corner of the triangle along each axis."""
    side: int = 224
    """The shorter side, in pixels, of the image for which they are."""


ELASTIC = (
    Elastic(488.0, 170.8, 24.4),
    Elastic(488.0, 19.52, 48.8),
    Elastic(12.2, 2.44, 4.88),
    Elastic(17.08, 2.44, 4.88),
    Elastic(29.28, 2.44, 4.88),
)
CIFAR = (
    Elastic(0.0, 0.0, 2.56, 32),
    Elastic(1.6, 6.4, 2.24, 32),
    Elastic(2.56, 1.92, 1.92, 32),
    Elastic(3.2, 1.28, 1.6, 32),
    Elastic(3.2, 0.96, 0.96, 32),
)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""

PACKAGE_HEIGHT = (12.5, 16.25, 21.25, 25.0, 30.0)
"""The package's factor of the smoothed field, by severity. Its field runs to ±0.005 of the image's height."""

PACKAGE_SIGMA = 0.01
"""The package's standard deviation, as a share of each side of the image."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[Elastic] = ELASTIC) -> UInt8Image:
    """See `Corruption.apply`."""
    corners_32 = np.array([2 * fraction(key, i, stream=1) - 1 for i in range(6)]).reshape(3, 2)
    return render(image_HW3, severity, corners_32, _fields(image_HW3, key), constants)


def apply_package(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """The package's: see `Corruption.apply`."""
    return render_package(image_HW3, severity, _fields(image_HW3, key))


def render(
    image_HW3: UInt8Image,
    severity: int,
    corners_32: npt.NDArray[np.float64],
    uniform_2HW: Float32Array,
    constants: Sequence[Elastic] = ELASTIC,
) -> UInt8Image:
    """The transformed image. All numbers are -1..1: the move of each corner in x and y, and the two fields."""
    height, width, _ = image_HW3.shape
    elastic = constants[severity - 1]
    scale = min(height, width) / elastic.side
    places_2HW = np.empty((2, height, width), np.float32)
    _affine(places_2HW, *_back(height, width, corners_32 * (elastic.tilt * scale)))
    tilted = packed_planes(sampled(packed_image(image_HW3), places_2HW, 0.0))
    sigma = elastic.sigma * scale
    for axis in range(2):
        smooth_HW = smoothed(uniform_2HW[axis], sigma, sigma) if sigma else uniform_2HW[axis]
        _displace(smooth_HW, np.float32(elastic.height * scale**2), axis == 1, places_2HW[axis])
    return floored(sampled(tilted, places_2HW, 0.5))


def render_package(image_HW3: UInt8Image, severity: int, uniform_2HW: Float32Array) -> UInt8Image:
    """The image transformed by the package's algorithm. The two fields hold numbers of -1..1."""
    height, width, _ = image_HW3.shape
    places_2HW = np.empty((2, height, width), np.float32)
    for axis in range(2):
        smooth_HW = smoothed(uniform_2HW[axis], PACKAGE_SIGMA * height, PACKAGE_SIGMA * width)
        amplitude = np.float32(PACKAGE_HEIGHT[severity - 1] * 0.005 * height)
        _displace(smooth_HW, amplitude, axis == 1, places_2HW[axis])
    return floored(sampled(packed_image(image_HW3), places_2HW, 0.5))


def _fields(image_HW3: UInt8Image, key: Key) -> Float32Array:
    return uniforms(key, (2, *image_HW3.shape[:2]))


def _back(height: int, width: int, moves_32: npt.NDArray[np.float64]) -> tuple[np.float64, ...]:
    """The numbers a to f of the place that the pixel at (x, y) comes from: x a + y b + c, x d + y e + f."""
    x, y, reach = float(width // 2), float(height // 2), float(min(height, width) // 3)
    corners = ((x + reach, y + reach), (x + reach, y - reach), (x - reach, y - reach))
    moved = [(float(u) + float(du), float(v) + float(dv)) for (u, v), (du, dv) in zip(corners, moves_32, strict=True)]
    (right_x, right_y), (up_x, up_y) = ((moved[i][0] - moved[i + 1][0], moved[i][1] - moved[i + 1][1]) for i in (1, 0))
    area = right_x * up_y - right_y * up_x
    share = 2 * reach / area if area else 0.0
    a, b, d, e = up_y * share, -up_x * share, -right_y * share, right_x * share
    pivot_x, pivot_y = moved[1]
    c, f = corners[1][0] - a * pivot_x - b * pivot_y, corners[1][1] - d * pivot_x - e * pivot_y
    return tuple(np.float64(value) for value in (a, b, c, d, e, f))


@kernel
def _affine(
    places_2HW: Float32Array,
    a: np.float64,
    b: np.float64,
    c: np.float64,
    d: np.float64,
    e: np.float64,
    f: np.float64,
) -> None:
    for y in range(places_2HW.shape[1]):
        across, down = places_2HW[0, y], places_2HW[1, y]
        for x in range(across.size):
            across[x] = np.float32(np.float64(np.int32(x)) * a + (np.float64(y) * b + c))
        for x in range(down.size):
            down[x] = np.float32(np.float64(np.int32(x)) * d + (np.float64(y) * e + f))


@kernel
def _displace(field_HW: Float32Array, amplitude: np.float32, downwards: bool, places_HW: Float32Array) -> None:
    along = np.float32(0) if downwards else np.float32(1)
    for y in range(field_HW.shape[0]):
        field, places = field_HW[y], places_HW[y]
        start = np.float32(y) if downwards else np.float32(0)
        for x in range(field.size):
            places[x] = field[x] * amplitude + (np.float32(np.int32(x)) * along + start)


CORRUPTION = Corruption(
    name="elastic_transform",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"imagecorruptions": apply_package, "cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType(
        {"published": "96cf4e762ed2a807", "imagecorruptions": "df50c37e88f5f8c4", "cifar": "21b285a64e37f36a"}
    ),
)
