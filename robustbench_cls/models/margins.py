"""Objectives that shape the features before the head: centre, triplet and angular-margin losses.

The learner calls the network through `WithFeatures` for those that say `wants_features`. They need a timm network with
`forward_features` and `forward_head`, and a head that is one linear layer where the head's weights are used.
"""

from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.objectives import over_views


def answers(network: nn.Module, images_VB3HW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Float32 logits and features of all views, from a network in `WithFeatures`."""
    logits_NC, features_NF = network(images_VB3HW.flatten(0, 1))
    return logits_NC, features_NF


def labels_of(targets: torch.Tensor, views: int) -> torch.Tensor:
    """The labels of all views.

    Raises:
        UserError: images were mixed, so there are none.
    """
    if targets.ndim == 2:
        raise UserError("Losses on features take labels, not mixed targets. Leave out what mixes images.")
    return over_views(targets, views)


class Centre(nn.Module):
    """Cross entropy and half the squared distance of each feature to the centre of its class, times `weight`.

    The centres are buffers that move by `rate` towards the mean of their class in a batch. Under torchrun each process
    moves its own.

    Source: Wen et al. 2016, A discriminative feature learning approach, doi:10.1007/978-3-319-46478-7_31, equation 4.
    """

    wants_features: ClassVar[bool] = True
    centres_CF: torch.Tensor

    def __init__(self, classes: int, features: int, weight: float, rate: float, smoothing: float) -> None:
        super().__init__()
        self.weight, self.rate, self.smoothing = weight, rate, smoothing
        self.register_buffer("centres_CF", torch.zeros(classes, features))

    def forward(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images and views."""
        logits_NC, features_NF = answers(network, images_VB3HW)
        labels_N = labels_of(targets, len(images_VB3HW))
        own = functional.cross_entropy(logits_NC, labels_N, label_smoothing=self.smoothing)
        apart_NF = features_NF - self.centres_CF[labels_N]
        loss = own + self.weight * 0.5 * apart_NF.square().sum(dim=1).mean()
        self._move(apart_NF.detach(), labels_N)
        return loss

    @torch.no_grad()
    def _move(self, apart_NF: torch.Tensor, labels_N: torch.Tensor) -> None:
        """Each centre by rate · (sum of its features' distances) / (1 + their number)."""
        counts_C = torch.bincount(labels_N, minlength=len(self.centres_CF)).to(apart_NF.dtype)
        sums_CF = torch.zeros_like(self.centres_CF).index_add_(0, labels_N, apart_NF)
        self.centres_CF += self.rate * sums_CF / (1 + counts_C[:, None])


class Triplet(nn.Module):
    """Cross entropy and a triplet loss with the hardest pairs of a batch, times `weight`.

    For each feature, of length 1: the distance to the farthest of its class less that to the nearest of another, plus
    `margin`, where that is over 0. A feature alone in its class or in a batch of one class counts nothing.

    Source: Hermans et al. 2017, arXiv:1703.07737, "batch hard".
    """

    wants_features: ClassVar[bool] = True

    def __init__(self, weight: float, margin: float, smoothing: float) -> None:
        super().__init__()
        self.weight, self.margin, self.smoothing = weight, margin, smoothing

    def forward(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images and views."""
        logits_NC, features_NF = answers(network, images_VB3HW)
        labels_N = labels_of(targets, len(images_VB3HW))
        own = functional.cross_entropy(logits_NC, labels_N, label_smoothing=self.smoothing)
        unit_NF = functional.normalize(features_NF)
        apart_NN = (2 - 2 * unit_NF @ unit_NF.T).clamp(min=1e-12).sqrt()
        alike_NN = labels_N[:, None] == labels_N[None]
        others_NN = ~alike_NN
        alike_NN = alike_NN & ~torch.eye(len(labels_N), dtype=torch.bool, device=labels_N.device)
        farthest_N = apart_NN.masked_fill(~alike_NN, -1).amax(dim=1)
        nearest_N = apart_NN.masked_fill(~others_NN, 4).amin(dim=1)
        counts_N = alike_NN.any(dim=1) & others_NN.any(dim=1)
        losses_N = functional.relu(farthest_N - nearest_N + self.margin) * counts_N
        return own + self.weight * losses_N.sum() / counts_N.sum().clamp(min=1)


class AngularMargin(nn.Module):
    """Cross entropy of scaled cosines between features and the head's rows, the right one's angle made larger.

    The head's bias is not used, and lengths do not count in training; in evaluation the head answers as any other does.

    Source: Deng et al. 2019, ArcFace, arXiv:1801.07698, equation 3, with `margin` in radians and `scale`.
    """

    wants_features: ClassVar[bool] = True

    def __init__(self, margin: float, scale: float, smoothing: float) -> None:
        super().__init__()
        self.margin, self.scale, self.smoothing = margin, scale, smoothing

    def forward(self, network: nn.Module, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over images and views."""
        _, features_NF = answers(network, images_VB3HW)
        labels_N = labels_of(targets, len(images_VB3HW))
        inner = network.module if hasattr(network, "module") else network
        head = inner.network.get_classifier()  # type: ignore[union-attr, operator]
        if not isinstance(head, nn.Linear):
            raise UserError(f"An angular margin needs a head of one linear layer, not {type(head).__name__}.")
        cosines_NC = functional.normalize(features_NF) @ functional.normalize(head.weight.float()).T
        angles_NC = cosines_NC.clamp(-1 + 1e-6, 1 - 1e-6).acos()
        right_NC = functional.one_hot(labels_N, cosines_NC.shape[1]).bool()
        logits_NC = self.scale * torch.where(right_NC, (angles_NC + self.margin).cos(), cosines_NC)
        return functional.cross_entropy(logits_NC, labels_N, label_smoothing=self.smoothing)
