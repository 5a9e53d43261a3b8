"""The corruptions of ImageNet-C in other packages, with the same parameters where these can be set."""

import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias, cast

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.corruptions import (
    defocus_blur,
    gaussian_blur,
    gaussian_noise,
    glass_blur,
    impulse_noise,
    jpeg_compression,
    zoom_blur,
)

Run: TypeAlias = Callable[[UInt8Image], object]

REFERENCE = "imagecorruptions"


def installed_peers() -> list[str]:
    """Names of the packages that are installed and can be measured, the reference first."""
    return [name for name in (REFERENCE, *_PEERS) if importlib.util.find_spec(name) is not None]


def peer(package: str, name: str, severity: int) -> Run | None:
    """A function that corrupts one image by that package, or None where the package has no such corruption."""
    if package == REFERENCE:
        return _imagecorruptions(name, severity)
    make = _PEERS[package]().get(name)
    return make(severity - 1) if make else None


def load_reference() -> ModuleType:
    """The package imagecorruptions.

    Raises:
        UserError: OpenCV, which the package computes with, can't be loaded.
    """
    try:
        import imagecorruptions
    except ImportError as error:
        raise UserError(
            f"The package {REFERENCE}, which is timed here too, can't be loaded: {error}.\n"
            "It needs OpenCV. Install the system package libgl1 (Debian, Ubuntu), or replace the build that wants a "
            "display: pip uninstall -y opencv-python && pip install opencv-python-headless"
        ) from error
    return cast(ModuleType, imagecorruptions)


def _imagecorruptions(name: str, severity: int) -> Run:
    corrupt = load_reference().corrupt
    return lambda image_HW3: corrupt(image_HW3, severity, name)


def _albumentations() -> dict[str, Callable[[int], Run]]:
    import albumentations as A  # noqa: N812 - its own documents call it so

    def run(make: Callable[[int], Any]) -> Callable[[int], Run]:
        def at(s: int) -> Run:
            transform = make(s)
            return lambda image_HW3: transform(image=image_HW3)

        return at

    zoom, lens, glass = zoom_blur.ZOOMS, defocus_blur.LENS, glass_blur.GLASS
    return {
        "gaussian_noise": run(lambda s: A.GaussNoise(std_range=(gaussian_noise.SIGMA[s],) * 2, p=1)),
        "impulse_noise": run(lambda s: A.SaltAndPepper(amount=(impulse_noise.AMOUNT[s],) * 2, p=1)),
        "defocus_blur": run(lambda s: A.Defocus(radius=(int(lens[s][0]),) * 2, alias_blur=(lens[s][1],) * 2, p=1)),
        "glass_blur": run(
            lambda s: A.GlassBlur(
                sigma=glass[s].sigma, max_delta=glass[s].reach, iterations=glass[s].rounds, mode="exact", p=1
            )
        ),
        "zoom_blur": run(lambda s: A.ZoomBlur(max_factor=(zoom[s][0],) * 2, step_factor=(zoom[s][1],) * 2, p=1)),
        "gaussian_blur": run(
            lambda s: A.GaussianBlur(blur_limit=0, sigma_limit=(float(gaussian_blur.SIGMA[s]),) * 2, p=1)
        ),
        "jpeg_compression": run(lambda s: A.ImageCompression(quality_range=(jpeg_compression.QUALITY[s],) * 2, p=1)),
    }


def _kornia() -> dict[str, Callable[[int], Run]]:
    import kornia
    import torch

    def run(apply: Callable[[Any, int], object]) -> Callable[[int], Run]:
        def at(s: int) -> Run:
            return lambda image_HW3: apply(torch.from_numpy(image_HW3).permute(2, 0, 1)[None].float() / 255, s)

        return at

    def blur(images: Any, s: int) -> object:
        sigma = float(gaussian_blur.SIGMA[s])
        return kornia.filters.gaussian_blur2d(images, 2 * int(4 * sigma + 0.5) + 1, (sigma, sigma))

    def noise(images: Any, s: int) -> object:
        return (images + gaussian_noise.SIGMA[s] * torch.randn_like(images)).clamp(0, 1)

    return {"gaussian_blur": run(blur), "gaussian_noise": run(noise)}


def _torchvision() -> dict[str, Callable[[int], Run]]:
    import torch
    from torchvision.transforms.v2 import functional as F  # noqa: N812 - its own documents call it so

    def run(apply: Callable[[Any, int], object]) -> Callable[[int], Run]:
        return lambda s: lambda image_HW3: apply(torch.from_numpy(image_HW3).permute(2, 0, 1).contiguous(), s)

    def blur(image: Any, s: int) -> object:
        sigma = float(gaussian_blur.SIGMA[s])
        return F.gaussian_blur(image, [2 * int(4 * sigma + 0.5) + 1] * 2, [sigma] * 2)

    return {
        "gaussian_noise": run(lambda image, s: F.gaussian_noise(image, 0.0, gaussian_noise.SIGMA[s])),
        "gaussian_blur": run(blur),
        "jpeg_compression": run(lambda image, s: F.jpeg(image, jpeg_compression.QUALITY[s])),
    }


_PEERS: dict[str, Callable[[], dict[str, Callable[[int], Run]]]] = {
    "albumentations": _albumentations,
    "kornia": _kornia,
    "torchvision": _torchvision,
}
