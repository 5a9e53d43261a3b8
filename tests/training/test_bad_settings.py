"""Settings and functions that would train something else than was asked for are refused in a line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_cls.core.errors import UserError, first_difference
from robustbench_cls.core.recipe import Regimen
from robustbench_cls.data.random_crops import CropRule, as_pixels
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.recipes.baseline import RECIPE as BASELINE
from robustbench_cls.training.combining import find_recipe
from robustbench_cls.training.log import LOG
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.order import Order
from robustbench_cls.training.store import LAST
from robustbench_cls.training.train import train


def options(toy: Path, out: Path, **overrides: Any) -> TrainingOptions:
    small = {"epochs": 1, "batch_size": 12, "input_size": 32, **overrides}
    return TrainingOptions(data=toy, overrides=small, out=out, device="cpu", workers=0, progress=False, crops=None)


@pytest.mark.parametrize(
    ("recipe", "overrides", "said"),
    [
        ("baseline", {"start_size": 64}, "start_size must be at most the input size, 32 px, got 64"),
        ("baseline", {"crop_padding": 32}, "crop_padding must be under the input size, 32 px, got 32"),
        ("baseline", {"repeats": 101}, "repeats must be at most 100"),
        ("baseline", {"decay_epochs": 2.0}, "decay_epochs goes with schedule=step, not with cosine"),
        ("mixup", {"alpha": float("inf")}, "alpha must be a finite number, got inf"),
    ],
)
def test_a_setting_without_effect_or_sense(
    recipe: str, overrides: dict[str, Any], said: str, toy: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        train("test_resnet", recipe, options(toy, tmp_path / "out", **overrides))
    assert not (tmp_path / "out" / LAST).exists()


class WithWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.zeros(3))


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        (lambda network, images, targets: network(images[0]).mean(dim=1), "gave a tensor of shape"),
        (lambda network, images, targets: torch.tensor(1.0), "without a gradient"),
        (lambda network, images, targets: 1.0, "it gave float"),
        (lambda network, images, targets: None, "it gave NoneType"),
        (WithWeights(), "has parameters, which nothing trains"),
    ],
    ids=["vector", "constant", "float", "nothing", "parameters"],
)
def test_an_objective_that_can_not_be_learned_from(objective: Any, said: str, toy: Path, tmp_path: Path) -> None:
    recipe = replace(BASELINE, name="own", objective=lambda *, task: objective)
    with pytest.raises(UserError, match=said):
        train("test_resnet", recipe, options(toy, tmp_path / "out"))


def test_a_mix_without_targets(toy: Path, tmp_path: Path) -> None:
    recipe = replace(BASELINE, name="own", mix=lambda *, num_classes: lambda images, labels: images)
    with pytest.raises(UserError, match="mix must give images and targets, it gave Tensor"):
        train("test_resnet", recipe, options(toy, tmp_path / "out"))


@pytest.mark.parametrize("minival", [0.2, 0.0])
def test_broken_weights_never_become_the_best(minival: float, toy: Path, tmp_path: Path) -> None:
    """The one step's loss is finite; what the step does to the weights is not."""
    chosen = options(toy, tmp_path / "out", lr=1e38, batch_size=24, epochs=1, warmup_epochs=0, minival=minival)
    with pytest.raises(
        UserError, match=r"(held-out images became|not finite|loss became).* the weights after step 0\."
    ):
        train("test_resnet", "baseline", chosen)
    assert not (tmp_path / "out/best.pt").exists()
    weights = read_checkpoint(tmp_path / "out" / LAST)[1]
    assert all(bool(tensor.isfinite().all()) for tensor in weights.values())


def test_a_loss_that_was_never_finite_is_not_put_down_to_the_rate(toy: Path, tmp_path: Path) -> None:
    def objective(*, task: Any) -> Callable[..., torch.Tensor]:
        return lambda network, images, targets: network(images[0]).mean() * torch.nan

    with pytest.raises(UserError, match="No step was taken before, so it comes from the images, the recipe"):
        train("test_resnet", replace(BASELINE, name="own", objective=objective), options(toy, tmp_path / "out"))


@pytest.mark.parametrize("count", [2, 3, 5, 13, 49])
@pytest.mark.parametrize(("batch", "micro"), [(2, 0), (3, 0), (4, 2), (5, 2), (7, 3)])
def test_batch_norm_never_sees_one_image_alone(count: int, batch: int, micro: int) -> None:
    order = Order(count, Regimen(epochs=1, batch_size=batch, micro_batch=micro), 32, 0)
    sizes = [len(part.indices_B) for step in order.from_step(0) for part in step.parts]
    assert min(sizes) >= 2 and sum(sizes) == count


@pytest.mark.parametrize(("height", "width"), [(3, 5), (1, 1), (32, 2)])
def test_an_image_smaller_than_its_padding_is_black_where_it_is_not_seen(height: int, width: int) -> None:
    from PIL import Image

    from robustbench_cls.core.keys import Key

    rule, out_HW3 = CropRule(0.08, 8, "bilinear"), np.empty((32, 32, 3), np.uint8)
    white, seen = Image.new("RGB", (width, height), "white"), []
    for number in range(60):
        pixels = as_pixels(white)
        rule.cut(pixels, rule.draw((height, width), Key.of(number)), 32, out_HW3)
        seen.append(int(out_HW3.max()))
    assert {0, 255} >= {seen[0]} and max(seen) == 255


def test_a_name_that_is_missing_beside_a_plus() -> None:
    for name in ("randaugment+", "+", "+cutmix"):
        with pytest.raises(UserError, match=r"name is missing beside \+"):
            find_recipe(name)


def test_the_log_tells_the_highest_rate_of_each_epoch(toy: Path, tmp_path: Path) -> None:
    train("test_resnet", "baseline", options(toy, tmp_path / "out", epochs=2, lr=0.1, warmup_epochs=0))
    rates = [float(line.split(",")[2]) for line in (tmp_path / "out" / LOG).read_text().splitlines()[1:]]
    assert rates[0] == pytest.approx(0.1 * 12 / 256) and 0 < rates[1] < rates[0]


def test_a_damaged_checkpoint_says_how_to_begin_anew(toy: Path, tmp_path: Path) -> None:
    train("test_resnet", "baseline", options(toy, tmp_path / "out"))
    (tmp_path / "out" / LAST).write_bytes(b"")
    with pytest.raises(UserError, match=r"can't go on: .*Delete .*out to begin anew"):
        train("test_resnet", "baseline", options(toy, tmp_path / "out"))


def test_where_lists_differ() -> None:
    assert first_difference(("a", "b"), ("a", "c")) == "number 2 is 'b' != 'c'"
    assert first_difference(("a",), ("a", "c")) == "1 != 2 of them"
