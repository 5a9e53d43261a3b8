"""Models that come as programs: TorchScript and exported files, and Python files with a factory.

A program runs what it likes, so a user must have named it as one. TorchScript files hold code in a language of
their own, which PyTorch compiles and runs and which has no way to import Python; exported files hold a graph of
PyTorch operators. Neither is read through a pickle that could import code. A Python file is run as it stands.
"""

import logging
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Literal

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, resolve_data_config
from torch import nn
from torch.nn.parameter import UninitializedParameter

from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.core.files import require_file
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.own_code import code_sha256, imported_by, named_line, run_file
from robustbench_cls.models.architectures import preprocessing_from
from robustbench_cls.models.choices import LARGEST_INPUT, SMALL_INPUT
from robustbench_cls.models.classifier import Preprocessing, weights_sha256
from robustbench_cls.models.convert import foreign
from robustbench_cls.models.metadata import FILE, read_description
from robustbench_cls.models.onnx_file import OnnxFile, read_onnx_file, sha256_of
from robustbench_cls.models.options import kind_of

CROP_FRACTION = 0.875
"""Of the resized image, as in resize 256 and crop 224."""

FORCE_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


@dataclass(frozen=True)
class Program:
    """A model before it has a device, a backend and, where its file doesn't tell, class names.

    Attributes:
        network: a module in evaluation mode, or an ONNX file.
        class_names: empty where only the number of outputs tells.
        batch: the only batch size it takes; 0 for any.
        folder: of the training that made it; empty where that is not known.
        told_by: who says how images are shown to it; empty where that is assumed.
        changed: the options by which the user said otherwise.
        size: the only input size that it takes; 0 where that is open.
        kind: `weights` in a network of timm or torchvision; a `file` that holds a program; or one that a `factory` in
            a Python file made. Of the last two one must look at what they do.
    """

    name: str
    network: nn.Module | OnnxFile
    preprocessing: Preprocessing
    weights_sha256: str
    class_names: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin)
    batch: int = 0
    kind: Literal["weights", "file", "factory"] = "weights"
    told_by: str = ""
    changed: tuple[str, ...] = ()
    size: int = 0
    folder: str = ""


def default_preprocessing(input_size: int = 0) -> Preprocessing:
    """Resize 256, crop 224, bilinear, ImageNet's mean and standard deviation; in proportion for other sizes."""
    size = input_size or 224
    resize = int(size / CROP_FRACTION) if size >= SMALL_INPUT else size
    return Preprocessing(size, resize, "bilinear", IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)


def read_program(path: Path) -> Program:
    """The model in a TorchScript, exported or ONNX file.

    Raises:
        UserError: the file is damaged, asks to run a pickle, or holds no classifier of square images.
    """
    kind = kind_of(path)
    if kind == "onnx":
        file = read_onnx_file(path)
        return _program(path, file, file.input_size, file.batch, file.sha256, kind, file.description)
    told: dict[str, str] = {FILE: ""}
    if kind == "exported":
        network, batch, size = _exported(path, told)
        return _program(path, network, size, batch, sha256_of(path), kind, told[FILE])
    with foreign(f"{path} is damaged or no TorchScript file"):
        script = torch.jit.load(path, map_location="cpu", _extra_files=told).eval()  # type: ignore[no-untyped-call]
    return _program(path, script, 0, 0, sha256_of(path), kind, told[FILE])


def run_factory(path: Path, factory: str) -> Program:
    """The module that a function in a Python file returns; the file is run.

    Its preprocessing is `default_preprocessing`, or what the module's attribute `pretrained_cfg` or
    `default_cfg` says in timm's words. The bytes of the file and of the modules beside it that it imports are part of
    the digest, as they decide the answers too.

    Raises:
        UserError: no such file or function, an exception in it, or a result that is no module.
    """
    require_file(path)
    make = getattr(run_file(path), factory, None)
    if not callable(make):
        raise UserError(f"{path} defines no function {factory}. Name the one that returns the model: {path}:NAME")
    with named_line(path):
        network = make()
    if not isinstance(network, nn.Module):
        raise UserError(f"{factory} in {path} must return a torch.nn.Module, not {type(network).__name__}.")
    if any(isinstance(p, UninitializedParameter) for p in network.parameters()):
        raise UserError(f"{factory} in {path} returns a network of lazy layers. Let it run once before it is returned.")
    with foreign(f"{factory} in {path} states a preprocessing that can't be used"):
        preprocessing, told_by = _stated_preprocessing(network)
    digest = weights_sha256(network.eval(), _code(path))
    name = file_name(f"{path.stem}-{factory}")
    origin = Origin(architecture="factory", weights=f"{path}:{factory}")
    return Program(name, network, preprocessing, digest, origin=origin, kind="factory", told_by=told_by)


def _code(path: Path) -> bytes:
    """The file's bytes, or a digest of them and of the modules beside it that it imports."""
    return code_sha256(path).encode() if imported_by(path) else path.read_bytes()


def file_name(text: str) -> str:
    """`text` as a model's name that is safe as a file name."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "-", text).lstrip("-.+")[:100] or "model"


def _program(
    path: Path, network: nn.Module | OnnxFile, size: int, batch: int, digest: str, kind: str, description: str | bytes
) -> Program:
    if size > LARGEST_INPUT:
        raise UserError(f"{path} takes images of {size} px, more than the {LARGEST_INPUT} that are supported.")
    origin = Origin(architecture=kind, weights=str(path))
    name, told = file_name(path.name), read_description(description, path)
    if told is None:
        return Program(name, network, default_preprocessing(size), digest, (), origin, batch, "file", size=size)
    if size not in (0, told.preprocessing.input_size):
        raise UserError(
            f"{path} takes images of {size} px, and the description in it speaks of {told.preprocessing.input_size}. "
            "Export it again."
        )
    shown, names = told.preprocessing, told.class_names
    return Program(name, network, shown, digest, names, origin, batch, "file", "its file", size=size)


def _exported(path: Path, told: dict[str, str]) -> tuple[nn.Module, int, int]:
    """Module, batch size and input size, each 0 where open; `told` gets the content of the extra files it names."""
    _refuse_pickles(path)
    with foreign(f"{path} is damaged or no exported program, or asks to run a pickle"), _weights_only(), _quiet():
        program = torch.export.load(path, extra_files=told)
    names = set(program.graph_signature.user_inputs)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise UserError(
            f"{path} takes {[tuple(s) for s in shapes]}; expected one batch of images, batch x 3 x side x side."
        )
    batch, channels, height, width = (side if isinstance(side, int) else 0 for side in shapes[0])
    if channels != 3 or height != width:
        raise UserError(f"{path} takes images of {channels} x {height} x {width}; expected 3 x side x side.")
    return program.module(), batch, height


def _refuse_pickles(path: Path) -> None:
    """PyTorch gives objects of an exported file to pickle even where only weights are allowed."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UserError(f"{path} is damaged or no exported program ({first_line(error)}).") from error
    if any("opaque_obj" in name or "custom_obj" in name for name in names):
        raise UserError(f"{path} holds pickled objects besides tensors, so it was not loaded. Export it without them.")


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch logs a traceback of its own before it raises."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _weights_only() -> Iterator[None]:
    """`torch.export.load` tries again with all of pickle where reading weights fails; here it can't."""
    before = os.environ.get(FORCE_WEIGHTS_ONLY)
    os.environ[FORCE_WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCE_WEIGHTS_ONLY]
        else:
            os.environ[FORCE_WEIGHTS_ONLY] = before


def _stated_preprocessing(network: nn.Module) -> tuple[Preprocessing, str]:
    """The preprocessing, and who states it. A network that was built for another size than it states is shown that."""
    stated = getattr(network, "pretrained_cfg", None) or getattr(network, "default_cfg", None)
    if not stated:
        return default_preprocessing(), ""
    values = asdict(stated) if is_dataclass(stated) and not isinstance(stated, type) else dict(stated)
    values = {"interpolation": "bilinear", **{k: v for k, v in values.items() if v is not None}}
    built_for = getattr(getattr(network, "patch_embed", None), "img_size", None)
    size = int(built_for[0]) if isinstance(built_for, tuple) and len(set(built_for)) == 1 else 0
    return preprocessing_from(resolve_data_config({}, pretrained_cfg=values), size), "the module itself"
