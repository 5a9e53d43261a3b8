"""Motion blur: a camera moved in one direction.

Averages copies shifted along a random angle in -45..45 degrees with one half of a Gaussian of 3, 5, 8, 12, 15 px
over 21, 31, 31, 31, 41 taps (severity 1..5); edges are continued.

ImageMagick made the published files. It rounds to 16 bits and then down, and so does this. The package rounds down at
once, which puts 0.2 % of the values a level apart. It also drops all taps from the first one on whose shift reaches
the size of the image, and does not rescale the rest: at 32 px and severity 5 the image darkens by up to 3 %. Where an
image is flat, the last bit of the package's weights decides between two levels. Here the weights are rounded
correctly. Some versions of numpy round exp otherwise (seen on a processor with AVX-512), and there the package decides
otherwise: at severity 4, 2.5 % of the values in the mean of 12 photos, and 36 % in the worst, are a level apart.

Randomness: the angle, number 0 of stream 0 times 90, less 45.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `motion_blur` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.motion import AS_IMAGEMAGICK, DOWN, blur, taps, taps_of_package
from robustbench_cls.corruptions.streams import fraction

TAPS = ((10, 3.0), (15, 5.0), (15, 8.0), (15, 12.0), (20, 15.0))
"""Half the number of taps, and the standard deviation of the Gaussian, by severity, px."""

CIFAR = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[tuple[int, float]] = TAPS) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, angle(key), constants)


def apply_package(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """The package's: see `Corruption.apply`."""
    return render_package(image_HW3, severity, angle(key))


def angle(key: Key) -> float:
    """The random angle, -45..45 degrees."""
    return fraction(key, 0) * 90 - 45


def render(
    image_HW3: UInt8Image, severity: int, degrees: float, constants: Sequence[tuple[int, float]] = TAPS
) -> UInt8Image:
    """The image blurred along this angle."""
    return blur(image_HW3, taps(*constants[severity - 1], degrees), AS_IMAGEMAGICK)


def render_package(image_HW3: UInt8Image, severity: int, degrees: float) -> UInt8Image:
    """The image blurred along this angle, as the package does it."""
    height, width = image_HW3.shape[:2]
    return blur(image_HW3, taps_of_package(*TAPS[severity - 1], degrees, height, width), DOWN)


CORRUPTION = Corruption(
    name="motion_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"imagecorruptions": apply_package, "cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType(
        {"published": "81d026ebd43c33bb", "imagecorruptions": "a36a47568eaa8e30", "cifar": "7722ac8ce77518ae"}
    ),
)
