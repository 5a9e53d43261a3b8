"""Backends that run a network: eager or compiled PyTorch, ONNX Runtime or OpenVINO, in float32 or bfloat16.

A backend turns a `Pipeline`, uint8 images in and logits out, into a function of the same kind. Whatever it
is, its answers to a few random images are compared with those of eager float32 before it is used.
"""

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.progress import notice
from robustbench_cls.models.choices import CPU_ONLY, IN_TORCH, require
from robustbench_cls.models.classifier import Forward, Pipeline, Preprocessing
from robustbench_cls.models.convert import OPEN, ConversionError, compiled, foreign, in_torch, opened, write
from robustbench_cls.models.kept_networks import forget, keep, kept
from robustbench_cls.models.onnx_file import OnnxFile

PROBES = 3
"""Random images shown at loading: more than the two of the example, so that a batch size fixed by mistake shows."""

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.5}
"""Largest difference from eager float32, in standard deviations of the logits, by number type.

Measured differences are 1e-6 and 0.1; those of another network are over 1."""


@dataclass(frozen=True)
class Running:
    """A forward function and the backend and precision it was made with."""

    forward: Forward
    backend: str
    precision: str


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
        require(backend)
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
    device: torch.device,
    backend: str,
    precision: str,
    *,
    any_batch: bool,
    key: str = "",
) -> Running:
    """The forward function of a pipeline that stands on its device.

    Args:
        images_BHW3: from `probe_images`.
        reference_BC: their logits in eager float32.
        backend: one of `BACKENDS`; `auto` takes the next one where one fails, and says so on stderr.
        key: of the network, under which a converted one is kept on disk; none is where empty.
        any_batch: False where the network takes only as many images as `images_BHW3` holds.

    Raises:
        UserError: the backend asked for can't be had, or can't run this network.
    """
    precision = "float32" if precision == "auto" else precision
    names = candidates(backend, precision, device)
    for name, following in zip(names, (*names[1:], ""), strict=True):
        if name == "torch":
            break
        try:
            if name == "compile":
                forward = compiled(pipeline, precision, device, any_batch=any_batch)
                _check_agrees(name, forward, images_BHW3, reference_BC, precision)
            else:
                seen = _Seen(images_BHW3, reference_BC, precision, any_batch)
                forward = _converted(name, pipeline, seen, key, told=backend == "auto")
            return Running(forward, name, precision)
        except ConversionError as error:
            if not following:
                raise
            notice(f"{error} Going on with {following}.")
    return Running(in_torch(pipeline, device, precision), "torch", precision)


class _Seen(NamedTuple):
    """Images that a network was shown, its logits in eager float32, and how a backend is to run it."""

    images_BHW3: torch.Tensor
    reference_BC: torch.Tensor
    precision: str
    any_batch: bool


def _converted(name: str, pipeline: Pipeline, seen: _Seen, key: str, *, told: bool) -> Forward:
    """The pipeline in another program: from the file of an earlier start where that still answers like this network.

    It is always opened from its file, so that every start gives the same bytes.
    """
    shape = [*seen.images_BHW3.shape[1:], 0 if seen.any_batch else len(seen.images_BHW3)]
    full = (key, name, str(shape), *(importlib.metadata.version(package) for package in ("torch", name)))
    folder = kept(*full) if key else None
    if folder is not None:
        try:
            return _opened(name, folder, seen)
        except ConversionError:
            forget(folder)
    if told:
        notice(f"Preparing the network for {name}, some seconds; --backend torch does without.")
    folder = keep(lambda to: write(name, pipeline, seen.images_BHW3, to, any_batch=seen.any_batch), *full)
    try:
        forward = _opened(name, folder, seen)
    except ConversionError:
        forget(folder)
        raise
    if not key:
        forget(folder)
    return forward


def _opened(name: str, folder: Path, seen: _Seen) -> Forward:
    forward = opened(name, folder, seen.precision)
    _check_agrees(name, forward, seen.images_BHW3, seen.reference_BC, seen.precision)
    return forward


def in_batches_of(forward: Forward, size: int) -> Forward:
    """For networks that take one batch size only: any number of images, the last batch filled up with black ones."""

    def run(images_BHW3: torch.Tensor) -> torch.Tensor:
        missing = -len(images_BHW3) % size
        padded = torch.cat([images_BHW3, images_BHW3.new_zeros(missing, *images_BHW3.shape[1:])])
        return torch.cat([forward(images) for images in torch.split(padded, size)])[: len(images_BHW3)]

    return run


def open_onnx_file(
    file: OnnxFile, preprocessing: Preprocessing, backend: str, precision: str
) -> tuple[nn.Module, Running]:
    """An ONNX file on the CPU, as a module and as a forward function; `auto` prefers OpenVINO.

    Raises:
        UserError: the backend can't be had, or can't run this file.
    """
    if backend in IN_TORCH:
        raise UserError(f"{file.path} is an ONNX file, which {backend} can't run. Use openvino or onnxruntime.")
    precision = "float32" if precision == "auto" else precision
    cpu = torch.device("cpu")
    names = [name for name in candidates(backend, precision, cpu) if name != "torch"]
    if not names:
        raise UserError(f"{file.path} needs ONNX Runtime: pip install 'robustbench-cls[onnx]'.")
    for name in names:
        try:
            with foreign(f"{name} can't run {file.path}", ConversionError):
                network = OnnxNetwork(OPEN[name](file.path, precision))
                forward = in_torch(Pipeline(network, preprocessing), cpu, "float32")
                return network, Running(forward, name, precision)
        except ConversionError as error:
            if name == names[-1]:
                raise
            notice(f"{error} Going on with {names[-1]}.")
    raise AssertionError("unreachable: the last backend returns or raises")


class OnnxNetwork(nn.Module):
    """An ONNX file's network as a module, from float32 images_B3HW to logits_BC."""

    def __init__(self, run: Forward) -> None:
        super().__init__()
        self.run = run

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        """The values of the file's only output."""
        return self.run(images_B3HW.contiguous())


def _installed(name: str) -> bool:
    needed = (name, "onnx", "onnxscript") if name == "onnxruntime" else (name,)
    return all(importlib.util.find_spec(module) is not None for module in needed)


def _check_agrees(
    name: str, forward: Forward, images_BHW3: torch.Tensor, reference_BC: torch.Tensor, precision: str
) -> None:
    with foreign(f"{name} can't run this network", ConversionError), torch.inference_mode():
        logits_BC = forward(images_BHW3).cpu()
    if logits_BC.shape != reference_BC.shape or not torch.isfinite(logits_BC).all():
        raise ConversionError(f"{name} gives no finite logits of shape {tuple(reference_BC.shape)} for this network.")
    difference, spread = float((logits_BC - reference_BC).abs().max()), float(reference_BC.std())
    if difference > TOLERANCE[precision] * spread:
        raise ConversionError(
            f"{name} differs from PyTorch by {difference:.2g} where logits spread by {spread:.2g}: not this network."
        )
