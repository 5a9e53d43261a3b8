"""Tiny networks with answers that differ, and what they must answer."""

import timm
import torch
import torchvision

from robustbench_cls.models.classifier import Preprocessing


def make(name: str) -> torch.nn.Module:
    """A tiny timm or torchvision network, always with the same weights, none of them at rest."""
    torch.manual_seed(0)
    network = torchvision.models.get_model(name) if name == "mobilenet_v3_small" else timm.create_model(name)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
    return network.eval()


def images(count: int, size: int) -> torch.Tensor:
    """Random uint8 images_BHW3."""
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(7))


def eager(network: torch.nn.Module, preprocessing: Preprocessing, images_BHW3: torch.Tensor) -> torch.Tensor:
    """The network's answers in plain PyTorch, float32."""
    mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
    with torch.inference_mode():
        return network(((images_BHW3 / 255 - mean) / std).permute(0, 3, 1, 2))


def difference(logits_BC: torch.Tensor, reference_BC: torch.Tensor) -> float:
    """The largest difference in standard deviations of the reference."""
    assert logits_BC.shape == reference_BC.shape
    assert logits_BC.dtype == torch.float32
    return float((logits_BC - reference_BC).abs().max() / reference_BC.std())
