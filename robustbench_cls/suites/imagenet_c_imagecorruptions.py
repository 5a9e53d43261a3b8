"""ImageNet-C as the package imagecorruptions makes it: for numbers that compare with those made by that package.

Its elastic transform, frost, snow and motion blur are not those of the published files, so its mCE is another number.
"""

from dataclasses import replace

from robustbench_cls.suites.imagenet_c import SUITE as IMAGENET_C

SUITE = replace(
    IMAGENET_C,
    name="imagenet-c-imagecorruptions",
    title="Common corruptions, as the package",
    source="https://github.com/bethgelab/imagecorruptions",
    variant="imagecorruptions",
)
