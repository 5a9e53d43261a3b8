"""A model's classes put together to the categories that a suite asks for."""

from dataclasses import replace
from math import log

import torch

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Suite
from robustbench_cls.models.classifier import Classifier


def by_category(classifier: Classifier, suite: Suite) -> Classifier:
    """The same model, its head the suite's categories; the model as it is where the suite has none.

    The probability of a category is the mean over its classes of the softmax over the whole head. Categories so
    compete as if their mean probabilities added up to 1.

    Raises:
        UserError: the head lacks classes that the categories are made of.
    """
    categories = suite.label_space.categories
    if not categories:
        return classifier
    place = {name: i for i, name in enumerate(classifier.class_names)}
    wanted = [name for _, members in categories for name in members]
    lacking = [name for name in wanted if name not in place]
    if lacking:
        raise UserError(
            f"Suite '{suite.name}' asks for categories made of {len(wanted)} classes of ImageNet; {classifier.name} "
            f"lacks {len(lacking)} of them, {lacking[0]} among them. Leave the suite out for this model."
        )
    members_K = [torch.tensor([place[name] for name in members]) for _, members in categories]

    def forward(images_BHW3: torch.Tensor) -> torch.Tensor:
        return category_logits(classifier.logits(images_BHW3), members_K)

    return replace(classifier, class_names=tuple(name for name, _ in categories), forward=forward)


def category_logits(logits_BC: torch.Tensor, members_K: list[torch.Tensor]) -> torch.Tensor:
    """The logarithm of each category's mean probability, up to a constant an image, BK."""
    means = [logits_BC[:, own.to(logits_BC.device)].logsumexp(dim=1) - log(len(own)) for own in members_K]
    return torch.stack(means, dim=1)
