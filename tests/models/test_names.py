"""Names as read from source files against what timm itself says, with whom ours are registered."""

import pytest
import timm
import torch
from timm.models import model_entrypoint
from torch.utils.flop_counter import FlopCounterMode

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.architectures import create_network, preprocessing_of
from robustbench_cls.models.choices import DEVICES, check_device
from robustbench_cls.models.names import architectures, check_architecture, family_of, former_names, is_architecture


def test_the_names_are_timms_and_ours() -> None:
    assert sorted(architectures()) == sorted(timm.list_models())
    assert former_names().keys().isdisjoint(architectures())
    every = timm.models._registry._model_entrypoints
    assert sorted({*architectures(), *former_names()}) == sorted(every)
    modules = {name: model_entrypoint(name).__module__.rpartition(".")[2] for name in architectures()}
    assert modules == dict(architectures())


def test_our_network_for_small_images_is_the_one_described() -> None:
    network = create_network("cifar_resnet8", 10, 0)
    own = preprocessing_of(network)
    assert family_of("cifar_resnet8") == "cifar" and (own.input_size, own.resize) == (32, 32)
    assert sum(weight.numel() for weight in network.parameters()) < 500_000
    network.eval()
    assert network.stem(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 16, 16)
    with FlopCounterMode(display=False) as counter:
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert round(counter.get_total_flops() / 2e6, 1) == 36.9


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
