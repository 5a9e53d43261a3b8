"""OpenCV, loaded when it is first needed (an eighth of a second), with the cure where it can't be."""

from functools import cache
from typing import Any

from robustbench_cls.core.errors import UserError


@cache
def opencv() -> Any:
    """The module `cv2`.

    Raises:
        UserError: the system lacks a library that OpenCV asks for.
    """
    try:
        import cv2
    except ImportError as error:
        if "cannot open shared object file" not in str(error):
            raise
        raise UserError(
            f"OpenCV can't be loaded: {error}. Install the system package libgl1 (Debian, Ubuntu), or replace the "
            "build that wants a display: pip uninstall -y opencv-python && "
            "pip install --force-reinstall --no-deps opencv-python-headless"
        ) from error
    return cv2
