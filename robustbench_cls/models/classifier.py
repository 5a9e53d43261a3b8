"""A network with all it takes to show it an image file and to name its answer."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import torch
from torch import nn

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.origin import Origin
from robustbench_cls.data.label_spaces import imagenet_1k
from robustbench_cls.models.choices import INTERPOLATIONS, LARGEST_INPUT, LARGEST_SHADE, SMALL_INPUT

Forward: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""From uint8 images_BHW3 at the input size to logits_BC."""


@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its images: `resize` the shorter side, centre crop of `input_size`, normalise.

    Attributes:
        resize, input_size: px.
        mean, std: of values in 0..1, by channel.
    """

    input_size: int
    resize: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def at(self, input_size: int) -> "Preprocessing":
        """The same for another input size; the shorter side is resized in proportion, small images are used whole."""
        resize = round(input_size * self.resize / self.input_size) if input_size >= SMALL_INPUT else input_size
        return replace(self, input_size=input_size, resize=resize)

    def in_words(self) -> str:
        """How images are shown, such as `resize 256, crop 224, bilinear, mean 0.5 0.5 0.5, std 0.5 0.5 0.5`."""
        mean, std = (" ".join(f"{value:.4g}" for value in shades) for shades in (self.mean, self.std))
        return f"resize {self.resize}, crop {self.input_size}, {self.interpolation}, mean {mean}, std {std}"


def check_preprocessing(preprocessing: Preprocessing) -> None:
    """Refuse values that can't be.

    Raises:
        ValueError: it says which.
    """
    size, resize = preprocessing.input_size, preprocessing.resize
    if not 0 < size <= resize <= LARGEST_INPUT:
        raise ValueError(f"input size {size} and resize {resize} are not possible")
    shades = (*preprocessing.mean, *preprocessing.std)
    if not all(abs(shade) < LARGEST_SHADE for shade in shades) or min(preprocessing.std) <= 0:
        raise ValueError("mean and std are not possible")
    if preprocessing.interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation '{preprocessing.interpolation:.40}' is not known")


class Pipeline(nn.Module):
    """A network with its normalisation in front: uint8 images_BHW3 in, float32 logits_BC out."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(preprocessing.std), persistent=False)

    def forward(self, images_BHW3: torch.Tensor) -> torch.Tensor:
        """Whole rows at a time: with three channels innermost, PyTorch's broadcasting takes ten times as long."""
        width = images_BHW3.shape[2]
        rows_BHX = images_BHW3.flatten(2).to(torch.float32)
        rows_BHX = (rows_BHX - self.mean.repeat(width)) / self.std.repeat(width)
        images_B3HW = rows_BHX.view(*images_BHW3.shape).permute(0, 3, 1, 2)
        logits_BC: torch.Tensor = self.network(images_B3HW)
        return logits_BC.float()


@dataclass(frozen=True, repr=False)
class Classifier:
    """A model under test.

    Attributes:
        name: what reports call it.
        class_names: of the head, in order: WordNet ids for ImageNet, else folder names.
        weights_sha256: of every tensor of the network; of the bytes of a file that is a program.
        origin: where it comes from and how it was trained, for the report.
        forward: what answers; the network itself in eager PyTorch where None.
        backend: what runs `forward`: `torch`, `compile`, `onnxruntime` or `openvino`.
        precision: `float32` or `bfloat16`.
        normalisation: mean and std, where the user or the model's file gave others than were assumed.
        shown: in words, how images are shown to it, and who says so.
        foreign: it is a program that may do what it likes.
        tensors_sha256: of every tensor of the network when it was loaded; empty where that is not known.
        folder: of the training that made it, where results of it lie; empty where that is not known.
        answers_sha256: of what a program answers to known photos: its files need not tell all that it does.
    """

    name: str
    network: nn.Module
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    weights_sha256: str
    device: torch.device
    origin: Origin = field(default_factory=Origin)
    forward: Forward | None = None
    backend: str = "torch"
    precision: str = "float32"
    normalisation: str = ""
    tensors_sha256: str = ""
    foreign: bool = False
    shown: str = ""
    folder: str = ""
    answers_sha256: str = ""

    def __repr__(self) -> str:
        shown = f"{self.preprocessing.input_size} px, {len(self.class_names)} classes"
        return f"<Classifier {self.name}: {shown}, {self.backend} in {self.precision} on {self.device}>"

    def require_unchanged(self) -> None:
        """Refuse a network whose weights are no longer those that it was loaded with.

        Raises:
            UserError: they are not, so results would go under the name of others.
        """
        if self.tensors_sha256 and weights_sha256(self.network) != self.tensors_sha256:
            raise UserError(
                f"The weights of {self.name} have changed since it was loaded. Load it again, or give the module "
                "itself to evaluate()."
            )

    @property
    def imagenet(self) -> bool:
        """True where the head is the 1000 classes of ImageNet-1k in their published order."""
        return self.class_names == imagenet_1k()

    def normalised(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        """Float32 network input of uint8 images, on the classifier's device, channels last."""
        mean = torch.tensor(self.preprocessing.mean, device=self.device).view(1, 3, 1, 1)
        std = torch.tensor(self.preprocessing.std, device=self.device).view(1, 3, 1, 1)
        images = images_B3HW.to(self.device, non_blocking=True)
        images = images.to(torch.float32, memory_format=torch.channels_last)
        return images.div_(255.0).sub_(mean).div_(std)

    @cached_property
    def _eager(self) -> Pipeline:
        return Pipeline(self.network, self.preprocessing).to(self.device)

    def logits(self, images_BHW3: torch.Tensor) -> torch.Tensor:
        """Float32 logits_BC of uint8 images at the input size."""
        with torch.inference_mode():
            if self.forward is not None:
                return self.forward(images_BHW3)
            logits_BC: torch.Tensor = self._eager(images_BHW3.to(self.device, non_blocking=True))
            return logits_BC


def weights_sha256(network: nn.Module, code: bytes = b"") -> str:
    """A SHA-256 hex digest over names, shapes, types and bytes of all parameters and buffers, after `code`."""
    return tensors_sha256(network.state_dict(), code)


def tensors_sha256(tensors: Mapping[str, torch.Tensor], code: bytes = b"") -> str:
    """The same of tensors by name."""
    digest = hashlib.sha256(code)
    for name, tensor in tensors.items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
