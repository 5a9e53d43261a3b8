"""Turning a network into a function of another backend; each raises ConversionError where it can't."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np
import torch

from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.models.choices import AT_ONCE, require
from robustbench_cls.models.classifier import Forward, Pipeline

MOST_STREAMS = 8
"""Of OpenVINO: a batch of 64 images leaves eight to each."""


class ConversionError(UserError):
    """A backend can't take this network, or answers otherwise than PyTorch does."""


@contextmanager
def foreign(what: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Code that isn't ours runs here: whatever it raises becomes one line, with the cause kept behind it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # foreign code raises what it likes
        raise kind(f"{what} ({type(error).__name__}: {first_line(error)}).") from error


def in_torch(pipeline: Callable[[torch.Tensor], torch.Tensor], device: torch.device, precision: str) -> Forward:
    """The pipeline in eager PyTorch; bfloat16 by autocast, float32 without TF32."""

    def forward(images_BHW3: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"), _no_tf32():
            return pipeline(images_BHW3.to(device, non_blocking=True))

    return forward


@contextmanager
def _no_tf32() -> Iterator[None]:
    """PyTorch lets convolutions on a GPU use TF32, which is no float32: 10 bits of mantissa."""
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products


def _shapes(any_batch: bool) -> Any:
    return ({0: torch.export.Dim.AUTO},) if any_batch else None


def compiled(pipeline: Pipeline, precision: str, device: torch.device, *, any_batch: bool) -> Forward:
    """The pipeline compiled by PyTorch, at its first call."""
    forward = in_torch(torch.compile(pipeline), device, precision)
    if not any_batch:
        return forward

    def run(images_BHW3: torch.Tensor) -> torch.Tensor:
        if len(images_BHW3) == 1:  # a batch of one would be compiled anew
            return forward(images_BHW3.expand(2, -1, -1, -1).contiguous())[:1]
        images = images_BHW3.to(device, non_blocking=True)
        torch._dynamo.mark_dynamic(images, 0)
        return forward(images)

    return run


def _write_onnx(pipeline: Pipeline, images_BHW3: torch.Tensor, any_batch: bool, folder: Path) -> None:
    for module in ("onnx", "onnxscript"):
        require(module)
    example = (images_BHW3[:2] if any_batch else images_BHW3,)
    path = folder / FILES["onnxruntime"]
    torch.onnx.export(pipeline, example, path, dynamo=True, dynamic_shapes=_shapes(any_batch), verbose=False)


def _write_openvino(pipeline: Pipeline, images_BHW3: torch.Tensor, any_batch: bool, folder: Path) -> None:
    openvino = require("openvino")
    model = _to_openvino(openvino, pipeline, images_BHW3[:2] if any_batch else images_BHW3, any_batch)
    size = list(images_BHW3.shape[1:])
    model.reshape({model.inputs[0]: openvino.PartialShape([-1 if any_batch else len(images_BHW3), *size])})
    openvino.save_model(model, folder / FILES["openvino"], compress_to_fp16=False)


def _to_openvino(openvino: ModuleType, pipeline: Pipeline, example: torch.Tensor, any_batch: bool) -> Any:
    """By export, which refuses what depends on values; by tracing, which doesn't, only where export agreed."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in pipeline.modules()):
        return openvino.convert_model(pipeline, example_input=example)
    exported = torch.export.export(pipeline, (example,), dynamic_shapes=_shapes(any_batch))
    try:
        return openvino.convert_model(exported)
    except openvino.frontend.OpConversionFailure:  # an operator that only the exported form has
        return openvino.convert_model(pipeline, example_input=example)


def _open_openvino(path: Path, precision: str) -> Forward:
    return _openvino_forward(require("openvino").Core().read_model(path), precision)


def _openvino_forward(model: Any, precision: str) -> Forward:
    """A batch is cut into as many pieces as there are streams, each on threads of its own.

    Threads that share every layer wait for each other at its end, and the more so the more others corrupt images
    beside them: with a stream a core, an evaluation of EfficientNet-B0 on two cores took a sixth less time.
    """
    fixed_batch = model.inputs[0].get_partial_shape()[0].is_static
    threads = torch.get_num_threads()
    streams = 1 if fixed_batch else min(threads, MOST_STREAMS)
    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
    }
    compiled = require("openvino").Core().compile_model(model, "CPU", settings)
    free: SimpleQueue[list[Any]] = SimpleQueue()
    for _ in range(AT_ONCE["openvino"]):
        free.put([compiled.create_infer_request() for _ in range(streams)])

    def forward(images: torch.Tensor) -> torch.Tensor:
        requests = free.get()
        try:
            return answered(requests, images)
        finally:
            free.put(requests)

    def answered(requests: list[Any], images: torch.Tensor) -> torch.Tensor:
        pieces = np.array_split(images.cpu().numpy(), min(streams, len(images)))
        used = requests[: len(pieces)]
        for request, piece in zip(used, pieces, strict=True):
            request.start_async([piece], share_inputs=True)
        failed: list[RuntimeError] = []
        for request in used:
            try:
                request.wait()
            except RuntimeError as error:  # the others have to end all the same
                failed.append(error)
        if failed:
            raise failed[0]
        return torch.from_numpy(np.concatenate([request.get_output_tensor(0).data for request in used]))

    return forward


def _open_onnxruntime(path: Path, precision: str) -> Forward:
    onnxruntime = require("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def forward(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run(None, {name: images.cpu().numpy()})[0])

    return forward


FILES = {"onnxruntime": "network.onnx", "openvino": "network.xml"}
"""The file that a backend opens."""

WRITE: dict[str, Callable[[Pipeline, torch.Tensor, bool, Path], None]] = {
    "onnxruntime": _write_onnx,
    "openvino": _write_openvino,
}
OPEN: dict[str, Callable[[Path, str], Forward]] = {"onnxruntime": _open_onnxruntime, "openvino": _open_openvino}


def write(name: str, pipeline: Pipeline, images_BHW3: torch.Tensor, folder: Path, *, any_batch: bool) -> None:
    """Convert a pipeline for a backend into a folder.

    Raises:
        ConversionError: the backend can't take it.
    """
    with foreign(f"{name} can't take this network", ConversionError):
        WRITE[name](pipeline, images_BHW3, any_batch, folder)


def opened(name: str, folder: Path, precision: str) -> Forward:
    """The network that `write` put into a folder, as a function; its file may be removed afterwards.

    Raises:
        ConversionError: the backend can't open it.
    """
    with foreign(f"{name} can't run this network", ConversionError):
        return OPEN[name](folder / FILES[name], precision)
