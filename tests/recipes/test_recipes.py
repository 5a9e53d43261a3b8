"""Promises of every recipe, and parity of its parts with the libraries they come from."""

import importlib
import pickle
import random

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.auto_augment import auto_augment_transform, rand_augment_transform

from robustbench_cls.core.corruption import EXTRA, IMAGENET_C
from robustbench_cls.core.discovery import discover
from robustbench_cls.core.recipe import Recipe, accepted
from robustbench_cls.training.functions import make_mix
from robustbench_cls.training.regimens import REGIMENS, settle

RECIPES = discover("robustbench_cls.recipes", Recipe)
TIMM = {"randaugment": rand_augment_transform, "autoaugment": auto_augment_transform}


def photo() -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return small.resize((64, 64), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_contract(recipe: Recipe) -> None:
    assert recipe.source.startswith("https://")
    assert set(recipe.overlaps) <= {*IMAGENET_C, *EXTRA}
    module = importlib.import_module(f"robustbench_cls.recipes.{recipe.name.replace('-', '_')}")
    assert f"    robust train --recipe {recipe.name}" in module.__doc__
    for family in REGIMENS:
        regimen, settings = settle(recipe, family, {"epochs": 4})
        assert regimen.epochs == 4
        assert settings == dict(recipe.settings)
    augment = recipe.augment(size=64, **accepted(recipe.augment, recipe.settings))
    assert augment is None or pickle.loads(pickle.dumps(augment)) is not None


@pytest.mark.parametrize("name", TIMM)
def test_policies_are_timms(name: str) -> None:
    own = RECIPES[name].augment(size=64, **RECIPES[name].settings)
    theirs = TIMM[name](RECIPES[name].settings["config"], {"translate_const": int(64 * 0.45)})
    compared = 0
    for seed in range(60):
        outputs = []
        for transform in (own, theirs):
            random.seed(seed)
            np.random.seed(seed)
            try:
                outputs.append(np.asarray(transform(photo())))
            except ValueError as error:  # theirs, where no bit is kept: what our repair is for
                assert "bits" in str(error)
        if len(outputs) == 2 and outputs[1].any():
            assert np.array_equal(*outputs), seed
            compared += 1
    assert compared > 40


def test_posterise_keeps_a_bit() -> None:
    own = RECIPES["randaugment"].augment(size=64, config="rand-m10-inc1")
    (operation,) = [op for op in own.ops if op.name.startswith("Posterize")]
    assert operation.level_fn(10, {}) == (1,)
    assert operation.level_fn(5, {}) == (2,)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_labels_follow_the_pixels(name: str) -> None:
    mix = make_mix(RECIPES[name], RECIPES[name].settings, 4)
    assert mix is not None
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 32, 32).contiguous()
    torch.manual_seed(3)
    mixed, targets = mix(images, torch.arange(4))
    assert torch.allclose(targets.sum(dim=1), torch.ones(4))
    # Image i has brightness i, so the mean brightness is the mean of the labels.
    assert torch.allclose(mixed.mean(dim=(1, 2, 3)), targets @ torch.arange(4.0), atol=1e-4)
    assert not torch.equal(mixed, images)
