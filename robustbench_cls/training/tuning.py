"""Which parts of a network learn: all, its head, or its last blocks."""

from typing import Any

from timm.models._manipulate import group_parameters
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from robustbench_cls.core.errors import UserError

ALL = "all"
HEAD = "head"


def freeze(network: Any, tune: str) -> None:
    """Switch off the gradients of what is not to learn.

    Args:
        network: a timm network.
        tune: `all`, `head`, or `last-N` for the head and the last N blocks, as timm groups layers.

    Raises:
        UserError: timm does not know the network's blocks, or it has fewer.
    """
    if tune == ALL:
        return
    learning = _head(network) if tune == HEAD else _last(network, int(tune.rpartition("-")[2]))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in learning)
    if not learning:
        raise UserError(f"--set tune={tune}: {type(network).__name__} has no such part that could learn.")


def _head(network: Any) -> set[str]:
    own = {id(parameter) for module in _heads(network) for parameter in module.parameters()}
    return {name for name, parameter in network.named_parameters() if id(parameter) in own}


def _heads(network: Any) -> tuple[nn.Module, ...]:
    head = network.get_classifier()
    return head if isinstance(head, tuple) else (head,)


def _last(network: Any, blocks: int) -> set[str]:
    if not hasattr(network, "group_matcher"):
        raise UserError(f"timm does not say what the blocks of {type(network).__name__} are. Use --set tune=head.")
    layers = group_parameters(network, network.group_matcher(coarse=False), reverse=True)
    head = _head(network)
    body = sorted({layer for name, layer in layers.items() if name not in head})
    if blocks >= len(body):
        raise UserError(f"--set tune=last-{blocks}: there are {len(body)} blocks. Use a smaller number, or tune=all.")
    return head | {name for name, layer in layers.items() if layer in body[-blocks:]}


def training_mode(network: nn.Module) -> None:
    """Training mode, but for batch norms whose weights do not learn: they keep their statistics."""
    network.train()
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.affine and not module.weight.requires_grad:
            module.eval()
