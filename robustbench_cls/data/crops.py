"""From a decoded image to the uint8 crop that is corrupted, and from there to the model's input size."""

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Protocol


def interpolation_mode(name: str) -> InterpolationMode:
    """torchvision's mode of that name.

    Raises:
        UserError: there is no such mode.
    """
    try:
        return InterpolationMode(name)
    except ValueError as error:
        known = ", ".join(mode.value for mode in InterpolationMode)
        raise UserError(f"Unknown interpolation '{name}'. Known: {known}.") from error


def crop(image: Image.Image, protocol: Protocol) -> UInt8Image:
    """Shorter side to `protocol.resize`, then the centre square of `protocol.crop` px; 0 leaves a step out.

    Returns:
        uint8 HW3, a fresh array.
    """
    if protocol.resize:
        image = resize(image, [protocol.resize], interpolation_mode(protocol.interpolation or "bilinear"))
    if protocol.crop:
        image = center_crop(image, [protocol.crop, protocol.crop])
    return np.array(image, dtype=np.uint8)


def fit(image_HW3: UInt8Image, size: int, interpolation: str) -> UInt8Image:
    """The whole image at the model's input size; itself where it already has it."""
    if image_HW3.shape[:2] == (size, size):
        return image_HW3
    scaled = resize(Image.fromarray(image_HW3), [size, size], interpolation_mode(interpolation))
    return np.array(scaled, dtype=np.uint8)
