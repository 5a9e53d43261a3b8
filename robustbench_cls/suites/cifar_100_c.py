"""CIFAR-100-C: as CIFAR-10-C, of CIFAR-100's test images."""

from dataclasses import replace

from robustbench_cls.suites.cifar_10_c import SUITE as CIFAR_10_C

SUITE = replace(
    CIFAR_10_C,
    name="cifar-100-c",
    title="Common corruptions of CIFAR-100",
    folder="cifar-100-c",
    clean="cifar100",
)
