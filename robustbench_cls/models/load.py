"""`load_classifier`: from what a user names to a Classifier."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from timm.data import ImageNetInfo, infer_imagenet_subset
from torch import nn

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.progress import notice
from robustbench_cls.models.architectures import create_network, preprocessing_of
from robustbench_cls.models.checkpoint import checkpoint_in, is_own
from robustbench_cls.models.choices import CPU_ONLY, check_device
from robustbench_cls.models.classifier import Classifier, weights_sha256
from robustbench_cls.models.options import TORCHVISION, ModelOptions, kind_of, training_of
from robustbench_cls.models.programs import Program, default_preprocessing, file_name, read_program, run_factory
from robustbench_cls.models.running import OWN, as_classifier, say_preprocessing
from robustbench_cls.models.torchvision_models import from_torchvision
from robustbench_cls.models.transforms import read_transform
from robustbench_cls.models.weights import fetching, load_foreign, load_weights, read_torch_file, read_weights_file


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is a GPU where there is one, each process of torchrun's its own, else the CPU.

    Raises:
        UserError: no such device on this machine.
    """
    check_device(name)
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        if accelerator is None:
            return torch.device("cpu")
        own = int(os.environ.get("LOCAL_RANK", 0)) % torch.accelerator.device_count()
        return torch.device(accelerator.type, own)
    try:
        if name.startswith("meta"):
            raise NotImplementedError("it holds no data")
        return torch.empty(1, device=name).device  # as tensors name it: cpu, not cpu:0
    except (RuntimeError, AssertionError, NotImplementedError, ImportError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"Device '{name}' can't be used here ({reason}). Use --device cpu.") from error


def load_classifier(
    model: str | Path,
    *,
    weights: Path | None = None,
    ordered_match: bool = False,
    class_names: tuple[str, ...] = (),
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    input_size: int = 0,
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
    interpolation: str = "",
    name: str = "",
) -> Classifier:
    """The classifier in a file, made by a function of the user's, or of timm or torchvision, ready to answer.

    Args:
        model: a checkpoint of `robust train`; a TorchScript, exported (.pt2) or ONNX file; `path/to/file.py:factory`,
            a function without arguments that returns a module; a timm name; or `torchvision:resnet50`. Files other
            than checkpoints, and factories, are programs: they run what they like.
        weights: for a timm or torchvision name: a .pt, .pth or .safetensors file; the published weights where None.
        ordered_match: match tensors of equal shapes in equal order, where only their names differ.
        class_names: of a foreign head in its order; needed where the head is not ImageNet's.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        precision: `float32`, `bfloat16` or `auto`, which is float32.
        backend: `torch`, `compile`, `onnxruntime`, `openvino`, or `auto`: the fastest installed one that keeps
            float32 on this device. Where its choice can't run the model, a line on stderr says so and names the next.
        input_size, mean, std, interpolation: how images are shown, where the model does not say or says it wrong: px,
            and by channel, of values in 0..1. A line on stderr says what is used, and who says so.
        name: under which reports speak of it; its own where empty.

    Raises:
        UserError: no such file or model, weights that don't fit, a head whose classes aren't known, outputs that
            are no logits, or a backend that isn't installed or can't run the model.
    """
    named = ModelOptions(
        model,
        weights,
        ordered_match,
        class_names,
        device,
        precision,
        backend,
        input_size=input_size,
        mean=mean,
        std=std,
        interpolation=interpolation,
        name=name,
    )
    return load(named)


def load(options: ModelOptions) -> Classifier:
    """`load_classifier`, with its arguments in one piece."""
    options.check()
    only_cpu = options.backend in CPU_ONLY or kind_of(Path(options.model)) == "onnx"
    device = pick_device("cpu" if only_cpu and options.device == "auto" else options.device)
    program = _shown_as_asked(_find(options), options)
    program = replace(program, name=options.name or program.name)
    if program.told_by != OWN:
        say_preprocessing(program)
    return as_classifier(program, device, options.backend, options.precision)


def _shown_as_asked(program: Program, options: ModelOptions) -> Program:
    """The program, images shown to it as the user asked."""
    own = program.preprocessing
    if options.input_size and program.size not in (0, options.input_size):
        raise UserError(f"{options.model} takes images of {program.size} px alone. Leave out --input-size.")
    if options.input_size:
        own = own.at(options.input_size)
    own = replace(
        own,
        mean=options.mean or own.mean,  # type: ignore[arg-type]  # three of each, as `ModelOptions.check` saw to
        std=options.std or own.std,  # type: ignore[arg-type]
        interpolation=options.interpolation or own.interpolation,
    )
    before = program.preprocessing
    compared = {
        "--input-size": (own.input_size, before.input_size),
        "--mean": (own.mean, before.mean),
        "--std": (own.std, before.std),
        "--interpolation": (own.interpolation, before.interpolation),
    }
    changed = tuple(option for option, (now, then) in compared.items() if now != then)
    return replace(program, preprocessing=own, changed=changed)


def from_module(
    network: nn.Module, transform: object = None, class_names: Sequence[str] = (), *, name: str = ""
) -> Classifier:
    """A module of the user's own as a classifier that runs in eager PyTorch, where the module is.

    Args:
        network: it is put into evaluation mode.
        transform: how images are shown to it, see `read_transform`; assumed as for ImageNet where None.
        class_names: of its outputs; needed where they are not ImageNet's 1000.
        name: under which reports speak of it; the module's class where empty.

    Raises:
        UserError: as `load_classifier`.
    """
    told = default_preprocessing() if transform is None else read_transform(transform)
    program = Program(
        file_name(name or type(network).__name__),
        network.eval(),
        told,
        weights_sha256(network),
        tuple(class_names),
        Origin(architecture=type(network).__name__),
        kind="factory",
        told_by="" if transform is None else "the transform",
    )
    say_preprocessing(program)
    own = next(network.parameters(), torch.empty(0)).device
    return as_classifier(program, own, "torch", "float32")


def _find(options: ModelOptions) -> Program:
    """The program that the user named, by the form of the name."""
    text, path = str(options.model), Path(options.model)
    weights, ordered_match, class_names = options.weights, options.ordered_match, options.class_names
    form = options.form()
    if form == "program":
        read = read_program(path)
        return replace(read, class_names=class_names or read.class_names)
    if form == "checkpoint":
        return _own(read_torch_file(path), path)
    if form == "factory":
        file, _, factory = text.rpartition(":")
        return replace(run_factory(Path(file), factory), class_names=class_names)
    content = read_weights_file(weights) if weights is not None else None
    if weights is not None and is_own(content):
        return _own_weights(text, content, weights, class_names)
    if form == "torchvision":
        return from_torchvision(text.removeprefix(TORCHVISION), content, weights, ordered_match, class_names)
    return _from_timm(text, content, options)


def _own_weights(name: str, content: Any, path: Path, class_names: tuple[str, ...]) -> Program:
    """The checkpoint of `robust train` that the user gave as weights: it describes itself.

    Raises:
        UserError: it is of another architecture or has other classes than the user says.
    """
    about, _, _ = checkpoint_in(content, path)
    if about.architecture != name:
        raise UserError(f"{path} is a checkpoint of {about.architecture}, not of {name}. Name it without --model.")
    if class_names and class_names != about.class_names:
        raise UserError(f"{path} describes itself and has other classes than --class-names. Name it without --model.")
    notice(f"{path} describes itself, so it is measured as it was trained, under the name {about.name}.")
    return _own(content, path)


def _own(content: Any, path: Path) -> Program:
    about, weights, _ = checkpoint_in(content, path)
    network = create_network(about.architecture, len(about.class_names), about.preprocessing.input_size)
    load_weights(network, weights, path)
    digest = about.weights_sha256 or weights_sha256(network)
    program = Program(about.name, network.eval(), about.preprocessing, digest, about.class_names, about.origin)
    return replace(program, told_by=OWN, folder=str(training_of(path) or ""))


def _from_timm(name: str, content: Any, options: ModelOptions) -> Program:
    weights, class_names, input_size = options.weights, options.class_names, options.input_size
    if weights is None:
        with fetching(name):
            network = create_network(name, len(class_names), input_size, pretrained=True)
    else:
        network = create_network(name, len(class_names), input_size)
        load_foreign(network, content, weights, options.ordered_match)
    names = class_names or _imagenet_names(network, name)
    origin = Origin(architecture=name, weights=str(weights or "timm"))
    digest = weights_sha256(network)
    return Program(name, network.eval(), preprocessing_of(network), digest, names, origin, told_by="timm")


def _imagenet_names(network: nn.Module, name: str) -> tuple[str, ...]:
    subset = infer_imagenet_subset(network)
    if subset is None:
        count = getattr(network, "num_classes", "an unknown number of")
        raise UserError(
            f"The head of {name} has {count} classes, which is no ImageNet head, so their names are not known. "
            "Give --class-names FILE with one class name a line in the head's order."
        )
    return tuple(ImageNetInfo(subset).label_names())
