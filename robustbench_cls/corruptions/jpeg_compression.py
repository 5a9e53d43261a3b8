"""JPEG compression: the artefacts of a lossy file.

Saves as JPEG (4:2:0) and loads again; the pixels are Pillow's. The code that made the published files does the same.
Like all published files, those of this corruption were then saved once more, at quality 85. No randomness.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `jpeg_compression` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.jpeg import jpeg_roundtrip

QUALITY = (25, 18, 15, 10, 7)
"""JPEG quality by severity, as Pillow counts."""

CIFAR = (80, 65, 58, 50, 40)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[int] = QUALITY) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[int] = QUALITY) -> UInt8Image:
    """The image after saving as JPEG and loading again."""
    return jpeg_roundtrip(image_HW3, constants[severity - 1])


CORRUPTION = Corruption(
    name="jpeg_compression",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "4b73fcdb8cd16524", "cifar": "9fa7eb032d9db2e2"}),
)
