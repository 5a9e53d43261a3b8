"""The backends and precisions there are; read by the command line, so without torch."""

from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError

BACKENDS = ("auto", "torch", "compile", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16")
CPU_ONLY = ("onnxruntime", "openvino")


def check_choice(backend: str, precision: str) -> None:
    """Accept what `BACKENDS` and `PRECISIONS` list, where the two go together.

    Raises:
        UserError: something else.
    """
    for word, value, known in (("backend", backend, BACKENDS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise UserError(f"Unknown {word} '{value}'. {did_you_mean(value, known)}")
    if (backend, precision) == ("onnxruntime", "bfloat16"):
        raise UserError("onnxruntime runs in float32 only. Use --precision float32, or --backend openvino.")
