"""Elastic transform: stretched and contracted in small regions.

Moves every pixel by a smoothed uniform field: draws in ±0.005 of the height, smoothed by a Gaussian of 0.01 of
each side, times 12.5, 16.25, 21.25, 25, 30 (severity 1..5); linear interpolation, mirrored borders.

The published files are another algorithm: first a random affine map, then a field of ±1 px smoothed by 170.8, 19.5,
2.44, 2.44, 2.44 px, times 488, 488, 12.2, 17.1, 29.3 (at 224 px). The mean difference is 18..33 levels: results at
severity 1 and 2 do not compare with the published files.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="elastic_transform",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("elastic_transform", draws="global"),
)
