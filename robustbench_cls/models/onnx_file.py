"""An ONNX file's description of itself: its input, its classes and the bytes it is made of."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustbench_cls.core.errors import UserError

DESCRIPTION = "robustbench_cls.json"
"""The property that holds the classifier's description; see `models.metadata`."""

FLOAT = 1
"""`TensorProto.FLOAT`."""


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX classifier.

    Attributes:
        input_size: px; 0 where the file leaves it open.
        batch: the only batch size it takes; 0 for any.
        sha256: of the file, and of the files with its tensors where they stand beside it.
        description: what `models.metadata` wrote into it; empty where nothing.
    """

    path: Path
    input_size: int
    batch: int
    sha256: str
    description: str = ""


def read_onnx_file(path: Path) -> OnnxFile:
    """Check and describe an ONNX file, without running it.

    Raises:
        UserError: not an ONNX file, not one float32 image batch in and one output out, or tensors that are
            missing or stand outside the file's folder.
    """
    model = _parse(path)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise UserError(
            f"{path} has {len(inputs)} inputs and {len(graph.output)} outputs; a classifier has one of each. Export "
            "the network with images as its only input and logits as its only output."
        )
    batch, size = _shape(inputs[0].type.tensor_type, path)
    told = {prop.key: prop.value for prop in model.metadata_props}
    return OnnxFile(path, size, batch, _sha256(path, sorted(_locations(graph))), told.get(DESCRIPTION, ""))


def sha256_of(*paths: Path) -> str:
    """SHA-256 of the bytes of files, one after the other.

    Raises:
        UserError: one can't be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except OSError as error:
            raise UserError(f"{path} can't be read ({error}).") from error
    return digest.hexdigest()


def _parse(path: Path) -> Any:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise UserError(
            f"{path} is an ONNX file; reading one takes more packages ({error}). pip install 'robustbench-cls[onnx]'"
        ) from error
    try:
        model = onnx.load_model(path, load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise UserError(f"{path} is damaged or no ONNX file ({str(error).partition(chr(10))[0]}).") from error
    if not model.graph.node:
        raise UserError(f"{path} is no ONNX file: it holds no network.")
    return model


def _shape(tensor: Any, path: Path) -> tuple[int, int]:
    """Batch and side of the input, each 0 where open."""
    dims = [dim.dim_value for dim in tensor.shape.dim]
    if tensor.elem_type != FLOAT or len(dims) != 4 or dims[1] not in (0, 3) or dims[2] != dims[3]:
        shown = [dim.dim_value or dim.dim_param or "?" for dim in tensor.shape.dim]
        raise UserError(
            f"{path} takes type {tensor.elem_type} of shape {shown}; "
            "expected float32 (type 1) of batch x 3 x side x side."
        )
    return dims[0], dims[2]


def _locations(graph: Any) -> Iterator[str]:
    """Files that hold tensors of the graph, of its nodes and of the graphs within them."""
    tensors = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            tensors += [attribute.t, *attribute.tensors]
            for inner in (attribute.g, *attribute.graphs):
                yield from _locations(inner)
    for tensor in tensors:
        for entry in tensor.external_data:
            if entry.key == "location":
                yield entry.value


def _sha256(path: Path, locations: list[str]) -> str:
    folder = path.resolve().parent
    beside = [folder / location for location in dict.fromkeys(locations)]
    for file in beside:
        if not file.resolve().is_relative_to(folder):
            raise UserError(f"{path} asks for tensors in {file}, outside its own folder; it was not loaded.")
        if not file.is_file():
            raise UserError(f"{path} keeps its tensors in {file}, which is not there. Copy it beside the ONNX file.")
    return sha256_of(path, *beside)
