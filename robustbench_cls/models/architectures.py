"""timm's architectures and ours: creating them, and their preprocessing."""

from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.data import resolve_data_config
from torch import nn

from robustbench_cls.core.errors import UserError
from robustbench_cls.models import cifar_resnet  # noqa: F401 -- registers its networks with timm
from robustbench_cls.models.choices import SMALL_INPUT
from robustbench_cls.models.classifier import Preprocessing
from robustbench_cls.models.names import check_architecture


def create_network(
    architecture: str,
    num_classes: int,
    input_size: int,
    *,
    pretrained: bool = False,
    drop_path: float = 0.0,
    dropout: float = 0.0,
    any_size: bool = False,
) -> Any:
    """A timm network for square inputs of `input_size` px; 0 for the architecture's own.

    With `any_size` it takes inputs of other sizes too, where the architecture can.

    Raises:
        UserError: unknown architecture, or one that can't take this input size.
    """
    check_architecture(architecture)
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if dropout:
        options["drop_rate"] = dropout
    cfg = timm.get_pretrained_cfg(architecture)
    if cfg is None:
        cfg = timm.models.PretrainedCfg()
    if input_size and cfg.fixed_input_size and input_size != cfg.input_size[-1]:
        options["img_size"] = input_size
    if any_size and cfg.fixed_input_size:
        options["dynamic_img_size"] = True
    if num_classes:
        options["num_classes"] = num_classes
    try:
        return timm.create_model(architecture, pretrained=pretrained, **options)
    except (TypeError, AssertionError, ValueError) as error:
        raise UserError(f"{architecture} can't be made with {options}: {error}") from error


def check_input(network: nn.Module, input_size: int, architecture: str) -> None:
    """Show the network a blank image, to find out now whether it takes this size and answers with logits.

    Raises:
        UserError: it doesn't.
    """
    network.eval()
    try:
        with torch.inference_mode():
            shape = network(torch.zeros(1, 3, input_size, input_size)).shape
    except (RuntimeError, AssertionError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{architecture} can't take images of {input_size} px ({reason}). Try --set input_size=224."
        ) from error
    if len(shape) != 2:
        raise UserError(f"{architecture} gives outputs of shape {tuple(shape)}, not one row of logits: no classifier.")


def preprocessing_of(network: nn.Module, input_size: int = 0) -> Preprocessing:
    """The preprocessing that timm states for a network, at another input size where one is given.

    Raises:
        UserError: it asks for something else than a centre crop.
    """
    return preprocessing_from(resolve_data_config({}, model=network), input_size)


def preprocessing_from(config: Mapping[str, Any], input_size: int = 0) -> Preprocessing:
    """The preprocessing in timm's words, complete as `resolve_data_config` gives it.

    Raises:
        UserError: it asks for something else than a centre crop.
    """
    if config["crop_mode"] != "center":
        raise UserError(
            f"This model's preprocessing has crop mode '{config['crop_mode']}'; only 'center' is supported."
        )
    size = input_size or int(config["input_size"][-1])
    resize = int(size / config["crop_pct"]) if size >= SMALL_INPUT else size
    return Preprocessing(size, resize, str(config["interpolation"]), tuple(config["mean"]), tuple(config["std"]))
