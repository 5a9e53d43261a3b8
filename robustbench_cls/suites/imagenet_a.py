"""ImageNet-A: natural photos that fool a ResNet-50; 200 classes.

Logits are restricted to the 200 classes before softmax and argmax. Beside it stand the answer with every
class of the head competing, and the clean `val` images of the same classes under the same protocol.
"""

from robustbench_cls.core.suite import IMAGENET_224, Condition, Measure, Suite, measures_of_condition
from robustbench_cls.data.label_spaces import imagenet_subset

SUITE = Suite(
    name="imagenet-a",
    version=1,
    title="Natural adversarial examples",
    conditions=(Condition("natural"),),
    split="a",
    folder="imagenet-a",
    label_space=imagenet_subset("imagenet-a", "imagenet_a_indices.txt"),
    reference=Condition("clean"),
    protocol=IMAGENET_224,
    source="https://arxiv.org/abs/1907.07174",
    measures=(
        Measure("top1_accuracy", "natural"),
        Measure("head_top1_accuracy", "natural"),
        Measure("top1_accuracy", "clean"),
        *measures_of_condition("natural")[1:],
    ),
)
