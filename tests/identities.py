"""An identity for tests of stored runs; `dataclasses.replace` makes others of it."""

from robustbench_cls.core.run import RunIdentity
from robustbench_cls.core.suite import Protocol

IDENTITY = RunIdentity(
    model="a",
    weights_sha256="w",
    classes_sha256="c",
    suite="imagenet-c",
    suite_version=1,
    protocol=Protocol(256, 224, "bilinear", 85, "generated:x", 224),
    label_space="head",
    label_space_sha256="l",
    data_fingerprint="d",
    limit=0,
    seed=0,
    precision="float32",
    backend="torch",
)
