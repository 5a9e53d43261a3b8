"""A network with all it takes to show it an image file and to name its answer."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from robustbench_cls.data.label_spaces import imagenet_1k

LARGEST_INPUT = 8192
"""Side in px beyond which an input size is taken for a mistake."""


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


@dataclass(frozen=True)
class Classifier:
    """A model under test.

    Attributes:
        name: what reports call it.
        class_names: of the head, in order: WordNet ids for ImageNet, else folder names.
        weights_sha256: of every tensor of the network.
        provenance: where it comes from and how it was trained, for the report.
    """

    name: str
    network: nn.Module
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    weights_sha256: str
    device: torch.device
    precision: str = "float32"
    backend: str = "torch"
    provenance: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

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

    def logits(self, images_BHW3: torch.Tensor) -> torch.Tensor:
        """Float32 logits_BC of uint8 images at the input size."""
        with torch.inference_mode():
            logits: torch.Tensor = self.network(self.normalised(images_BHW3.permute(0, 3, 1, 2)))
        return logits.float()


def weights_sha256(network: nn.Module) -> str:
    """A SHA-256 hex digest over names, shapes, types and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
