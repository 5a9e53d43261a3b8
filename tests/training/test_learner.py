"""A step's parts against a plain loop of timm's and PyTorch's own, and rates against their schedules."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, OneCycleLR

from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Regimen
from robustbench_cls.models.classifier import Classifier, Preprocessing
from robustbench_cls.models.objectives import CrossEntropy
from robustbench_cls.training.images import Batch, seed_everything
from robustbench_cls.training.learner import Learner, make_learner, warmup_of
from robustbench_cls.training.order import MicroBatch, Step
from robustbench_cls.training.ranks import Ranks
from robustbench_cls.training.tuning import freeze

CPU = torch.device("cpu")
GREY = Preprocessing(32, 32, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
NAMES = tuple("abcde")
BASE = Regimen(epochs=8, batch_size=12, lr_batch_size=12, lr=0.05, warmup_epochs=2, label_smoothing=0.1)
STEPS = 5
"""Of an epoch."""


def network(model: str = "test_resnet") -> nn.Module:
    seed_everything(Key.of("a network"))
    made: nn.Module = timm.create_model(model, num_classes=len(NAMES))
    return made.to(memory_format=torch.channels_last)


def learner(regimen: Regimen, model: str = "test_resnet", precision: torch.dtype = torch.float32) -> Learner:
    own = network(model)
    freeze(own, regimen.tune)
    classifier = Classifier("own", own, NAMES, GREY, "", CPU)
    return make_learner(classifier, regimen, None, CrossEntropy(0.1), precision, STEPS, 0, Ranks())


def data(index: int, sizes: Sequence[int]) -> tuple[Step, list[Batch]]:
    rng = np.random.default_rng(index)
    batches, parts = [], []
    for number, count in enumerate(sizes):
        images = torch.from_numpy(rng.integers(0, 256, (1, count, 32, 32, 3), dtype=np.uint8))
        batches.append(Batch(number, images, torch.from_numpy(rng.integers(0, len(NAMES), count))))
        parts.append(MicroBatch(number, np.arange(count), np.zeros(count, int)))
    return Step(index, index // STEPS, 32, sum(sizes), tuple(parts)), batches


def inputs(batch: Batch) -> torch.Tensor:
    images = batch.images_VBHW3[0].permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
    return images.div_(255.0).sub_(0.5).div_(0.5)


def equal(first: nn.Module, second: nn.Module) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adamw", "lr": 0.003, "weight_decay": 0.05, "layer_decay": 0.7},
        {"optimizer": "rmsproptf", "lr": 0.003, "clip_grad": 0.5},
        {"optimizer": "lamb", "lr": 0.003},
        {"optimizer": "lars", "momentum": 0.8},
        {"optimizer": "lookahead_adamw", "lr": 0.003},
        {"ema_decay": 0.7},
    ],
)
def test_steps_are_those_of_a_plain_loop_of_timms_parts(changes: dict[str, object]) -> None:
    regimen = replace(BASE, **changes)
    own = learner(regimen)
    theirs = network()
    optimizer = create_optimizer_v2(
        theirs,
        opt=regimen.optimizer,
        lr=regimen.lr,
        weight_decay=regimen.weight_decay,
        momentum=regimen.momentum,
        layer_decay=regimen.layer_decay if regimen.layer_decay < 1 else None,
    )
    scheduler, _ = create_scheduler_v2(
        optimizer,
        sched="cosine",
        num_epochs=8,
        warmup_epochs=2,
        warmup_lr=regimen.lr / 100,
        step_on_epochs=False,
        updates_per_epoch=STEPS,
    )
    average = timm.utils.ModelEmaV3(theirs, decay=regimen.ema_decay or 0.5)
    theirs.train()
    for index in range(12):
        step, batches = data(index, [12])
        own.step(step, batches)
        optimizer.zero_grad()
        cross_entropy(theirs(inputs(batches[0])), batches[0].labels_B, label_smoothing=0.1).backward()
        if regimen.clip_grad:
            nn.utils.clip_grad_norm_(theirs.parameters(), regimen.clip_grad)
        optimizer.step()
        scheduler.step_update(index + 1)
        average.update(theirs, index + 1)
    assert equal(own.classifier.network, theirs)
    if regimen.ema_decay:
        assert equal(own.measured.network, average.module) and not equal(own.measured.network, theirs)


def rates(regimen: Regimen, steps: int) -> list[float]:
    """The rate of each step, as the learner sets it."""
    own = learner(regimen)
    found = []
    for index in range(steps):
        found.append(own.rate)
        own.scheduler.step_update(index + 1)
    return found


def test_the_warm_up_rises_in_equal_steps_to_the_rate() -> None:
    found = rates(BASE, 11)
    assert found[0] == pytest.approx(0.0005)
    assert np.diff(found[:10]) == pytest.approx((0.05 - 0.0005) / 10)
    assert found[10] == pytest.approx(0.05 * 0.5 * (1 + np.cos(np.pi * 10 / 40)))


def test_the_rate_is_in_proportion_to_the_batch() -> None:
    whole = rates(replace(BASE, warmup_epochs=0), 1)[0]
    assert rates(replace(BASE, warmup_epochs=0, batch_size=24), 1)[0] == pytest.approx(2 * whole)
    assert rates(replace(BASE, warmup_epochs=0, micro_batch=3), 1)[0] == whole


def test_a_cosine_ends_at_nothing() -> None:
    found = rates(replace(BASE, warmup_epochs=0), 41)
    assert found[:40] == pytest.approx([0.025 * (1 + np.cos(np.pi * i / 40)) for i in range(40)])
    assert found[40] == 0


def test_steps_cut_the_rate() -> None:
    found = rates(replace(BASE, warmup_epochs=0, schedule="step", decay_epochs=2.0, decay_rate=0.5), 40)
    assert found == pytest.approx([0.05 * 0.5 ** (i // 10) for i in range(40)])


def test_one_cycle_is_pytorchs() -> None:
    own = learner(replace(BASE, schedule="one-cycle"))
    optimizer = torch.optim.SGD(network().parameters(), lr=0.05, momentum=0.9, nesterov=True)
    theirs = OneCycleLR(optimizer, 0.05, total_steps=40)
    for index in range(40):
        group = own.optimizer.param_groups[0]
        assert (group["lr"], group["momentum"]) == (
            pytest.approx(optimizer.param_groups[0]["lr"]),
            pytest.approx(optimizer.param_groups[0]["momentum"]),
        )
        own.scheduler.step_update(index + 1)
        optimizer.step()
        if index < 39:
            theirs.step()


def test_sgdr_is_pytorchs() -> None:
    found = rates(replace(BASE, warmup_epochs=0, schedule="sgdr", cycles=2), 40)
    optimizer = torch.optim.SGD(network().parameters(), lr=0.05)
    theirs = CosineAnnealingWarmRestarts(optimizer, T_0=20)
    expected = []
    for _ in range(40):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert found == pytest.approx(expected)


def test_micro_batches_add_up_to_the_step() -> None:
    """A network without batch norm sees the same gradient, whatever the cut; the parts need not be equal."""
    whole, cut = (learner(replace(BASE, warmup_epochs=0, clip_grad=1.0), "test_vit") for _ in range(2))
    step, (batch,) = data(0, [12])
    parts = [
        Batch(number, batch.images_VBHW3[:, place], batch.labels_B[place])
        for number, place in enumerate((slice(0, 5), slice(5, 9), slice(9, 12)))
    ]
    one, other = whole.step(step, [batch]), cut.step(step, parts)
    assert float(one) == pytest.approx(float(other), abs=1e-6)
    for first, second in zip(whole.classifier.network.parameters(), cut.classifier.network.parameters(), strict=True):
        assert torch.allclose(first, second, atol=1e-6)


def test_gradients_are_clipped_to_the_norm() -> None:
    own = learner(replace(BASE, clip_grad=0.01))
    own.step(*data(0, [12]))
    grads = [p.grad for p in own.classifier.network.parameters() if p.grad is not None]
    assert float(torch.linalg.vector_norm(torch.stack([g.norm() for g in grads]))) == pytest.approx(0.01, rel=1e-3)


def test_the_average_takes_in_weights_and_buffers_by_its_decay() -> None:
    own = learner(replace(BASE, ema_decay=0.75))
    expected = {name: tensor.clone() for name, tensor in own.classifier.network.state_dict().items()}
    for index in range(4):
        own.step(*data(index, [12]))
        decay = 0.75 if index else 0.0
        for name, tensor in own.classifier.network.state_dict().items():
            if tensor.is_floating_point():
                expected[name] = expected[name] * decay + tensor * (1 - decay)
    assert own.average is not None
    for name, tensor in own.average.module.state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, expected[name], atol=1e-6), name
    assert any("running_var" in name for name in expected)


def test_a_float16_step_that_overflows_is_left_out_and_the_scale_is_halved() -> None:
    own = learner(BASE, precision=torch.float16)
    own.step(*data(0, [12]))
    before = {name: tensor.clone() for name, tensor in own.classifier.network.named_parameters()}
    scale = own.scaler.get_scale()
    assert scale > 1
    own.scaler.update(float("inf"))
    own.step(*data(1, [12]))
    assert all(torch.equal(before[name], tensor) for name, tensor in own.classifier.network.named_parameters())
    other = learner(BASE, precision=torch.float16)
    other.load_state(own.weights(), own.state())
    assert other.scaler.state_dict() == own.scaler.state_dict()


def test_bfloat16_learns_about_the_same() -> None:
    one, other = learner(BASE), learner(BASE, precision=torch.bfloat16)
    losses = [[float(each.step(*data(index, [12]))) for index in range(3)] for each in (one, other)]
    assert losses[0] == pytest.approx(losses[1], abs=0.05) and losses[0] != losses[1]


def test_layer_decay_slows_the_first_layers() -> None:
    own = learner(replace(BASE, layer_decay=0.5, optimizer="adamw"), "test_vit")
    scales = sorted({group["lr"] for group in own.optimizer.param_groups})
    assert len(scales) > 3
    assert scales[-1] / scales[-2] == pytest.approx(2)


@pytest.mark.parametrize(("epochs", "asked", "expected"), [(100, 5, 5), (8, 5, 2), (2, 5, 0.5), (3, 0, 0)])
def test_the_warm_up_is_at_most_a_quarter(epochs: int, asked: int, expected: float) -> None:
    assert warmup_of(replace(BASE, epochs=epochs, warmup_epochs=asked)) == expected


@pytest.mark.parametrize("model", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"])
def test_a_linear_probe_changes_the_head_alone(model: str) -> None:
    own = learner(replace(BASE, tune="head", weight_decay=0.1), model)
    before = {name: tensor.clone() for name, tensor in own.classifier.network.state_dict().items()}
    for index in range(2):
        own.step(*data(index, [12]))
    changed = {n for n, t in own.classifier.network.state_dict().items() if not torch.equal(t, before[n])}
    head = own.classifier.network.get_classifier()
    assert changed == {
        name for name, p in own.classifier.network.named_parameters() if any(p is q for q in head.parameters())
    }


def test_last_blocks_learn_and_the_first_keep_their_statistics() -> None:
    own = learner(replace(BASE, tune="last-1"))
    before = {name: tensor.clone() for name, tensor in own.classifier.network.state_dict().items()}
    own.step(*data(0, [12]))
    changed = {n for n, t in own.classifier.network.state_dict().items() if not torch.equal(t, before[n])}
    assert any(name.startswith("fc") for name in changed) and any(name.startswith("layer4") for name in changed)
    assert not any(name.startswith(("conv1", "bn1", "layer1", "layer2")) for name in changed)


def test_checkpointing_gives_the_same_gradients() -> None:
    one, other = learner(BASE, "test_vit"), learner(BASE, "test_vit")
    other.classifier.network.set_grad_checkpointing()
    for each in (one, other):
        each.step(*data(0, [12]))
    assert equal(one.classifier.network, other.classifier.network)
