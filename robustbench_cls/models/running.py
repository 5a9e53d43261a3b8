"""From a program to a classifier: on its device, run by a backend, its answers to a few images checked."""

import torch
from torch import nn

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.progress import notice
from robustbench_cls.data.label_spaces import imagenet_1k
from robustbench_cls.models.backends import accelerate, in_batches_of, open_onnx_file, probe, probe_images
from robustbench_cls.models.classifier import Classifier, Pipeline, weights_sha256
from robustbench_cls.models.convert import in_torch
from robustbench_cls.models.onnx_file import OnnxFile
from robustbench_cls.models.programs import Program
from robustbench_cls.models.steadiness import answers_sha256, known_photos, steady_logits

OWN = "its checkpoint"
"""Who says how images are shown to a model that `robust train` made."""


def say_preprocessing(program: Program) -> None:
    """Print how images are shown to it, and who says so."""
    notice(f"Where a suite leaves it to the model, images are shown to {program.name} like this: {in_words(program)}.")


def in_words(program: Program) -> str:
    """How images are shown to it, and who says so."""
    by = f"as {program.told_by} says" if program.told_by else "assumed, as nothing tells it"
    if program.changed:
        by += f", but for {', '.join(program.changed)}"
    elif not program.told_by:
        by += "; --input-size, --mean, --std and --interpolation change it"
    return f"{program.preprocessing.in_words()} ({by})"


def ready(network: nn.Module, device: torch.device) -> nn.Module:
    """On the device, in evaluation mode, channels last: convolutions are up to twice as fast so."""
    return _placed(network.eval(), device)


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    placed: nn.Module = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def as_classifier(program: Program, device: torch.device, backend: str, precision: str) -> Classifier:
    """The program on its device, its answers to a few images checked.

    Raises:
        UserError: it gives no logits, its classes are not known, or its answers depend on the batch or on chance.
    """
    images_BHW3 = probe_images(program.preprocessing.input_size, program.batch)
    if isinstance(program.network, OnnxFile):
        if device.type != "cpu":
            raise UserError(f"{program.network.path} is an ONNX file and runs on the CPU here. Use --device cpu.")
        network, running = open_onnx_file(program.network, program.preprocessing, backend, precision)
        eager = running.forward
        class_names = _class_names(program, probe(eager, images_BHW3, program.name))
    else:
        network = _placed(program.network, device)
        pipeline = Pipeline(network, program.preprocessing).to(device)
        eager = in_torch(pipeline, device, "float32")
        logits_BC = probe(eager, images_BHW3, program.name)
        class_names = _class_names(program, logits_BC)
        any_batch = not program.batch
        key = f"{program.weights_sha256} {program.preprocessing} {network!r}" if program.kind != "factory" else ""
        running = accelerate(pipeline, images_BHW3, logits_BC, device, backend, precision, any_batch=any_batch, key=key)
    answers = ""
    if program.kind != "weights":
        asked = in_batches_of(eager, program.batch) if program.batch else eager
        number_type = running.precision if isinstance(program.network, OnnxFile) else "float32"
        known_BC = steady_logits(asked, known_photos(program.preprocessing.input_size), program.name, number_type)
        answers = answers_sha256(known_BC) if program.kind == "factory" else ""
    return Classifier(
        name=program.name,
        network=network,
        class_names=class_names,
        preprocessing=program.preprocessing,
        weights_sha256=program.weights_sha256,
        device=device,
        origin=program.origin,
        forward=in_batches_of(running.forward, program.batch) if program.batch else running.forward,
        backend=running.backend,
        precision=running.precision,
        normalisation=_normalisation(program),
        tensors_sha256=program.weights_sha256 if program.kind == "weights" else weights_sha256(network),
        shown=in_words(program),
        foreign=program.kind != "weights",
        folder=program.folder,
        answers_sha256=answers,
    )


def _normalisation(program: Program) -> str:
    """Mean and std, where others than those that older versions of this program used without asking."""
    own = program.preprocessing
    told = program.told_by == "its file" or {"--mean", "--std"} & {*program.changed}
    return f"mean {own.mean}, std {own.std}" if told else ""


def _class_names(program: Program, logits_BC: torch.Tensor) -> tuple[str, ...]:
    outputs = logits_BC.shape[1]
    names = program.class_names or (imagenet_1k() if outputs == len(imagenet_1k()) else ())
    if not names:
        raise UserError(
            f"{program.name} has {outputs} outputs, which is no ImageNet head, so the classes are not known. "
            "Give --class-names FILE with one class name a line in the head's order."
        )
    if len(names) != outputs:
        raise UserError(f"{program.name} has {outputs} outputs, but there are {len(names)} class names.")
    return names
