"""Objectives of training: values that are called with (network, images_VB3HW, targets) and give a mean over the batch.

Targets are labels_B or, where images were mixed, targets_BC. The first of V views is the image itself.
"""

from dataclasses import dataclass
from typing import Any

import torch
from timm.loss import JsdCrossEntropy
from torch import nn
from torch.nn import functional

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.classifier import Classifier, Preprocessing


def logits_of(network: nn.Module, images_VB3HW: torch.Tensor) -> torch.Tensor:
    """Float32 logits of all views, one view after the other: (V·B) x C."""
    logits: torch.Tensor = network(images_VB3HW.flatten(0, 1))
    return logits.float()


def dense(targets: torch.Tensor, classes: int, smoothing: float = 0.0) -> torch.Tensor:
    """Targets as probabilities_BC; only labels are smoothed, `smoothing` being shared by all classes."""
    if targets.ndim == 2:
        return targets
    hot_BC = functional.one_hot(targets, classes).float()
    return hot_BC * (1 - smoothing) + smoothing / classes


def over_views(targets: torch.Tensor, views: int) -> torch.Tensor:
    """The targets of all views."""
    return targets.repeat(views, *(1,) * (targets.ndim - 1))


@dataclass(frozen=True)
class CrossEntropy:
    """Softmax cross entropy, of labels or mixed targets, both smoothed."""

    smoothing: float = 0.0

    def __call__(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images and views."""
        logits = logits_of(network, images_VB3HW)
        return functional.cross_entropy(logits, over_views(targets, len(images_VB3HW)), label_smoothing=self.smoothing)


@dataclass(frozen=True)
class BinaryLoss:
    """A yes-or-no loss for each class, as in "ResNet strikes back".

    Attributes:
        smoothing: of the yes and no, whether labels or mixed targets said it.
        threshold: mixed targets above it are a yes, all others a no.

    timm's `BinaryCrossEntropy` does not smooth mixed targets, and of smoothed labels a threshold leaves nothing smooth.
    """

    smoothing: float = 0.0
    threshold: float = 0.0

    def __call__(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images, views and classes."""
        logits = logits_of(network, images_VB3HW)
        classes = logits.shape[1]
        yes = (dense(over_views(targets, len(images_VB3HW)), classes) > self.threshold).float()
        return functional.binary_cross_entropy_with_logits(
            logits, yes * (1 - self.smoothing) + self.smoothing / classes
        )


@dataclass(frozen=True)
class JensenShannon:
    """Cross entropy of the first view, and `weight` times the divergence between all views: timm's `JsdCrossEntropy`.

    Source: Hendrycks et al. 2020, AugMix, arXiv:1912.02781.
    """

    weight: float = 12.0
    smoothing: float = 0.0

    def __call__(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images."""
        if targets.ndim == 2:
            raise UserError("The Jensen-Shannon loss takes labels, not mixed targets. Leave out what mixes images.")
        logits = logits_of(network, images_VB3HW)
        loss: torch.Tensor = JsdCrossEntropy(len(images_VB3HW), self.weight, self.smoothing)(logits, targets)
        return loss


@dataclass(frozen=True)
class Focal:
    """Cross entropy that weighs an image by (1 - p) ^ gamma, p being the probability of its class.

    Source: Lin et al. 2017, arXiv:1708.02002, with a softmax over the classes. Mixed targets weigh class by class.
    """

    gamma: float = 2.0
    smoothing: float = 0.0

    def __call__(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images and views."""
        logs = logits_of(network, images_VB3HW).log_softmax(dim=1)
        wanted = over_views(dense(targets, logs.shape[1], self.smoothing), len(images_VB3HW))
        return -(wanted * (1 - logs.exp()) ** self.gamma * logs).sum(dim=1).mean()


@dataclass(frozen=True)
class ClassWeighted:
    """Cross entropy in which rare classes weigh more.

    Attributes:
        weights_C: of each class; the mean over images is 1.
    """

    weights_C: torch.Tensor
    smoothing: float = 0.0

    @classmethod
    def of_counts(cls, counts_C: Any, power: float, smoothing: float = 0.0) -> "ClassWeighted":
        """Weights in proportion to (1 / count) ^ power: 1 gives every class the same weight, 0 every image."""
        counts = torch.as_tensor(counts_C, dtype=torch.float32).clamp(min=1)
        weights = counts**-power
        return cls(weights * counts.sum() / (weights * counts).sum(), smoothing)

    def __call__(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images and views; unlike in PyTorch it is not divided by the batch's own weights."""
        logits = logits_of(network, images_VB3HW)
        wanted = over_views(dense(targets, logits.shape[1], self.smoothing), len(images_VB3HW))
        return -(wanted * self.weights_C.to(logits.device) * logits.log_softmax(dim=1)).sum(dim=1).mean()


@dataclass(frozen=True)
class Distillation:
    """Cross entropy of the labels and the divergence from a teacher's answers, shown the same pixels.

    Attributes:
        teacher: in evaluation mode.
        student: preprocessing by which the images were normalised.
        weight: share of the teacher in the loss.
        temperature: by which both logits are divided; the divergence counts its square.
        hard: the teacher's answer is taken as a label instead.

    Source: Hinton et al. 2015, arXiv:1503.02531; `hard` as in Touvron et al. 2021, arXiv:2012.12877.
    """

    teacher: Classifier
    student: Preprocessing
    weight: float = 0.5
    temperature: float = 1.0
    hard: bool = False
    smoothing: float = 0.0

    def __call__(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images and views."""
        logits = logits_of(network, images_VB3HW)
        labels = over_views(targets, len(images_VB3HW))
        own = functional.cross_entropy(logits, labels, label_smoothing=self.smoothing)
        told = self.answers(images_VB3HW.flatten(0, 1))
        if self.hard:
            return (1 - self.weight) * own + self.weight * functional.cross_entropy(logits, told.argmax(dim=1))
        taught = functional.kl_div(
            (logits / self.temperature).log_softmax(dim=1),
            (told / self.temperature).log_softmax(dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return (1 - self.weight) * own + self.weight * self.temperature**2 * taught

    @torch.no_grad()
    def answers(self, images_N3HW: torch.Tensor) -> torch.Tensor:
        """The teacher's float32 logits, for images normalised and sized as it wants them.

        A program, such as an ONNX file, takes whole levels 0..255, so its images are rounded.
        """
        theirs, device = self.teacher.preprocessing, images_N3HW.device
        mean, std, to_mean, to_std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (self.student.mean, self.student.std, theirs.mean, theirs.std)
        )
        images = images_N3HW.float() * std + mean
        if images.shape[-1] != theirs.input_size:
            images = functional.interpolate(images, (theirs.input_size,) * 2, mode="bilinear", antialias=True)
        with torch.autocast(device.type, enabled=False):
            if self.teacher.foreign:
                levels_NHW3 = (255 * images).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
                return self.teacher.logits(levels_NHW3.contiguous()).clone().to(device)
            logits: torch.Tensor = self.teacher.network((images - to_mean) / to_std)
        return logits.float()


@dataclass(frozen=True)
class NoisyStudent:
    """The student sees a noisy view of what the teacher sees plainly, and takes the teacher's answer as its target.

    The first of two views is the plain image, the second the noisy one. An image with a label has the mean of the label
    and the teacher's answer as its target; one without (-1) has the answer alone.

    Source: Xie et al. 2020, arXiv:1911.04252, with soft targets. There, answers are computed once for each image; here
    for each crop, which is the same crop that the student sees.
    """

    teaching: Distillation
    smoothing: float = 0.0

    def __call__(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images."""
        plain_B3HW, noisy_B3HW = images_VB3HW
        logs_BC = logits_of(network, noisy_B3HW[None]).log_softmax(dim=1)
        told_BC = self.teaching.answers(plain_B3HW).softmax(dim=1)
        known_B = (targets >= 0)[:, None]
        labels_BC = dense(targets.clamp(min=0), logs_BC.shape[1], self.smoothing)
        wanted_BC = torch.where(known_B, (labels_BC + told_BC) / 2, told_BC)
        return -(wanted_BC * logs_BC).sum(dim=1).mean()


class WithFeatures(nn.Module):
    """A timm network that gives logits and the features before its head."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images_B3HW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float32 logits_BC and features_BF."""
        maps = self.network.forward_features(images_B3HW)
        features_BF = self.network.forward_head(maps, pre_logits=True)
        return self.network.get_classifier()(features_BF).float(), features_BF.float()
