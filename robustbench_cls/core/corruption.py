"""The noun `Corruption`, and the corruptions of ImageNet-C in the order in which papers list them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.keys import Key

Apply: TypeAlias = Callable[[UInt8Image, int, Key], UInt8Image]

Variant: TypeAlias = Literal["published", "imagecorruptions", "cifar"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
"""Whose constants and quirks a corruption follows: those of the published ImageNet-C, of the package imagecorruptions,
or of CIFAR-10-C.
"""

SEVERITIES = (1, 2, 3, 4, 5)

GROUPS: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""The 15 corruptions of ImageNet-C by group. Their order matters only where they are shown; look them up by name."""

IMAGENET_C = tuple(name for names in GROUPS.values() for name in names)
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
"""The four corruptions that ImageNet-C keeps for validation. They never enter an mCE."""

MINIMUM_SIDE = 32


@dataclass(frozen=True)
class Corruption:
    """One way to degrade an image, in five severities.

    `apply(image_HW3, severity, key)` takes uint8 RGB, leaves it as it is and gives a new image of the same shape.
    `key` is its only source of randomness. It follows the code that made the published ImageNet-C; `variants` holds
    what stands in its place where a variant does something else. `group`, and whether the corruption is `counted` in
    means, hold where a suite says nothing else. `digests` are of its output on a known picture, by variant (see
    `corruptions.known_bytes`).
    """

    name: str
    group: str
    source: str
    apply: Apply
    variants: Mapping[Variant, Apply] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    counted: bool = True
    digests: Mapping[Variant, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def by(self, variant: Variant) -> Apply:
        """The function that corrupts an image as this variant does."""
        return self.variants.get(variant, self.apply)
