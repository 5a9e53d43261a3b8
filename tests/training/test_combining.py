"""Recipes joined by `+`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.training.combining import combined, find_recipe
from robustbench_cls.training.functions import ViewsOf
from robustbench_cls.training.images import seed_augmentations
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.train import train


def brighter(size: int, step: int) -> object:
    return lambda image: image.point(lambda value: min(255, value + step))


def doubled(size: int, factor: int) -> object:
    return lambda image: image.point(lambda value: min(255, value * factor))


def recipe(name: str, **parts: object) -> Recipe:
    return Recipe(name=name, title=name.title(), source="https://example.org", **parts)


ONE = recipe("one", augment=brighter, settings={"step": 10}, overlaps=("brightness",), regimen={"": {"epochs": 9}})
TWO = recipe("two", augment=doubled, settings={"factor": 2}, overlaps=("contrast",), regimen={"": {"epochs": 7}})


@pytest.mark.parametrize(("first", "second", "value"), [(ONE, TWO, 2 * (20 + 10)), (TWO, ONE, 2 * 20 + 10)])
def test_images_are_augmented_by_one_after_the_other(first: Recipe, second: Recipe, value: int) -> None:
    both = combined(first, second)
    assert both.name == f"{first.name}+{second.name}"
    assert dict(both.settings) == {"step": 10, "factor": 2} and both.overlaps == ("brightness", "contrast")
    assert both.regimen[""]["epochs"] == 9
    views = ViewsOf.of(both, both.settings)(32)
    assert views is not None
    (image,) = views(Image.new("RGB", (32, 32), (20, 20, 20)))
    assert np.unique(np.asarray(image)).tolist() == [value]


def test_the_parts_are_those_of_each(toy: Path, tmp_path: Path) -> None:
    both, alone = find_recipe("randaugment+cutmix"), find_recipe("randaugment")
    assert both.mix is find_recipe("cutmix").mix
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    made = []
    for one in (both, alone):
        from robustbench_cls.core.keys import Key

        seed_augmentations(Key.of("x"))
        views = ViewsOf.of(one, one.settings)(64)
        assert views is not None
        made.append(np.asarray(views(image)[0]))
    assert np.array_equal(*made)
    options = TrainingOptions(
        data=toy,
        overrides={"epochs": 1, "batch_size": 10, "input_size": 32, "alpha": 0.5},
        out=tmp_path,
        workers=0,
        crops=None,
        progress=False,
    )
    about = read_checkpoint(train("test_resnet", "randaugment+cutmix", options))[0]
    assert about.recipe == "randaugment+cutmix" and about.settings["alpha"] == 0.5
    assert about.settings["config"] == alone.settings["config"] and about.overlaps == alone.overlaps


def twice(size: int) -> object:
    return lambda image: (image, image)


def mixing(num_classes: int) -> object:
    return lambda images, labels: (images, labels)


def loss(task: object) -> object:
    return lambda network, images, targets: network(images[0]).mean()


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (recipe("a", mix=mixing), recipe("b", mix=mixing), "'a' and 'b' can't be combined: both mix images"),
        (recipe("a", views=twice), recipe("b", views=twice), "both make views of an image"),
        (recipe("a", objective=loss), recipe("b", objective=loss), "both have a loss"),
        (recipe("a", views=twice), recipe("b", mix=mixing), "'a' compares views of one image, and 'b' mixes images"),
        (recipe("b", mix=mixing), recipe("a", views=twice), "'a' compares views of one image, and 'b' mixes images"),
        (ONE, ONE, "both have a setting 'step'"),
        (
            recipe("a", regimen={"vit": {"lr": 0.1}}),
            recipe("b", regimen={"vit": {"lr": 0.2}}),
            "one is trained with lr=0.1 and the other with 0.2",
        ),
    ],
)
def test_what_does_not_go_together(first: Recipe, second: Recipe, why: str) -> None:
    with pytest.raises(UserError, match=why):
        combined(first, second)


def test_names_that_are_not_there() -> None:
    with pytest.raises(UserError, match="Unknown recipe 'cutmx'. Did you mean cutmix"):
        find_recipe("randaugment+cutmx")
    with pytest.raises(UserError, match="both mix images"):
        find_recipe("mixup+cutmix")
