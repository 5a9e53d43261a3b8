"""Versions of what touches pixels or logits, to be stored with every number."""

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
"""Backends that need not be there."""


def versions() -> dict[str, str]:
    """Version by library, Python's among them."""
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
