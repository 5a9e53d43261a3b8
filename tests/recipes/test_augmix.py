"""AugMix's operations against their published definitions in Pillow, its mixes, draws and loss."""

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageOps
from timm.loss import JsdCrossEntropy
from torch.nn import functional

from robustbench_cls.core.recipe import Task
from robustbench_cls.recipes.augmix import RECIPE, AugMix, objective, views
from robustbench_cls.recipes.augmix_operations import OPERATIONS, Photo, Plan, Step
from robustbench_cls.training.regimens import settle

ON_VALUES = ("autocontrast", "equalize", "posterize", "solarize")
MOVES = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
LEVELS = (0.10371, 0.34217, 0.66937, 0.99813, 1.53791, 2.61713, 4.01977, 5.01311, 7.30193, 8.80619, 9.99571)
ROUND_LEVELS = (1.0, 1.5, 5.0, 7.5)
"""Of these a sheared value is often whole, so that single precision may round it down to the level below."""

OPERATION_NUMBERS = {name: number for number, name in enumerate(OPERATIONS)}
SIZES = ((32, 32), (33, 33), (224, 224), (40, 27))

Pixels = npt.NDArray[np.uint8]


def published(step: Step, image: Image.Image) -> Image.Image:
    """The operation in Pillow, as the reference implementation defines it."""
    level, sign = step.level, -1 if step.backwards else 1
    matrix = {
        "shear_x": (1, sign * level * 0.3 / 10.0, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, sign * level * 0.3 / 10.0, 1, 0),
        "translate_x": (1, 0, sign * int(level * (image.width / 3) / 10), 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, sign * int(level * (image.height / 3) / 10)),
    }
    match step.operation:
        case "autocontrast":
            return ImageOps.autocontrast(image)
        case "equalize":
            return ImageOps.equalize(image)
        case "posterize":
            return ImageOps.posterize(image, 4 - int(level * 4 / 10))
        case "solarize":
            return ImageOps.solarize(image, 256 - int(level * 256 / 10))
        case "rotate":
            return image.rotate(sign * int(level * 30 / 10), resample=Image.Resampling.BILINEAR)
    return image.transform(image.size, Image.Transform.AFFINE, matrix[step.operation], Image.Resampling.BILINEAR)


def published_mix(plan: Plan, image: Image.Image) -> Pixels:
    """The mix of published operations, rounded."""
    clean = np.asarray(image, np.float64)
    mixed = np.zeros_like(clean)
    for steps, share in zip(plan.chains, plan.shares, strict=True):
        result = image.copy()
        for step in steps:
            result = published(step, result)
        mixed += share * np.asarray(result, np.float64)
    return np.rint((1 - plan.mixed) * clean + plan.mixed * mixed).astype(np.uint8)


def alone(image: Image.Image, *steps: Step) -> Image.Image:
    """What operations give, mixed with nothing."""
    return Photo(image).view(Plan((steps,), (1.0,), 1.0))


def distance(left: Image.Image | Pixels, right: Image.Image | Pixels) -> npt.NDArray[np.int16]:
    gap: npt.NDArray[np.int16] = np.abs(np.asarray(left, np.int16) - np.asarray(right, np.int16))
    return gap


def drawings(size: tuple[int, int]) -> list[Image.Image]:
    """Noise, dark noise of few values, a gradient, an image of one colour, and one of two."""
    width, height = size
    rng = np.random.default_rng(width)
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    dark = rng.choice(np.array([7, 8, 30, 120], np.uint8), (height, width, 3))
    ramp = np.stack(np.broadcast_arrays(np.arange(width)[None] % 256, np.arange(height)[:, None] % 256, 90), axis=-1)
    flat = np.full((height, width, 3), (200, 13, 255), np.uint8)
    halves = flat.copy()
    halves[height // 3 :] = (10, 13, 254)
    return [Image.fromarray(pixels.astype(np.uint8)) for pixels in (noise, dark, ramp, flat, halves)]


def photos(shared: Path, size: int, count: int) -> list[Image.Image]:
    paths = sorted(shared.glob("data/imagenet-mini/val/*/*.JPEG"))[:: 500 // count][:count]
    assert len(paths) == count
    return [ImageOps.fit(Image.open(path).convert("RGB"), (size, size)) for path in paths]


def assert_moved_alike(image: Image.Image, name: str) -> None:
    for level in LEVELS + ROUND_LEVELS:
        for backwards in (False, True):
            step = Step(name, level, backwards)
            gap = distance(alone(image, step), published(step, image))
            assert gap.max() <= 1, step
            assert (gap > 0).mean() <= (1e-3 if level in LEVELS else 2e-2), step


def test_the_operations_are_the_published_nine() -> None:
    assert set(OPERATIONS) == {*ON_VALUES, *MOVES}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ON_VALUES)
def test_operations_on_values_are_pillows(name: str, size: tuple[int, int]) -> None:
    for image in drawings(size):
        for level in LEVELS + ROUND_LEVELS:
            step = Step(name, level, False)
            assert np.array_equal(alone(image, step), published(step, image)), step


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", MOVES)
def test_moves_are_pillows(name: str, size: tuple[int, int]) -> None:
    for image in drawings(size)[::2]:
        assert_moved_alike(image, name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_on_photos_are_pillows(name: str, shared: Path) -> None:
    for image in photos(shared, 224, 4):
        if name in MOVES:
            assert_moved_alike(image, name)
        else:
            assert all(
                np.array_equal(alone(image, step), published(step, image))
                for step in (Step(name, level, False) for level in LEVELS)
            )


def test_every_whole_angle_and_the_smallest_images() -> None:
    image = drawings((32, 32))[0]
    for degrees in range(30):
        assert_alike(image, Step("rotate", (degrees + 0.5) / 3, degrees % 2 == 0))
    for size in ((2, 2), (2, 5), (5, 2)):
        for name in OPERATIONS:
            for level in (1.0, 9.9):
                assert_alike(drawings(size)[0], Step(name, level, True))


def assert_alike(image: Image.Image, *steps: Step) -> None:
    wanted = image
    for step in steps:
        wanted = published(step, wanted)
    assert distance(alone(image, *steps), wanted).max() <= 1, steps


@pytest.mark.parametrize("first", OPERATIONS)
@pytest.mark.parametrize("second", OPERATIONS)
def test_pairs_of_operations(first: str, second: str) -> None:
    """Tables wait for each other, and translations pass them: pairs show that nothing is lost or done twice."""
    image = drawings((33, 33))[0]
    for level in (0.9, 4.6):
        steps = (Step(first, level, False), Step(second, level * 2, True), Step("posterize", level, False))
        wanted = image
        for step in steps:
            wanted = published(step, wanted)
        gap = distance(alone(image, *steps), wanted)
        # a value that is one level off after a move may be on the other side of a step of a table
        assert (gap > 0).mean() <= 2e-3, steps


@pytest.mark.parametrize(("severity", "width", "depth"), [(1, 3, -1), (3, 3, -1), (10, 4, 2), (1, 1, 5), (7, 2, 0)])
def test_mixes_are_those_of_the_published_operations(severity: int, width: int, depth: int) -> None:
    augmix = AugMix(severity, width, depth, 1.0, 3)
    for size in SIZES:
        for seed, image in enumerate(drawings(size) * 2):
            np.random.seed(seed)
            plan = augmix.draw()
            gap = distance(Photo(image).view(plan), published_mix(plan, image))
            assert (gap > 1).mean() <= 1e-3, plan
            assert (gap > 0).mean() <= 3e-3, plan


def test_mixes_of_photos_are_those_of_the_published_operations(shared: Path) -> None:
    augmix = AugMix(1, 3, -1, 1.0, 3)
    for seed, image in enumerate(photos(shared, 224, 25)):
        np.random.seed(seed)
        plan = augmix.draw()
        gap = distance(Photo(image).view(plan), published_mix(plan, image))
        assert (gap > 1).mean() <= 1e-3, plan
        assert (gap > 0).mean() <= 3e-3, plan


def test_the_mix_commutes_with_normalisation() -> None:
    """The published code mixes normalised images: rounding, half a level, is the only difference."""
    image = drawings((32, 32))[0]
    np.random.seed(0)
    plan = AugMix(1, 3, -1, 1.0, 3).draw()
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

    def normalised(pixels: Image.Image) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = (np.asarray(pixels) / 255 - mean) / std
        return values

    results = []
    for steps in plan.chains:
        result = image
        for step in steps:
            result = published(step, result)
        results.append(normalised(result))
    mixed = sum(share * result for share, result in zip(plan.shares, results, strict=True))
    wanted = (1 - plan.mixed) * normalised(image) + plan.mixed * mixed
    gap = np.abs(normalised(Photo(image).view(plan)) - wanted) * std * 255
    assert np.quantile(gap, 0.999) <= 0.51
    assert gap.max() <= 1.5


@pytest.mark.parametrize("severity", [1, 3])
def test_draws_are_the_published_distribution(severity: int) -> None:
    np.random.seed(1)
    augmix = AugMix(severity, 3, -1, 1.0, 3)
    plans = [augmix.draw() for _ in range(4000)]
    chains = [chain for plan in plans for chain in plan.chains]
    steps = [step for chain in chains for step in chain]
    depths = Counter(len(chain) for chain in chains)
    assert set(depths) == {1, 2, 3}
    for depth in depths:
        assert depths[depth] / len(chains) == pytest.approx(1 / 3, abs=0.02)
    names = Counter(step.operation for step in steps)
    for name in OPERATIONS:
        assert names[name] / len(steps) == pytest.approx(1 / 9, abs=0.01)
        levels = np.array([step.level for step in steps if step.operation == name])
        assert 0.1 <= levels.min() < 0.11 + 0.005 * severity
        assert severity - 0.02 * severity < levels.max() < severity
        assert levels.mean() == pytest.approx((0.1 + severity) / 2, abs=0.03 * severity)
        assert levels.std() == pytest.approx((severity - 0.1) / 12**0.5, abs=0.02 * severity)
    assert np.mean([step.backwards for step in steps]) == pytest.approx(0.5, abs=0.02)
    # a step's level says nothing about its direction, and the first operation nothing about the second
    ways = np.array([(OPERATION_NUMBERS[step.operation], step.level, step.backwards) for step in steps])
    assert np.abs(np.corrcoef(ways.T) - np.eye(3)).max() < 0.05
    pairs = Counter((chain[0].operation, chain[1].operation) for chain in chains if len(chain) > 1)
    assert max(pairs.values()) / sum(pairs.values()) < 0.02


@pytest.mark.parametrize(("alpha", "width"), [(1.0, 3), (0.3, 4), (5.0, 2)])
def test_weights_are_dirichlet_and_beta(alpha: float, width: int) -> None:
    np.random.seed(2)
    augmix = AugMix(1, width, 1, alpha, 3)
    plans = [augmix.draw() for _ in range(8000)]
    shares = np.array([plan.shares for plan in plans])
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(shares.mean(axis=0), 1 / width, atol=0.015)
    variance = (1 / width) * (1 - 1 / width) / (width * alpha + 1)
    assert np.allclose(shares.var(axis=0), variance, rtol=0.08)
    mixed = np.array([plan.mixed for plan in plans])
    assert mixed.mean() == pytest.approx(0.5, abs=0.015)
    assert mixed.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)
    assert abs(np.corrcoef(mixed, shares[:, 0])[0, 1]) < 0.05


def test_weights_of_a_tiny_alpha() -> None:
    np.random.seed(0)
    for _ in range(50):
        plan = AugMix(1, 3, -1, 1e-6, 3).draw()
        assert sum(plan.shares) == pytest.approx(1)
        assert 0 <= plan.mixed <= 1


def test_a_chain_has_the_depth_that_was_asked_for() -> None:
    assert {len(chain) for chain in AugMix(1, 3, 6, 1.0, 3).draw().chains} == {6}
    assert len(AugMix(1, 5, -1, 1.0, 3).draw().chains) == 5


@pytest.mark.parametrize("size", [32, 224])
def test_views(size: int) -> None:
    make = views(size=size, **{key: value for key, value in RECIPE.settings.items() if key != "jsd_weight"})
    make = pickle.loads(pickle.dumps(make))
    image = drawings((size, size))[0]
    pixels = np.asarray(image).copy()
    np.random.seed(5)
    first = make(image)
    assert len(first) == 3
    assert first[0] is image
    assert np.array_equal(image, pixels)
    assert all(view.size == image.size and view.mode == "RGB" for view in first)
    assert not np.array_equal(first[1], first[2])
    np.random.seed(5)
    torch.manual_seed(9)
    again = make(drawings((size, size))[0])
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(first[1], make(image)[1])


def test_views_before_do_not_change_a_view() -> None:
    """Working memory is kept from image to image; nothing of it may show."""
    make = AugMix(1, 3, -1, 1.0, 3)
    first, other = drawings((32, 32))[0], drawings((224, 224))[0]
    np.random.seed(7)
    wanted = make(first)
    for image in (other, first, drawings((40, 27))[2]):
        make(image)
    np.random.seed(7)
    assert all(np.array_equal(*pair) for pair in zip(wanted, make(first), strict=True))
    assert len(AugMix(1, 3, -1, 1.0, 5)(first)) == 5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"severity": 0}, "severity"),
        ({"severity": 11}, "severity"),
        ({"width": 0}, "width"),
        ({"views": 1}, "views"),
        ({"alpha": 0.0}, "alpha"),
        ({"size": 1}, "2 px"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, float], named: str) -> None:
    settings = {"size": 32, "severity": 1, "width": 3, "depth": -1, "alpha": 1.0, "views": 3}
    with pytest.raises(ValueError, match=named):
        views(**{**settings, **changes})  # type: ignore[arg-type]


def test_the_loss_is_the_published_one_and_timms() -> None:
    torch.manual_seed(0)
    images_VB3HW, labels_B = torch.randn(3, 6, 3, 2, 2), torch.arange(6) % 4
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4))
    loss = objective(task=Task(("a", "b", "c", "d"), np.ones(4, np.int64), 0.0), jsd_weight=12.0)(
        network, images_VB3HW, labels_B
    )
    logits = network(images_VB3HW.flatten(0, 1))
    assert torch.allclose(loss, JsdCrossEntropy(3, 12.0, smoothing=0.0)(logits, labels_B))
    probabilities = logits.softmax(dim=1).chunk(3)
    middle = (sum(probabilities) / 3).clamp(1e-7, 1).log()
    divergence = sum(functional.kl_div(middle, one, reduction="batchmean") for one in probabilities) / 3
    wanted = functional.cross_entropy(logits[:6], labels_B) + 12 * divergence
    assert torch.allclose(loss, wanted, atol=1e-6)
    with pytest.raises(ValueError, match="jsd_weight"):
        objective(task=Task((), np.ones(0, np.int64), 0.0), jsd_weight=-1.0)


def test_the_regimen_is_the_published_one() -> None:
    regimen, settings = settle(RECIPE, "resnet", {})
    assert (regimen.optimizer, regimen.lr, regimen.lr_batch_size, regimen.batch_size) == ("sgd", 0.1, 256, 256)
    assert (regimen.epochs, regimen.schedule, regimen.weight_decay, regimen.label_smoothing) == (180, "step", 1e-4, 0.0)
    assert settings == {"severity": 1, "width": 3, "depth": -1, "alpha": 1.0, "views": 3, "jsd_weight": 12.0}
    assert settle(RECIPE, "vit", {})[0].label_smoothing == 0.0
    assert RECIPE.overlaps == ()
