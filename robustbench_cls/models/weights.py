"""Weights files of foreign training code: what they hold and how it fits a network."""

import contextlib
import pickle
import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from huggingface_hub import constants
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import clean_state_dict
from torch import nn

from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.core.files import require_file

NESTS = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "weights",
)
"""Under which key training code puts the weights; averaged weights are what it would have evaluated."""

DEEPEST = 8
"""Levels of nesting that are looked into: a file may be nested in itself."""

COUNTERS = "num_batches_tracked"


DAMAGED = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    struct.error,
    zipfile.BadZipFile,
)
"""Errors that PyTorch's reader raises on truncated and altered files."""


def read_torch_file(path: Path) -> Any:
    """The content of a `.pt` or `.pth` file, read with `weights_only=True`: code in it is never run.

    Raises:
        UserError: not there, not a PyTorch file, or it asks to run code.
    """
    require_file(path)
    _check_sums(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if _is_pickle(path):
            raise UserError(
                f"{path} asks to run code when loaded, so it was not loaded. Ask its author for a state_dict or "
                "safetensors file, or name a function of yours that loads it: --model file.py:FACTORY."
            ) from error
        raise UserError(f"{path} is not a PyTorch file ({first_line(error)}).") from error
    except DAMAGED as error:
        raise UserError(f"{path} is damaged or not a PyTorch file ({first_line(error)}). Fetch it again.") from error


def _check_sums(path: Path) -> None:
    """Compare the checksums in a zip file with its content; PyTorch itself does not.

    Raises:
        UserError: one is wrong; it names the part.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
    except (OSError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, struct.error) as error:
        raise UserError(f"{path} is damaged ({first_line(error)}). Fetch it again.") from error
    if wrong is not None:
        raise UserError(f"{path} is damaged: the checksum of {wrong} is wrong. Fetch it again, or save it anew.")


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(2)
    return start in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def read_weights_file(path: Path) -> Any:
    """The content of a `.pt`, `.pth` or `.safetensors` file.

    Raises:
        UserError: it can't be read.
    """
    if path.suffix != ".safetensors":
        return read_torch_file(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable safetensors file ({first_line(error)}).") from error


def state_dict_in(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """The weights in a file's content, without nesting and wrappers' prefixes.

    Raises:
        UserError: it holds none.
    """
    for _ in range(DEEPEST):
        if not isinstance(content, Mapping) or not (nest := next((key for key in NESTS if key in content), None)):
            break
        content = content[nest]
    tensors = isinstance(content, Mapping) and {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
    if not tensors:
        raise UserError(f"{path} holds no weights: expected a mapping from names to tensors.")
    return dict(clean_state_dict(tensors))


def match_by_order(weights: Mapping[str, torch.Tensor], network: nn.Module, path: Path) -> dict[str, torch.Tensor]:
    """The same tensors under the network's names, matched by position; every shape must agree.

    Batch counters are left out of both sides, as not every code base keeps them.

    Raises:
        UserError: another number of tensors, or the first pair whose shapes differ.
    """
    own = {k: v for k, v in network.state_dict().items() if not k.endswith(COUNTERS)}
    given = {k: v for k, v in weights.items() if not k.endswith(COUNTERS)}
    if len(own) != len(given):
        raise UserError(f"{path} holds {len(given)} tensors, the network has {len(own)}: not the same architecture.")
    for (name, mine), (theirs, tensor) in zip(own.items(), given.items(), strict=True):
        if mine.shape != tensor.shape:
            raise UserError(
                f"{path}: '{theirs}' has shape {tuple(tensor.shape)} where the network has '{name}' with "
                f"{tuple(mine.shape)}: not the same architecture."
            )
    return dict(zip(own, given.values(), strict=True))


def load_weights(network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Put all weights into the network; every tensor must find its place.

    Raises:
        UserError: names or shapes differ; the message names the first ones.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in weights and not name.endswith(COUNTERS)]
    unexpected = [name for name in weights if name not in own and not name.endswith(COUNTERS)]
    if missing or unexpected:
        raise UserError(
            f"{path} does not fit the network: {len(missing)} tensors missing ({', '.join(missing[:3])}), "
            f"{len(unexpected)} unexpected ({', '.join(unexpected[:3])}). Name the right --model; if only the names "
            "differ, `robust eval --ordered-match` takes it."
        )
    for name, tensor in weights.items():
        if name in own and (wrong := _unlike(own[name], tensor)):
            raise UserError(f"{path}: '{name}' {wrong}. Save the plain weights of the network: its state_dict().")
        if name in own and own[name].shape != tensor.shape:
            raise UserError(
                f"{path}: '{name}' has shape {tuple(tensor.shape)}, the network's has {tuple(own[name].shape)}. "
                "Name the right --model, or --class-names for another number of classes."
            )
    network.load_state_dict({k: v for k, v in weights.items() if k in own}, strict=False)


def _unlike(own: torch.Tensor, given: torch.Tensor) -> str:
    """In words, why a tensor can't be put where the network's own is, whatever its shape; empty where it can."""
    if given.layout != torch.strided or given.is_quantized or given.device.type == "meta":
        kind = "quantised" if given.is_quantized else "without data" if given.device.type == "meta" else "sparse"
        return f"is {kind}, and the network takes plain tensors"
    if own.is_floating_point() != given.is_floating_point() or given.is_complex() or own.is_complex():
        return f"has numbers of type {str(given.dtype).removeprefix('torch.')}, the network's are {own.dtype}"
    return ""


def load_foreign(network: nn.Module, content: Any, path: Path, ordered_match: bool) -> None:
    """Put the weights of a foreign file, whose content was read, into a network, by name, or by order where asked.

    Raises:
        UserError: it holds no weights, or they don't fit.
    """
    state = state_dict_in(content, path)
    load_weights(network, match_by_order(state, network, path) if ordered_match else state, path)


@contextlib.contextmanager
def fetching(name: str) -> Iterator[None]:
    """Say what to do where published weights can't be fetched in the block.

    Without a network, the Hub's client takes what an earlier call fetched, and does not try again for a minute.
    """
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _reachable(constants.ENDPOINT)
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"The published weights of {name} could not be fetched ({first_line(error)}). "
            "Name a file (`robust eval --weights`, `robust train --start`), or try again with a network."
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = before


SECONDS = 3.0
"""Time in which a server must take a connection."""


def _reachable(address: str) -> bool:
    """Whether a server takes connections; where a proxy stands in between, that is left to the client."""
    if getproxies():
        return True
    told = urlsplit(address)
    try:
        socket.create_connection((told.hostname or "", told.port or 443), SECONDS).close()
    except OSError:
        return False
    return True
