"""Weights that a training begins with: published ones, or those in a file, fitted to the new head and input size."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.progress import notice
from robustbench_cls.models.architectures import create_network
from robustbench_cls.models.checkpoint import checkpoint_in, is_own
from robustbench_cls.models.classifier import tensors_sha256
from robustbench_cls.models.weights import fetching, load_weights, read_weights_file, state_dict_in
from robustbench_cls.training.options import PUBLISHED


def start_weights(
    start: str | Path, network: Any, model: str, class_names: tuple[str, ...]
) -> tuple[Mapping[str, torch.Tensor] | None, str]:
    """The weights to begin with and, in words, which they are; None and nothing where they are drawn.

    The head is kept where a checkpoint of `robust train` has the same classes, and drawn otherwise. timm fits position
    embeddings to another input size.

    Args:
        start: empty, `published` for those that timm fetches, or a file.
        network: a timm network of the new training; it is modified.

    Raises:
        UserError: the weights can't be fetched or read, or they are of another architecture.
    """
    if not start:
        return None, ""
    if str(start) == PUBLISHED:
        with fetching(model):
            size = int(getattr(network, "pretrained_cfg", {}).get("input_size", (3, 0, 0))[-1])
            fetched = create_network(model, len(class_names), size, pretrained=True)
        weights, name = dict(fetched.state_dict()), model
        fitted = _fitted(weights, network)
        return fitted, f"timm's {name} {tensors_sha256(fitted)}"
    path = Path(start)
    if not path.is_file():
        raise UserError(f"There is no file {path} to begin with. Name one, or 'published' for timm's weights.")
    content = read_weights_file(path)
    if is_own(content):
        about, weights, _ = checkpoint_in(content, path)
        if about.architecture != model:
            raise UserError(f"{path} is a checkpoint of {about.architecture}, not of {model}.")
        name, same_head = about.name, about.class_names == class_names
    else:
        weights, name, same_head = state_dict_in(content, path), path.name, False
    digest = tensors_sha256(weights)
    if not same_head:
        notice(f"{path} has another head or names no classes, so the head begins with random weights.")
        head = _head_names(network)
        weights = {key: tensor for key, tensor in weights.items() if key not in head}
        weights |= {key: tensor for key, tensor in network.state_dict().items() if key in head}
    load_weights(network, _fitted(weights, network), path)
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}, f"{name} {digest}"


def _head_names(network: Any) -> set[str]:
    heads = network.get_classifier()
    own = {id(p) for head in (heads if isinstance(heads, tuple) else (heads,)) for p in head.parameters()}
    return {name for name, parameter in network.named_parameters() if id(parameter) in own}


def _fitted(weights: Mapping[str, torch.Tensor], network: Any) -> dict[str, torch.Tensor]:
    """The weights after timm's own filter of the architecture, which resizes position embeddings."""
    own = network.state_dict()
    filter_ = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if filter_ is None or all(name in own and own[name].shape == tensor.shape for name, tensor in weights.items()):
        return dict(weights)
    return dict(filter_(dict(weights), network))
