"""Recipes made of timm's and torchvision's parts: the same pixels and targets, and the published numbers."""

import math
import pickle
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from timm.data import create_transform
from timm.data.random_erasing import RandomErasing
from timm.loss import BinaryCrossEntropy
from torch import nn
from torch.nn import functional
from torchvision import transforms
from torchvision.transforms import v2

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Recipe, Task
from robustbench_cls.models.classifier import Classifier, Preprocessing
from robustbench_cls.training.functions import ViewsOf, check_functions, make_mix, make_objective
from robustbench_cls.training.images import seed_augmentations, seed_everything
from robustbench_cls.training.regimens import settle

RECIPES = discover("robustbench_cls.recipes", Recipe)
CLASSES = 5

COMMON = "schedule=cosine warmup_epochs=5 clip_grad=0 dropout=0"
RSB = f"optimizer=lamb lr_batch_size=2048 batch_size=2048 {COMMON}"
STEP = "schedule=step warmup_epochs=0 label_smoothing=0"

REGIMENS = {
    ("rsb-a1", "resnet"): f"{RSB} lr=0.005 epochs=600 weight_decay=0.01 label_smoothing=0.1 drop_path=0.05 repeats=3",
    ("rsb-a2", "resnet"): f"{RSB} lr=0.005 epochs=300 weight_decay=0.02 label_smoothing=0 drop_path=0.05 repeats=3",
    ("rsb-a3", "resnet"): f"{RSB} lr=0.008 epochs=100 weight_decay=0.02 label_smoothing=0 drop_path=0 repeats=1 "
    "input_size=160",
    ("torchvision-v2", "resnet"): f"{COMMON} optimizer=momentum momentum=0.9 lr=0.5 lr_batch_size=1024 batch_size=1024 "
    "epochs=600 weight_decay=2e-05 label_smoothing=0.1 input_size=176 ema_decay=0.99996585 repeats=1 drop_path=0",
    ("deit", "vit"): f"{COMMON} optimizer=adamw lr=0.0005 lr_batch_size=512 batch_size=1024 epochs=300 repeats=3 "
    "weight_decay=0.05 label_smoothing=0.1 drop_path=0.1 ema_decay=0",
    ("effnet-ra", "efficientnet"): "optimizer=rmsproptf lr=0.048 lr_batch_size=768 batch_size=768 epochs=450 "
    "weight_decay=1e-05 dropout=0.2 drop_path=0.2 ema_decay=0.9999 schedule=step decay_epochs=2.4 decay_rate=0.97 "
    "warmup_epochs=3 label_smoothing=0.1",
    ("stylized", "resnet"): f"{STEP} optimizer=momentum lr=0.1 lr_batch_size=256 batch_size=256 weight_decay=0.0001 "
    "epochs=45 decay_epochs=15 decay_rate=0.1",
    ("multi-folder", "resnet"): "optimizer=sgd lr=0.1 lr_batch_size=1024 batch_size=1024 epochs=30 schedule=cosine "
    "warmup_epochs=0 weight_decay=0.0001 label_smoothing=0",
    ("trivialaugment", "resnet"): "epochs=270 lr=0.1 lr_batch_size=256 warmup_epochs=3 weight_decay=0.0001",
    ("basic", "resnet"): "crop_scale_min=0.8",
    ("focal", "resnet"): "label_smoothing=0",
}

MIXED = "cutmix_alpha=1 switch=0.5"
SETTINGS = {
    "rsb-a1": f"{MIXED} config=rand-m7-mstd0.5-inc1 mixup_alpha=0.2 threshold=0.2",
    "rsb-a2": f"{MIXED} config=rand-m7-mstd0.5-inc1 mixup_alpha=0.1 threshold=0.2",
    "rsb-a3": f"{MIXED} config=rand-m6-mstd0.5-inc1 mixup_alpha=0.1 threshold=0.2",
    "torchvision-v2": f"{MIXED} interpolation=bilinear mixup_alpha=0.2 erase_probability=0.1",
    "deit": f"{MIXED} config=rand-m9-mstd0.5-inc1 mixup_alpha=0.8 erase_probability=0.25",
    "effnet-ra": "config=rand-m9-mstd0.5 erase_probability=0.2",
}

COLOURS = {"brightness", "contrast", "saturate"}
OVERLAPS = {
    "trivialaugment": COLOURS,
    "basic": COLOURS,
    "three-augment": {*COLOURS, "gaussian_blur", "defocus_blur"},
    "gaussian-noise": {"gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"},
    "mixup-cutmix": set(),
    "random-erasing": set(),
    **dict.fromkeys(SETTINGS, COLOURS),
}


def photo(size: int) -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def augment(name: str, size: int, **settings: object) -> Callable[[Image.Image], Image.Image]:
    recipe = RECIPES[name]
    views = ViewsOf.of(recipe, {**recipe.settings, **settings})(size)  # type: ignore[dict-item]
    assert views is not None
    return lambda image: views(image)[0]


def mix(name: str, **settings: object) -> Any:
    return make_mix(RECIPES[name], {**RECIPES[name].settings, **settings}, CLASSES)  # type: ignore[dict-item]


def batch(count: int = 6, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn((count, 3, size, size), generator=generator), torch.arange(count) % CLASSES


def same_pixels(own: Callable[[Any], Any], theirs: Callable[[Any], Any], size: int, seeds: int = 60) -> int:
    """Compare under the same seeds; how many of the images were changed at all."""
    changed = 0
    for seed in range(seeds):
        images = []
        for transform in (own, theirs):
            seed_augmentations(Key.of(seed))
            images.append(np.asarray(transform(photo(size))))
        assert np.array_equal(*images), seed
        changed += not np.array_equal(images[0], np.asarray(photo(size)))
    return changed


def table(text: str) -> dict[str, str]:
    return dict(word.split("=") for word in text.split())


def written(values: Mapping[str, object]) -> dict[str, str]:
    return {name: f"{value:.8g}" if isinstance(value, float) else str(value) for name, value in values.items()}


@pytest.mark.parametrize(("name", "family"), REGIMENS, ids=lambda value: value)
def test_regimens_are_the_published_ones(name: str, family: str) -> None:
    regimen = written(asdict(settle(RECIPES[name], family, {})[0]))
    expected = table(REGIMENS[name, family])
    assert {key: regimen[key] for key in expected} == expected


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_the_published_ones(name: str) -> None:
    assert written(RECIPES[name].settings) == table(SETTINGS[name])


@pytest.mark.parametrize("name", OVERLAPS)
def test_overlaps_and_functions(name: str) -> None:
    assert set(RECIPES[name].overlaps) == OVERLAPS[name]
    check_functions(RECIPES[name])


def test_the_average_decays_in_32_steps_as_torchvisions() -> None:
    regimen = settle(RECIPES["torchvision-v2"], "resnet", {})[0]
    adjust = regimen.batch_size * 32 / regimen.epochs
    assert regimen.ema_decay**32 == pytest.approx(1 - (1 - 0.99998) * adjust, rel=1e-12)


@pytest.mark.parametrize(("name", "mode"), [("trivialaugment", "nearest"), ("torchvision-v2", "bilinear")])
@pytest.mark.parametrize("size", [32, 64])
def test_trivialaugment_is_torchvisions(name: str, mode: str, size: int) -> None:
    theirs = v2.TrivialAugmentWide(interpolation=transforms.InterpolationMode(mode))
    assert same_pixels(augment(name, size), theirs, size) > 40


def test_basic_is_torchvisions() -> None:
    own = augment("basic", 64)
    turn = v2.RandomRotation((-30, 30), interpolation=transforms.InterpolationMode.BILINEAR)
    jitter = v2.ColorJitter((0.8, 1.2), (0.8, 1.2), (0.8, 1.2))
    assert same_pixels(own, lambda image: jitter(turn(image)), 64) == 60


@pytest.mark.parametrize(
    ("name", "interpolation"),
    [("rsb-a1", "bicubic"), ("rsb-a3", "bicubic"), ("deit", "bicubic"), ("effnet-ra", "random")],
)
def test_randaugment_is_that_of_timms_training_script(name: str, interpolation: str) -> None:
    config = table(SETTINGS[name])["config"]
    _, policy, _ = create_transform(
        64, is_training=True, auto_augment=config, interpolation=interpolation, color_jitter=0.4, separate=True
    )
    assert same_pixels(augment(name, 64), policy, 64) > 30


def test_three_augment_is_one_of_three_and_a_jitter() -> None:
    drawn = set()

    def theirs(image: Image.Image) -> Image.Image:
        kind = random.choice(range(3))
        drawn.add(kind)
        if kind == 0:
            image = transforms.Grayscale(3)(image)
        elif kind == 1:
            image = transforms.functional.solarize(image, 128)
        else:
            image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))
        return v2.ColorJitter((0.7, 1.3), (0.7, 1.3), (0.7, 1.3))(image)

    assert same_pixels(augment("three-augment", 64), theirs, 64) == 60
    assert drawn == {0, 1, 2}


def noise_of(sigma: str, seed: int, size: int = 224) -> np.ndarray:
    grey = Image.new("RGB", (size, size), (128, 128, 128))
    seed_augmentations(Key.of(seed))
    return np.asarray(augment("gaussian-noise", size, sigmas=sigma, noisy_share=1.0)(grey)).astype(float) - 128


@pytest.mark.parametrize("sigma", [0.04, 0.08, 0.5])
def test_noise_has_its_standard_deviation(sigma: float) -> None:
    """On mid-grey, in what is left of a normal distribution where levels end."""
    noise = noise_of(str(sigma), 0)
    scale, end = sigma * 255, 127.5
    bell, z = NormalDist(), end / (sigma * 255)
    inside = 2 * bell.cdf(z) - 1 - 2 * z * bell.pdf(z)
    clipped = math.sqrt(scale**2 * inside + end**2 * 2 * (1 - bell.cdf(z)))
    assert noise.std() == pytest.approx(clipped, rel=0.02)
    assert abs(noise.mean()) < 4 * clipped / math.sqrt(noise.size) + 0.51  # mid-grey is half a level off the middle


def test_noise_is_drawn_for_each_value_and_by_the_seed() -> None:
    noise = noise_of("0.08", 0)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.02
    assert np.array_equal(noise, noise_of("0.08", 0)) and not np.array_equal(noise, noise_of("0.08", 1))
    assert noise_of("0.08", 0, size=32).shape == (32, 32, 3)


def test_half_of_the_images_stay_clean() -> None:
    own, image = augment("gaussian-noise", 32), photo(32)
    clean = 0
    for seed in range(1000):
        seed_augmentations(Key.of(seed))
        clean += own(image) is image
    assert 450 < clean < 550


def test_one_of_several_sigmas_is_drawn() -> None:
    spreads = [noise_of("0.08,0.12,0.18,0.26,0.38", seed, size=64).std() / 255 for seed in range(60)]
    assert {min((0.08, 0.12, 0.18, 0.255, 0.325), key=lambda s: abs(s - spread)) for spread in spreads} == {
        0.08, 0.12, 0.18, 0.255, 0.325,
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["pixel", "rand", "const"])
def test_erasing_is_timms(mode: str) -> None:
    images, labels = batch(40)
    before = images.clone()
    seed_everything(Key.of(mode))
    erased, targets = mix("random-erasing", erase_mode=mode, erase_count=2)(images, labels)
    seed_everything(Key.of(mode))
    expected = RandomErasing(0.25, mode=mode, max_count=2, device="cpu")(before.clone())
    assert torch.equal(erased, expected) and targets is labels
    assert torch.equal(images, before)
    assert 3 < int((erased != before).flatten(1).any(dim=1).sum()) < 20


def test_no_erasing_changes_nothing() -> None:
    images, labels = batch()
    assert torch.equal(mix("random-erasing", erase_probability=0.0)(images, labels)[0], images)


@pytest.mark.parametrize("name", ["mixup-cutmix", "rsb-a1"])
def test_each_of_two_mixes_has_its_own_alpha_and_share(name: str) -> None:
    own = mix(name, switch=0.3)
    kinds = [type(transform) for transform in own.transforms]
    assert kinds == [v2.MixUp, v2.CutMix]
    assert [transform.alpha for transform in own.transforms] == [0.2, 1.0]
    images, labels = batch()
    pasted = 0
    for seed in range(300):
        seed_everything(Key.of(seed))
        mixed, targets = own(images, labels)
        seed_everything(Key.of(seed))
        chosen = torch.multinomial(torch.tensor([0.7, 0.3]), 1).item()
        expected = kinds[chosen](alpha=(0.2, 1.0)[chosen], num_classes=CLASSES)(images, labels)
        assert torch.equal(mixed, expected[0]) and torch.equal(targets, expected[1])
        pasted += chosen
    assert 60 < pasted < 120


def test_an_alpha_of_0_leaves_a_mix_out() -> None:
    assert isinstance(mix("mixup-cutmix", mixup_alpha=0.0), v2.CutMix)
    assert isinstance(mix("mixup-cutmix", cutmix_alpha=0.0), v2.MixUp)
    assert mix("mixup-cutmix", mixup_alpha=0.0, cutmix_alpha=0.0) is None
    images, labels = batch()
    erased, targets = mix("deit", mixup_alpha=0.0, cutmix_alpha=0.0, erase_probability=1.0)(images, labels)
    assert targets is labels and not torch.equal(erased, images)


def deit_in_parts(images: torch.Tensor, labels: torch.Tensor) -> Any:
    erased = RandomErasing(0.25, mode="pixel", device="cpu")(images.clone())
    return v2.RandomChoice([v2.MixUp(alpha=0.8, num_classes=5), v2.CutMix(alpha=1.0, num_classes=5)])(erased, labels)


def torchvision_in_parts(images: torch.Tensor, labels: torch.Tensor) -> Any:
    erased = torch.stack([v2.RandomErasing(p=0.1)(image) for image in images])
    return v2.RandomChoice([v2.MixUp(alpha=0.2, num_classes=5), v2.CutMix(alpha=1.0, num_classes=5)])(erased, labels)


@pytest.mark.parametrize(("name", "parts"), [("deit", deit_in_parts), ("torchvision-v2", torchvision_in_parts)])
def test_batches_are_erased_and_then_mixed(name: str, parts: Callable[..., Any]) -> None:
    images, labels = batch(11)
    before, own = images.clone(), mix(name)
    for seed in range(20):
        seed_everything(Key.of(seed))
        mixed, targets = own(images, labels)
        seed_everything(Key.of(seed))
        expected, wanted = parts(before, labels)
        assert torch.equal(mixed, expected) and torch.equal(targets, wanted)
    assert torch.equal(images, before)


class Linear(nn.Module):
    """Logits that are a fixed function of the pixels."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        weights = torch.randn((3 * 32 * 32, CLASSES), generator=torch.Generator().manual_seed(seed))
        self.weights = nn.Parameter(weights / 30)

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        return images_B3HW.flatten(1) @ self.weights


GREY = Preprocessing(32, 32, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
NAMES = tuple("abcde")
COUNTS = np.array([100, 50, 10, 30, 10])


def loss(name: str, targets: torch.Tensor, smoothing: float = 0.0, **settings: object) -> torch.Tensor:
    teacher = Classifier("teacher", Linear(1), NAMES, GREY, "", torch.device("cpu"))
    task = Task(NAMES, COUNTS, smoothing, GREY, models=MappingProxyType({"teacher": teacher}))
    objective = make_objective(RECIPES[name], {**RECIPES[name].settings, **settings}, task)  # type: ignore[dict-item]
    value: torch.Tensor = objective(Linear(), batch()[0][None], targets)
    return value.detach()


def test_rsb_says_yes_to_every_class_that_is_seen() -> None:
    logits = Linear()(batch()[0])
    shares = torch.tensor([[0.7, 0.3, 0, 0, 0], [0.85, 0.15, 0, 0, 0], [0, 0, 1.0, 0, 0]]).repeat(2, 1)
    yes = torch.tensor([[1.0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]).repeat(2, 1)
    plain = functional.binary_cross_entropy_with_logits
    assert torch.allclose(loss("rsb-a2", shares), plain(logits, yes))
    smooth = yes * 0.9 + 0.1 / CLASSES
    assert torch.allclose(loss("rsb-a1", shares, 0.1), plain(logits, smooth))
    labels = batch()[1]
    for smoothing in (0.0, 0.1):  # of labels, the targets are timm's
        assert torch.allclose(loss("rsb-a1", labels, smoothing), BinaryCrossEntropy(smoothing)(logits, labels))


def test_focal_and_class_weights() -> None:
    logits, labels = Linear()(batch()[0]), batch()[1]
    each = functional.cross_entropy(logits, labels, reduction="none")
    assert torch.allclose(loss("focal", labels), ((1 - (-each).exp()) ** 2 * each).mean())
    assert torch.allclose(loss("focal", labels, gamma=0.0), each.mean())
    balanced = torch.tensor([0.4, 0.8, 4.0, 4 / 3, 4.0])  # images / (classes * count), as scikit-learn has it
    assert torch.allclose(loss("class-weighted", labels), (balanced[labels] * each).mean())
    assert torch.allclose(loss("class-weighted", labels, power=0.0), each.mean())


def test_distillation_is_hintons() -> None:
    logits, told, labels = Linear()(batch()[0]), Linear(1)(batch()[0]), batch()[1]
    own = functional.cross_entropy(logits, labels)
    taught = functional.kl_div((logits / 3).log_softmax(1), (told / 3).softmax(1), reduction="batchmean") * 9
    assert torch.allclose(
        loss("distillation", labels, temperature=3.0, teacher_weight=0.1), 0.9 * own + 0.1 * taught, atol=1e-6
    )
    hard = functional.cross_entropy(logits, told.argmax(dim=1))
    assert torch.allclose(loss("distillation", labels, hard=True), 0.5 * own + 0.5 * hard, atol=1e-6)


@pytest.mark.parametrize("name", ["stylized", "multi-folder"])
def test_recipes_of_folders_name_them_in_a_setting(name: str) -> None:
    check_functions(RECIPES[name])
    assert {key: RECIPES[name].settings[key] for key in RECIPES[name].folders} == dict(RECIPES[name].settings)


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("random-erasing", {"erase_mode": "noise"}, "can't mix with .*erase_mode must be pixel, rand or const"),
        ("random-erasing", {"erase_probability": 1.5}, "erase_probability must be 0 to 1, not 1.5"),
        ("random-erasing", {"erase_count": 0}, "erase_count must be at least 1, not 0"),
        ("deit", {"erase_probability": -0.1}, "erase_probability must be 0 to 1"),
        ("torchvision-v2", {"erase_probability": 2.0}, "can't mix with"),
        ("mixup-cutmix", {"switch": 1.2}, "switch 0 to 1"),
        ("mixup-cutmix", {"mixup_alpha": -1.0}, "at least 0"),
    ],
)
def test_mixes_refuse_what_makes_no_sense(name: str, settings: dict[str, object], why: str) -> None:
    with pytest.raises(UserError, match=why):
        mix(name, **settings)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gaussian-noise", {"sigmas": "0.5;0.2"}),
        ("gaussian-noise", {"sigmas": "0"}),
        ("gaussian-noise", {"sigmas": "nan"}),
        ("gaussian-noise", {"noisy_share": 2.0}),
        ("trivialaugment", {"interpolation": "linear"}),
        ("basic", {"jitter": -0.1}),
        ("basic", {"degrees": -1.0}),
        ("three-augment", {"jitter": -0.1}),
        ("deit", {"config": "ra-m9"}),
    ],
)
def test_augmentations_refuse_what_makes_no_sense(name: str, settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match="can't augment with"):
        augment(name, 32, **settings)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rsb-a1", {"threshold": 1.0}),
        ("focal", {"gamma": -1.0}),
        ("class-weighted", {"power": 3.0}),
        ("distillation", {"temperature": 0.0}),
        ("distillation", {"teacher_weight": 1.1}),
    ],
)
def test_objectives_refuse_what_makes_no_sense(name: str, settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match="can't learn with"):
        loss(name, batch()[1], **settings)


@pytest.mark.parametrize("name", OVERLAPS)
def test_loading_processes_can_copy_the_functions(name: str) -> None:
    own = ViewsOf.of(RECIPES[name], RECIPES[name].settings)(32)
    copy = pickle.loads(pickle.dumps(own))
    if own is not None:
        same_pixels(lambda image: own(image)[0], lambda image: copy(image)[0], 32, seeds=3)
