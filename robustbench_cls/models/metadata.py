"""Descriptions in exported files: how images are shown to the classifier, and what its answers mean.

A TorchScript, exported or ONNX file holds a network and no preprocessing. Whoever writes one can put this beside it:

    torch.jit.save(script, path, _extra_files={FILE: describe(classifier)})
    torch.export.save(program, path, extra_files={FILE: describe(classifier)})
    add_to_onnx(path, classifier)
"""

import json
from dataclasses import dataclass
from pathlib import Path

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.records import as_record, from_record
from robustbench_cls.models.classifier import Classifier, Preprocessing, check_preprocessing
from robustbench_cls.models.onnx_file import DESCRIPTION

FILE = DESCRIPTION
"""The name of the description inside a file of PyTorch, and of the property in an ONNX file."""


@dataclass(frozen=True)
class Description:
    """How images are shown to a classifier, and the classes of its head in order."""

    preprocessing: Preprocessing
    class_names: tuple[str, ...]


def describe(classifier: Classifier) -> str:
    """The description of a classifier, to be written into a file with its network."""
    return json.dumps(as_record(Description(classifier.preprocessing, classifier.class_names)))


def add_to_onnx(path: Path, classifier: Classifier) -> None:
    """Write the description of a classifier into the ONNX file that its network was exported to."""
    import onnx

    model = onnx.load_model(path, load_external_data=False)
    onnx.helper.set_model_props(model, {**{p.key: p.value for p in model.metadata_props}, FILE: describe(classifier)})
    onnx.save_model(model, path)


def read_description(text: str | bytes, path: Path) -> Description | None:
    """The description in a file; None where it has none.

    Raises:
        UserError: it is damaged.
    """
    if not text:
        return None
    where = f"The description in {path} ({FILE})"
    try:
        told = from_record(Description, json.loads(text), where)
        check_preprocessing(told.preprocessing)
    except ValueError as error:
        raise UserError(f"{where} can't be read: {error}. Export the file again.") from error
    return told
