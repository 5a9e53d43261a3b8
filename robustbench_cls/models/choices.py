"""Backends, precisions and devices that a user may name; read by the command line, so without torch."""

import importlib
import importlib.util
import re
from types import ModuleType

from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError

IN_TORCH = ("torch", "compile")
"""Backends that run on PyTorch's threads."""

AT_ONCE = {"openvino": 2}
"""Batches that a backend may be asked for at once, from as many threads; one where it is not named. A core that is done
with its share of a batch then begins the next one, and does not wait for the cores that corrupt images meanwhile."""

BACKENDS = ("auto", "torch", "compile", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16")
CPU_ONLY = ("onnxruntime", "openvino")

DEVICES = (
    *("auto", "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla"),
    *("lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
    *("npu", "mlu", "musa", "gcu"),
)
"""Kinds of devices that PyTorch knows, and those that makers' plugins add."""

EXTRAS = {"openvino": "openvino", "onnxruntime": "onnx", "onnx": "onnx", "onnxscript": "onnx"}
"""Which extra of this package installs a module."""

INTERPOLATIONS = ("bilinear", "bicubic", "lanczos", "nearest", "box", "hamming")

SMALL_INPUT = 128
"""Below this input size in px an image is used whole: data sets of small images leave no margin to crop."""

LARGEST_SHADE = 1000
"""Beyond which a mean or a standard deviation of values in 0..1 is taken for a mistake."""

LARGEST_INPUT = 8192
"""Side in px beyond which an input size is taken for a mistake."""


def check_choice(backend: str, precision: str) -> None:
    """Accept what `BACKENDS` and `PRECISIONS` list, where the two go together.

    Raises:
        UserError: something else.
    """
    for word, value, known in (("backend", backend, BACKENDS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise UserError(f"Unknown {word} '{value}'. {did_you_mean(value, known)}")
    if (backend, precision) == ("onnxruntime", "bfloat16"):
        raise UserError("onnxruntime runs in float32 only. Use --precision float32, or --backend openvino.")


def check_device(name: str) -> None:
    """Find typing errors in a device's name; only PyTorch knows which devices this machine has.

    Raises:
        UserError: PyTorch knows no such kind of device.
    """
    found = re.fullmatch(r"([a-z]+)(:\d+)?", name)
    if found is None or found[1] not in DEVICES:
        raise UserError(f"Device '{name}' can't be used here (PyTorch knows no such device). Use --device cpu.")


def check_installed(backend: str) -> None:
    """Look for the packages of a backend, without importing them.

    Raises:
        UserError: they are not there; the message names the extra that installs them.
    """
    if backend in CPU_ONLY and importlib.util.find_spec(backend) is None:
        require(backend)


def require(name: str) -> ModuleType:
    """The module of that name.

    Raises:
        UserError: it can't be imported; the message names the extra that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        extra = EXTRAS[name]
        raise UserError(f"{name} can't be imported ({error}). pip install 'robustbench-cls[{extra}]'") from error
