"""Order, cuts and views are functions of (seed, epoch, index, copy): for any workers and any number of processes."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Recipe, Regimen
from robustbench_cls.data.decoded import decode_all
from robustbench_cls.data.locate import open_split
from robustbench_cls.data.random_crops import CropRule, as_pixels
from robustbench_cls.training.combining import find_recipe
from robustbench_cls.training.functions import ViewsOf
from robustbench_cls.training.images import TrainingImages, batches_from
from robustbench_cls.training.minival import split
from robustbench_cls.training.order import Order


def order(count: int = 36, rank: int = 0, ranks: int = 1, **changes: object) -> Order:
    return Order(count, Regimen(**{"epochs": 3, "batch_size": 8, **changes}), 32, 0, rank, ranks)


@pytest.mark.parametrize(("count", "batch"), [(36, 8), (600, 256), (10, 8), (8, 8), (7, 8), (1000, 7), (3, 2)])
def test_an_epoch_has_each_image_once_in_steps_of_equal_size(count: int, batch: int) -> None:
    own = order(count, batch_size=batch)
    steps = list(own.from_step(0))
    assert len(steps) == own.total == 3 * own.steps
    for epoch in range(3):
        cuts = [step for step in steps if step.epoch == epoch]
        seen = np.concatenate([part.indices_B for step in cuts for part in step.parts])
        assert sorted(seen) == list(range(count))
        sizes = [step.images for step in cuts]
        assert max(sizes) - min(sizes) <= 1 and max(sizes) <= max(batch, 3) and sum(sizes) == count
    orders = [tuple(np.concatenate([p.indices_B for s in steps if s.epoch == e for p in s.parts])) for e in range(3)]
    assert count < 4 or len(set(orders)) == 3


def test_steps_from_any_one_on_are_those_of_the_whole() -> None:
    own = order(micro_batch=3)
    whole = list(own.from_step(0))
    for start in (0, 1, own.steps, own.steps + 2, own.total - 1, own.total):
        rest = list(own.from_step(start))
        assert [step.index for step in rest] == list(range(start, own.total))
        for step, same in zip(rest, whole[start:], strict=True):
            assert [p.indices_B.tolist() for p in step.parts] == [p.indices_B.tolist() for p in same.parts]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_the_processes_micro_batches_are_together_those_of_one(ranks: int) -> None:
    whole = list(order(micro_batch=2).from_step(0))
    shares = [list(order(micro_batch=2, rank=rank, ranks=ranks).from_step(0)) for rank in range(ranks)]
    for number, step in enumerate(whole):
        parts = [part for share in shares for part in share[number].parts]
        together = {part.number: part.indices_B.tolist() for part in parts}
        assert together == {part.number: part.indices_B.tolist() for part in step.parts}
        assert all(share[number].images == step.images for share in shares)


def test_repeats_stand_in_one_batch_and_an_epoch_stays_as_long() -> None:
    own = order(36, batch_size=12, repeats=3)
    for step in own.from_step(0):
        (part,) = step.parts
        counts = np.unique(part.indices_B, return_counts=True)[1]
        assert counts.tolist() == [3] * 4
        assert part.copies_B.tolist() == [0] * 4 + [1] * 4 + [2] * 4
        assert (part.indices_B != np.roll(part.indices_B, 1)).all()  # whom mixup and cutmix join
    assert own.steps == 3


def test_sizes_grow_and_vary_by_key() -> None:
    grown = [step.size for step in Order(16, Regimen(epochs=5, batch_size=8, start_size=64), 128, 0).from_step(0)]
    assert grown == [64, 64, 64, 64, 96, 96, 128, 128, 128, 128]
    assert grown == sorted(grown)
    varied = [step.size for step in Order(64, Regimen(epochs=5, batch_size=8, size_range=0.5), 128, 0).from_step(0)]
    assert set(varied) <= {64, 96, 128, 160, 192} and len(set(varied)) > 3
    again = [step.size for step in Order(64, Regimen(epochs=5, batch_size=8, size_range=0.5), 128, 0).from_step(7)]
    assert again == varied[7:]


def images(toy: Path, recipe: Recipe, *, decoded: bool) -> TrainingImages:
    source = open_split(toy, "train")
    kept = decode_all(source, 2, lambda count: None) if decoded else None
    return TrainingImages(source, kept, CropRule(0.3, 0, "bicubic"), ViewsOf.of(recipe, recipe.settings), 0)


@pytest.mark.parametrize("recipe", ["baseline", "randaugment", "augmix"])
def test_batches_are_the_same_for_any_workers_from_memory_or_not(recipe: str, toy: Path) -> None:
    chosen = find_recipe(recipe)
    own = order(micro_batch=3)
    alone = list(batches_from(images(toy, chosen, decoded=False), own, 2, 0))
    several = list(batches_from(images(toy, chosen, decoded=True), own, 2, 2))
    assert len(alone) == len(several) == own.total - 2
    for (step, batches), (same, others) in zip(alone, several, strict=True):
        assert step.index == same.index
        for batch, other in zip(batches, others, strict=True):
            assert torch.equal(batch.images_VBHW3, other.images_VBHW3)
            assert torch.equal(batch.labels_B, other.labels_B)
    epochs = [batches[0].images_VBHW3 for _, batches in alone]
    assert not torch.equal(epochs[0], epochs[own.steps])


def first_draw(size: int) -> object:
    return Drawn()


class Drawn:
    """Paints an image by the first draw of each of the three generators."""

    def __call__(self, image: Image.Image) -> Image.Image:
        values = (random.random(), np.random.random(), float(torch.rand(())))
        return Image.new("RGB", image.size, tuple(int(256 * value) for value in values))


def test_augmentations_draw_evenly_and_apart_from_windows(toy: Path) -> None:
    recipe = Recipe(name="drawn", title="Drawn", source="https://example.org", augment=first_draw)
    own = images(toy, recipe, decoded=True)
    drawn, mirrored = [], []
    for step, (batch,) in batches_from(own, Order(36, Regimen(epochs=40, batch_size=36), 32, 0), 0, 0):
        drawn.append(batch.images_VBHW3[0, :, 0, 0].numpy() / 256)
        keys = [Key.of("cut", 0, step.epoch, own.source.ids[i], 0) for i in step.parts[0].indices_B]
        mirrored += [own.rule.draw((40, 40), key).mirrored for key in keys]
    values = np.concatenate(drawn)
    assert np.abs(values.mean(axis=0) - 0.5).max() < 0.03 and np.abs(values.var(axis=0) - 1 / 12).max() < 0.01
    together = np.corrcoef(np.column_stack([values, mirrored]).T)
    assert np.abs(together[~np.eye(4, dtype=bool)]).max() < 0.1


def test_a_window_is_torchvisions() -> None:
    """The same pixels as Pillow's crop and resize of the drawn window, and windows of the asked area and shape."""
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    rule = CropRule(0.08, 0, "bicubic")
    crops = [rule.draw((90, 120), Key.of(i)) for i in range(4000)]
    areas = np.array([crop.height * crop.width / (90 * 120) for crop in crops])
    ratios = np.array([crop.width / crop.height for crop in crops])
    assert areas.min() > 0.07 and areas.max() > 0.9
    assert ratios.min() > 0.7 and ratios.max() < 1.4
    assert 0.47 < np.mean([crop.mirrored for crop in crops]) < 0.53
    for crop in crops[:50]:
        out = np.empty((32, 32, 3), np.uint8)
        rule.cut(as_pixels(photo), crop, 32, out)
        box = (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
        expected = np.asarray(photo.crop(box).resize((32, 32), Image.Resampling.BICUBIC))
        assert np.array_equal(out, expected[:, ::-1] if crop.mirrored else expected)


def test_windows_have_the_sizes_that_torchvision_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the same uniform draws, the window's sides are torchvision's, the fallback for odd shapes among them."""
    from torchvision.transforms import RandomResizedCrop

    for shape in ((90, 120), (20, 400), (400, 20), (32, 32)):
        for number in range(60):
            rng = np.random.default_rng(number)
            shares = rng.uniform(size=20)
            drawn = iter(shares)
            monkeypatch.setattr(
                torch.Tensor, "uniform_", lambda self, low, high, d=drawn: self.fill_(low + (high - low) * next(d))
            )
            _, _, height, width = RandomResizedCrop.get_params(torch.zeros(3, *shape), [0.08, 1.0], [3 / 4, 4 / 3])
            monkeypatch.undo()
            ours = iter([0.7, *shares])

            class Draws:
                def __init__(self, seed: int) -> None:
                    pass

                def random(self, values=ours) -> float:
                    return next(values, 0.0)

                def uniform(self, low: float, high: float, values=ours) -> float:
                    return low + (high - low) * next(values)

            monkeypatch.setattr("robustbench_cls.data.random_crops.random.Random", Draws)
            crop = CropRule(0.08, 0, "bilinear").draw(shape, Key.of("any"))
            monkeypatch.undo()
            assert abs(crop.height - height) <= 1 and abs(crop.width - width) <= 1, (shape, number)


def test_a_padded_crop_is_a_shift() -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(1, 256, (32, 32, 3), dtype=np.uint8)
    rule, shifts = CropRule(0.08, 4, "bilinear"), set()
    for number in range(300):
        crop = rule.draw((32, 32), Key.of(number))
        shifts.add((crop.top, crop.left))
        out = np.empty((32, 32, 3), np.uint8)
        rule.cut(as_pixels(Image.fromarray(array)), crop, 32, out)
        padded = np.pad(array, ((4, 4), (4, 4), (0, 0)))
        expected = padded[4 + crop.top : 36 + crop.top, 4 + crop.left : 36 + crop.left]
        assert np.array_equal(out, expected[:, ::-1] if crop.mirrored else expected)
    assert {top for top, _ in shifts} == {left for _, left in shifts} == set(range(-4, 5))


@pytest.mark.parametrize(("share", "of_class", "held"), [(0.02, 12, 2), (0.02, 3, 1), (0.5, 12, 6), (0.0, 12, 0)])
def test_minival_is_a_share_of_each_class(share: float, of_class: int, held: int, toy: Path) -> None:
    source = open_split(toy, "train")
    source = source.take(np.flatnonzero(np.arange(36) % 12 < of_class))
    training, minival = split(source, share)
    assert np.bincount(minival.labels_N, minlength=3).tolist() == [held] * 3
    assert not set(training.ids) & set(minival.ids)
    assert set(training.ids) | set(minival.ids) == set(source.ids)
    assert split(source, share)[1].ids == minival.ids


@dataclass(frozen=True)
class OneClass:
    """As much of a source as `split` asks for."""

    ids: tuple[str, ...]
    labels_N: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: np.ndarray) -> np.ndarray:
        return indices

    def version(self, index: int) -> tuple[int, str]:
        return 0, self.ids[index]


def test_minival_of_larger_classes() -> None:
    sizes = [1, 2, 5, 49, 50, 300, 500, 5000]
    held = [
        len(split(OneClass(tuple(f"a/{i}" for i in range(count)), np.zeros(count, int)), 0.02)[1]) for count in sizes
    ]
    assert held == [0, 1, 1, 9, 10, 10, 10, 100]
