"""Cue conflict: pictures with the shape of one thing and the texture of another. Models answer one of the two.

1,280 images of 16 categories, as `<shape>/<shape><i>-<texture><j>.png`. An image belongs to the category of its
shape, so that accuracy is the share of answers by shape. A category's probability is the mean over its classes of
the softmax over all classes of the head. Images are 224 px and used as stored, resized for models of other sizes.
"""

from robustbench_cls.core.suite import IMAGENET_224, Condition, Measure, Suite, measures_of_condition
from robustbench_cls.data.label_spaces import cue_conflict

SUITE = Suite(
    name="cue-conflict",
    version=1,
    title="Shape against texture",
    conditions=(Condition("cue-conflict"),),
    split="cue-conflict",
    folder="cue-conflict",
    label_space=cue_conflict(),
    reference=None,
    protocol=IMAGENET_224,
    source="https://arxiv.org/abs/1811.12231",
    measures=(Measure("shape_bias", "cue-conflict"), *measures_of_condition("cue-conflict")),
)
