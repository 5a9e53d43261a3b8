"""JPEG compression: the artefacts of a lossy file.

Saves as JPEG of quality 25, 18, 15, 10, 7 (severity 1..5; 4:2:0) and loads again. No randomness.

The code that made the published files does the same; like all of them, these were then saved at quality 85.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="jpeg_compression",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("jpeg_compression", draws="nothing"),
)
