"""timm's names as read from its source against what timm itself says."""

import pytest
import timm
import torch
from timm.models import model_entrypoint

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.choices import DEVICES, check_device
from robustbench_cls.models.names import architectures, check_architecture, family_of, former_names, is_architecture


def test_the_names_are_timms() -> None:
    assert sorted(architectures()) == sorted(timm.list_models())
    assert former_names().keys().isdisjoint(architectures())
    every = timm.models._registry._model_entrypoints
    assert sorted({*architectures(), *former_names()}) == sorted(every)
    modules = {name: model_entrypoint(name).__module__.rpartition(".")[2] for name in architectures()}
    assert modules == dict(architectures())


def test_a_tag_may_follow_and_a_prefix_may_not() -> None:
    for name in ("resnet50", "resnet50.a1_in1k", "vit_base_patch16_224_in21k"):
        assert is_architecture(name) and timm.is_model(name)
        check_architecture(name)
    for name in ("resnet50.", "hf-hub:timm/resnet50", "local-dir:/tmp", "../resnet50", "", "."):
        assert not is_architecture(name)
        with pytest.raises(UserError, match="timm has no model"):
            check_architecture(name)


def test_families() -> None:
    assert [family_of(name) for name in ("resnet50", "tf_efficientnet_b0.ns_jft_in1k", "deit_tiny_patch16_224")] == [
        "resnet",
        "efficientnet",
        "vit",
    ]
    assert family_of("vit_base_patch16_224_in21k") == "vit"  # a former name


def test_the_kinds_of_devices_are_pytorchs() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.device("nonsense")
    known = str(refused.value).partition("Expected one of ")[2].partition(" device type")[0].split(", ")
    assert len(known) > 10 and set(known) <= set(DEVICES)
    for name in (*known, "auto", "cuda:1", "npu:0"):
        check_device(name)
    for name in ("gpu", "cuda0", "CPU", "cuda:", "cuda:x", ""):
        with pytest.raises(UserError, match="Use --device cpu"):
            check_device(name)
