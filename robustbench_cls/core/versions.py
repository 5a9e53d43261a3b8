"""Versions of the libraries that touch pixels or logits. They are stored with every number."""

import contextlib
import importlib.metadata
import platform

LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "numba",
    "pillow",
    "simplejpeg",
    "imagecorruptions-imaug",
    "robustbench-cls",
)


EXTRAS = ("onnxruntime", "openvino")
"""Optional backends: their version is given only where they are installed."""


def versions() -> dict[str, str]:
    """The installed version of each library, and of Python."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    for name in EXTRAS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
