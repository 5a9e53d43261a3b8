"""What runs a network: eager or compiled PyTorch, ONNX Runtime or OpenVINO, in float32 or bfloat16.

A backend turns a `Pipeline`, uint8 images in and logits out, into a function of the same kind. Whatever it
is, its answers to a few random images are compared with those of eager float32 before it is used.
"""

import importlib
import importlib.util
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError
from robustbench_cls.models.classifier import Forward, Pipeline, Preprocessing
from robustbench_cls.models.onnx_file import OnnxFile

BACKENDS = ("auto", "torch", "compile", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16")
EXTRAS = {"openvino": "openvino", "onnxruntime": "onnx", "onnx": "onnx", "onnxscript": "onnx"}
"""Which extra of this package installs a module."""

CPU_ONLY = {"onnxruntime", "openvino"}
PROBES = 3
"""Random images shown at loading: more than the two of the example, so that a batch size fixed by mistake shows."""

TOLERANCE = 1e-3
"""Largest difference from eager float32, in standard deviations of the logits. Measured differences are 1e-6."""


class ConversionError(UserError):
    """A backend can't take this network, or answers otherwise than PyTorch does."""


@dataclass(frozen=True)
class Running:
    """A forward function and the backend and precision it was made with."""

    forward: Forward
    backend: str
    precision: str


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


def candidates(backend: str, precision: str, device: torch.device) -> tuple[str, ...]:
    """Backends to try in this order: the one asked for, or for `auto` all that fit, the fastest first.

    Raises:
        UserError: the backend asked for is not installed or doesn't run on this device.
    """
    if backend == "auto":
        wanted = ("openvino", "onnxruntime") if precision == "float32" else ("openvino",)
        return (*(name for name in wanted if device.type == "cpu" and _installed(name)), "torch")
    if backend in CPU_ONLY and device.type != "cpu":
        raise UserError(f"{backend} runs on the CPU here, not on {device}. Use --device cpu, or --backend torch.")
    if backend in CPU_ONLY:
        _require(backend)
    return (backend,)


def probe_images(size: int, batch: int) -> torch.Tensor:
    """Random uint8 images_BHW3, always the same: `batch` of them, or `PROBES` where that is 0."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch or PROBES, size, size, 3), dtype=torch.uint8, generator=generator)


def probe(forward: Forward, images_BHW3: torch.Tensor, name: str) -> torch.Tensor:
    """Logits of a few images, checked to be logits.

    Raises:
        UserError: the network can't take the images, or answers with something else than finite logits_BC.
    """
    size = images_BHW3.shape[1]
    with foreign(f"{name} can't take {len(images_BHW3)} images of {size} px"), torch.inference_mode():
        logits = forward(images_BHW3)
    if logits.ndim != 2 or len(logits) != len(images_BHW3):
        shape = tuple(logits.shape)
        raise UserError(
            f"{name} gives outputs of shape {shape} for {len(images_BHW3)} images, not a row of logits each."
        )
    if not torch.isfinite(logits).all():
        raise UserError(f"{name} gives NaN or infinite logits for random images: its weights are broken.")
    return logits.cpu()


def accelerate(
    pipeline: Pipeline,
    images_BHW3: torch.Tensor,
    reference_BC: torch.Tensor,
    *,
    device: torch.device,
    backend: str,
    precision: str,
    batch: int,
) -> Running:
    """The forward function of a pipeline that stands on its device.

    Args:
        images_BHW3: from `probe_images`.
        reference_BC: their logits in eager float32.
        backend: one of `BACKENDS`; `auto` takes the next one where one fails, and says so on stderr.
        batch: the only batch size the network takes; 0 for any.

    Raises:
        UserError: the backend asked for can't be had, or can't run this network.
    """
    precision = "float32" if precision == "auto" else precision
    names = candidates(backend, precision, device)
    for name, following in zip(names, (*names[1:], ""), strict=True):
        if name == "torch":
            break
        try:
            forward = _CONVERT[name](pipeline, images_BHW3, precision, device, not batch)
            _check_agrees(name, forward, images_BHW3, reference_BC, precision)
            return Running(forward, name, precision)
        except ConversionError as error:
            if not following:
                raise
            sys.stderr.write(f"robust: {error} Going on with {following}.\n")
    return Running(in_torch(pipeline, device, precision), "torch", precision)


def in_torch(pipeline: Callable[[torch.Tensor], torch.Tensor], device: torch.device, precision: str) -> Forward:
    """The pipeline in eager PyTorch; bfloat16 by autocast, float32 without TF32."""

    def forward(images_BHW3: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"), _no_tf32():
            return pipeline(images_BHW3.to(device, non_blocking=True))

    return forward


def in_batches_of(forward: Forward, size: int) -> Forward:
    """For networks that take one batch size only: any number of images, the last batch filled up with black ones."""

    def run(images_BHW3: torch.Tensor) -> torch.Tensor:
        missing = -len(images_BHW3) % size
        padded = torch.cat([images_BHW3, images_BHW3.new_zeros(missing, *images_BHW3.shape[1:])])
        return torch.cat([forward(images) for images in padded.split(size)])[: len(images_BHW3)]

    return run


def open_onnx_file(
    file: OnnxFile, preprocessing: Preprocessing, backend: str, precision: str
) -> tuple[nn.Module, Running]:
    """An ONNX file on the CPU, as a module and as a forward function; `auto` prefers OpenVINO.

    Raises:
        UserError: the backend can't be had, or can't run this file.
    """
    if backend in {"torch", "compile"}:
        raise UserError(f"{file.path} is an ONNX file, which {backend} can't run. Use openvino or onnxruntime.")
    precision = "float32" if precision == "auto" else precision
    cpu = torch.device("cpu")
    names = [name for name in candidates(backend, precision, cpu) if name != "torch"]
    if not names:
        raise UserError(f"{file.path} needs ONNX Runtime: pip install 'robustbench-cls[onnx]'.")
    for name in names:
        try:
            with foreign(f"{name} can't run {file.path}", ConversionError):
                network = OnnxNetwork(_OPEN[name](file.path, precision))
                forward = in_torch(Pipeline(network, preprocessing), cpu, "float32")
                return network, Running(forward, name, precision)
        except ConversionError as error:
            if name == names[-1]:
                raise
            sys.stderr.write(f"robust: {error} Going on with {names[-1]}.\n")
    raise AssertionError("unreachable: the last backend returns or raises")


class OnnxNetwork(nn.Module):
    """An ONNX file's network as a module, from float32 images_B3HW to logits_BC."""

    def __init__(self, run: Forward) -> None:
        super().__init__()
        self.run = run

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        """What the file's only output holds."""
        return self.run(images_B3HW.contiguous())


@contextmanager
def foreign(what: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Code that isn't ours runs here: whatever it raises becomes one line, with the cause kept behind it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:  # foreign code raises what it likes
        raise kind(f"{what} ({type(error).__name__}: {first_line(error)}).") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters."""
    return str(error).strip().partition("\n")[0][:200].rstrip(". ")


@contextmanager
def _no_tf32() -> Iterator[None]:
    """PyTorch lets convolutions on a GPU use TF32, which is no float32: 10 bits of mantissa."""
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products


def _installed(name: str) -> bool:
    needed = (name, "onnx", "onnxscript") if name == "onnxruntime" else (name,)
    return all(importlib.util.find_spec(module) is not None for module in needed)


def _require(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        extra = EXTRAS[name]
        raise UserError(f"{name} can't be imported ({error}). pip install 'robustbench-cls[{extra}]'") from error


def _check_agrees(
    name: str, forward: Forward, images_BHW3: torch.Tensor, reference_BC: torch.Tensor, precision: str
) -> None:
    with foreign(f"{name} can't run this network", ConversionError), torch.inference_mode():
        logits_BC = forward(images_BHW3).cpu()
    if logits_BC.shape != reference_BC.shape or not torch.isfinite(logits_BC).all():
        raise ConversionError(f"{name} gives no finite logits of shape {tuple(reference_BC.shape)} for this network.")
    difference, spread = float((logits_BC - reference_BC).abs().max()), float(reference_BC.std())
    if precision == "float32" and difference > TOLERANCE * spread:
        raise ConversionError(
            f"{name} differs from PyTorch by {difference:.2g} where logits spread by {spread:.2g}: not this network."
        )


def _exported(pipeline: Pipeline, images_BHW3: torch.Tensor, any_batch: bool) -> Any:
    batch = torch.export.Dim("batch", min=1, max=65536)
    return torch.export.export(pipeline, (images_BHW3,), dynamic_shapes=({0: batch},) if any_batch else None)


def _compile(
    pipeline: Pipeline, images_BHW3: torch.Tensor, precision: str, device: torch.device, any_batch: bool
) -> Forward:
    forward = in_torch(torch.compile(pipeline), device, precision)
    if not any_batch:
        return forward

    def run(images_BHW3: torch.Tensor) -> torch.Tensor:
        if len(images_BHW3) == 1:  # a batch of one would be compiled anew
            return forward(images_BHW3.expand(2, -1, -1, -1).contiguous())[:1]
        images = images_BHW3.to(device, non_blocking=True)
        torch._dynamo.mark_dynamic(images, 0)  # type: ignore[no-untyped-call]
        return forward(images)

    return run


def _onnxruntime(
    pipeline: Pipeline, images_BHW3: torch.Tensor, precision: str, device: torch.device, any_batch: bool
) -> Forward:
    for module in ("onnx", "onnxscript"):
        _require(module)
    shapes = ({0: torch.export.Dim("batch")},) if any_batch else None
    example = (images_BHW3[:2] if any_batch else images_BHW3,)
    with (
        foreign("onnxruntime can't take this network", ConversionError),
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        path = Path(folder) / "network.onnx"
        torch.onnx.export(pipeline, example, path, dynamo=True, dynamic_shapes=shapes, verbose=False)
        return _open_onnxruntime(path, precision)


def _openvino(
    pipeline: Pipeline, images_BHW3: torch.Tensor, precision: str, device: torch.device, any_batch: bool
) -> Forward:
    openvino = _require("openvino")
    example = images_BHW3[:2] if any_batch else images_BHW3
    with foreign("openvino can't take this network", ConversionError):
        if any(isinstance(module, torch.jit.ScriptModule) for module in pipeline.modules()):
            model = openvino.convert_model(pipeline, example_input=example)
        else:
            model = openvino.convert_model(_exported(pipeline, example, any_batch))
        size = list(images_BHW3.shape[1:])
        model.reshape({model.inputs[0]: openvino.PartialShape([-1 if any_batch else len(images_BHW3), *size])})
        return _openvino_forward(model, precision)


def _open_openvino(path: Path, precision: str) -> Forward:
    return _openvino_forward(_require("openvino").Core().read_model(path), precision)


def _openvino_forward(model: Any, precision: str) -> Forward:
    hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",  # one batch on all cores, not several side by side
    }
    request = _require("openvino").Core().compile_model(model, "CPU", settings).create_infer_request()

    def forward(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(request.infer([images.cpu().numpy()], share_inputs=True)[0])

    return forward


def _open_onnxruntime(path: Path, precision: str) -> Forward:
    onnxruntime = _require("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def forward(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run(None, {name: images.cpu().numpy()})[0])

    return forward


_CONVERT: dict[str, Callable[[Pipeline, torch.Tensor, str, torch.device, bool], Forward]] = {
    "compile": _compile,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
_OPEN: dict[str, Callable[[Path, str], Forward]] = {"onnxruntime": _open_onnxruntime, "openvino": _open_openvino}
