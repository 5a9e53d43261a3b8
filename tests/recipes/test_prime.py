"""PRIME against its published definition, written anew in double precision for the same coefficients."""

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from robustbench_cls.core.keys import Key
from robustbench_cls.recipes.prime import RECIPE, Plan, Prime, augment
from robustbench_cls.recipes.prime_colours import Colours
from robustbench_cls.recipes.prime_diffeomorphism import Diffeomorphism, _along_x, _along_y, _variances, _waves
from robustbench_cls.recipes.prime_filter import Filter

Array = npt.NDArray[Any]

CIFAR = {"colour_cut": 100, "colour_bandwidth": 0, "colour_variance": 0.01, "diffeo_cut": 100}
"""The published settings where they are not those of ImageNet."""

KEY = Key(b"sixteen bytes ..")


def prime(size: int, **settings: float) -> Prime:
    return augment(size=size, **{**RECIPE.settings, **settings})  # type: ignore[arg-type]


def photo(size: int) -> Image.Image:
    small = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def planes(size: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(size).random((3, size, size)).astype(np.float32)


def bent(planes_3HW: Array, colours: Colours) -> Array:
    """The published colour transformation."""
    count = colours.coefficients_3F.shape[1]
    waves = np.sin(np.pi * planes_3HW[..., None] * np.arange(colours.lowest, colours.lowest + count))
    return np.clip(planes_3HW + np.einsum("cf,chwf->chw", colours.coefficients_3F.astype(float), waves), 0, 1)


def filtered(planes_3HW: Array, weights_KK: Array) -> Array:
    """The published filter, as PyTorch's convolution."""
    images_31HW = torch.from_numpy(planes_3HW.astype(float))[:, None]
    weights_11KK = torch.from_numpy(weights_KK.astype(float))[None, None]
    out_31HW = torch.nn.functional.conv2d(images_31HW, weights_11KK, padding="same")
    return out_31HW.clamp(0, 1)[:, 0].numpy()


def field(coefficients_KK: Array, size: int) -> Array:
    """The published sum of sinusoids; the coefficients are of frequencies along y and then x."""
    frequencies, places = np.arange(1, len(coefficients_KK) + 1), np.arange(size) / (size - 1)
    waves_XK = np.sin(np.pi * places[:, None] * frequencies)
    return waves_XK @ coefficients_KK @ waves_XK.T


def moved(planes_3HW: Array, moves_2HW: Array) -> Array:
    """The published displacement."""
    size = planes_3HW.shape[1]
    y, x = np.mgrid[:size, :size]
    x, y = np.clip(x - moves_2HW[0], 0, size - 1), np.clip(y - moves_2HW[1], 0, size - 1)
    left, right = np.floor(x).astype(int), np.ceil(x).astype(int)
    top, bottom = np.floor(y).astype(int), np.ceil(y).astype(int)
    across, down = x - left, y - top
    upper = (1 - across) * planes_3HW[:, top, left] + across * planes_3HW[:, top, right]
    lower = (1 - across) * planes_3HW[:, bottom, left] + across * planes_3HW[:, bottom, right]
    return (1 - down) * upper + down * lower


def one_after_the_other(planes_3HW: Array, chain: tuple[Any, ...]) -> Array:
    size = planes_3HW.shape[1]
    for primitive in chain:
        if isinstance(primitive, Colours):
            planes_3HW = bent(planes_3HW, primitive)
        elif isinstance(primitive, Filter):
            planes_3HW = filtered(planes_3HW, primitive.weights_KK)
        else:
            coefficients_2KK = primitive.coefficients(size).astype(float)
            planes_3HW = moved(planes_3HW, np.stack([field(one, size) for one in coefficients_2KK]))
    return planes_3HW


def mixed(image: Image.Image, plan: Plan) -> Array:
    """The published mix of 0..255, not rounded."""
    planes_3HW = np.asarray(image).transpose(2, 0, 1) / 255
    mixture = sum(
        share * one_after_the_other(planes_3HW, chain) for chain, share in zip(plan.chains, plan.shares, strict=True)
    )
    return 255 * ((1 - plan.mixed) * planes_3HW + plan.mixed * mixture).transpose(1, 2, 0)


@pytest.mark.parametrize("lowest, count", [(1, 1), (1, 20), (37, 13), (481, 20), (500, 1), (1, 100), (400, 21)])
def test_curves(lowest: int, count: int) -> None:
    rng, planes_3HW = np.random.default_rng(count), planes(40)
    planes_3HW[:, 0, :3] = 0, 1, 1 - 1e-7
    colours = Colours(lowest, (rng.standard_normal((3, count)) * 0.2).astype(np.float32))
    expected = bent(planes_3HW.astype(float), colours)
    out_3HW = np.empty_like(planes_3HW)
    colours.apply(planes_3HW, out_3HW)
    assert np.abs(out_3HW - expected).max() < 1e-4
    colours.apply(planes_3HW, planes_3HW)
    assert np.array_equal(planes_3HW, out_3HW)


@pytest.mark.parametrize("size", [1, 2, 3, 32, 41])
@pytest.mark.parametrize("side", [1, 3, 5])
def test_filter(size: int, side: int) -> None:
    planes_3HW, out_3HW = planes(size), np.empty((3, size, size), np.float32)
    own = Filter((np.random.default_rng(side).standard_normal((side, side)) / side).astype(np.float32))
    own.apply(planes_3HW, out_3HW)
    assert np.abs(out_3HW - filtered(planes_3HW, own.weights_KK)).max() < 1e-5


@pytest.mark.parametrize("size, cut", [(2, 2), (3, 3), (4, 7), (31, 9), (32, 100), (33, 31), (64, 500)])
def test_diffeomorphism(size: int, cut: int) -> None:
    own, planes_3HW, out_3HW = Diffeomorphism(cut, 1e-3, KEY), planes(size), np.empty((3, size, size), np.float32)
    expected_2HW = np.stack([field(one, size) for one in own.coefficients(size).astype(float)])
    assert np.abs(own.moves(size) - expected_2HW).max() < 1e-4 * size
    own.apply(planes_3HW, out_3HW)
    assert np.abs(out_3HW - moved(planes_3HW, own.moves(size).astype(float))).max() < 1e-5
    assert out_3HW.min() >= 0 and out_3HW.max() <= 1


def test_one_number_stands_for_all_frequencies_that_are_the_same_at_the_pixels() -> None:
    size, cut, count = 18, 40, 16
    last, frequencies = size - 1, np.arange(1, cut + 1)
    squares_CC = frequencies[:, None] ** 2 + frequencies**2
    variances_CC = (np.sqrt(squares_CC) < cut + 0.5) / squares_CC
    turned = frequencies % (2 * last)
    own = np.where(turned > last, 2 * last - turned, turned)
    sign = np.where(turned > last, -1, 1)
    kept = own % last != 0
    coefficients_CC = np.random.default_rng(0).standard_normal((cut, cut)) * np.sqrt(variances_CC)
    joined_KK, variances_KK = np.zeros((count, count)), np.zeros((count, count))
    places = np.ix_(own[kept] - 1, own[kept] - 1)
    np.add.at(joined_KK, places, (coefficients_CC * np.outer(sign, sign))[np.ix_(kept, kept)])
    np.add.at(variances_KK, places, variances_CC[np.ix_(kept, kept)])

    computed_KK = np.empty((count, count), np.float32)
    _variances(cut, last, computed_KK)
    assert np.allclose(computed_KK, variances_KK, rtol=1e-5)
    half_KW, field_HW = np.empty((count, size), np.float32), np.empty((size, size), np.float32)
    _along_x(joined_KK.astype(np.float32), _waves(size), half_KW)
    _along_y(half_KW, _waves(size), field_HW)
    assert np.abs(field_HW - field(coefficients_CC, size)).max() < 1e-5


def test_moves_have_the_published_variance() -> None:
    size, cut, temperature = 24, 9, 2e-4
    frequencies, places = np.arange(1, cut + 1), np.arange(size) / (size - 1)
    squares = frequencies[:, None] ** 2 + frequencies**2
    waves = np.sin(np.pi * places[:, None] * frequencies) ** 2
    expected_HW = temperature * size**2 * (waves @ ((np.sqrt(squares) < cut + 0.5) / squares) @ waves.T)
    draws = [Diffeomorphism(cut, temperature, Key.of(i)).moves(size).copy() for i in range(1500)]
    ratio_HW = np.mean(np.square(draws), axis=(0, 1))[1:-1, 1:-1] / expected_HW[1:-1, 1:-1]
    assert abs(ratio_HW.mean() - 1) < 0.02
    assert abs(ratio_HW - 1).max() < 0.2
    # to the left and up are independent
    assert abs(np.mean([np.corrcoef(left.ravel(), up.ravel())[0, 1] for left, up in draws])) < 0.03


@pytest.mark.parametrize("size, cut", [(224, 500), (32, 100)])
def test_drawn_diffeomorphisms(size: int, cut: int) -> None:
    np.random.seed(0)
    draws = [Diffeomorphism.draw(size, cut, 1.0) for _ in range(4000)]
    cuts = np.array([draw.cut for draw in draws])
    assert cuts.min() == 2 and cut - 8 < cuts.max() <= cut
    highest = np.arange(3, cut + 1)
    assert abs(cuts.mean() - np.mean((highest - 1) / 2 + 1.5)) < 0.03 * cut
    assert abs(np.mean([Diffeomorphism.draw(size, 3, 1.0).cut for _ in range(2000)]) - 2.5) < 0.05
    logs, temperatures = np.log(cuts), np.array([draw.temperature for draw in draws])
    least, greatest = 1 / (np.pi * size**2 * logs), 4 / (np.pi**3 * cuts**2 * logs)
    flat = greatest <= least
    assert flat.any() and np.allclose(temperatures[flat], least[flat])
    heat = (temperatures - least)[~flat] / (greatest - least)[~flat]
    assert heat.min() >= 0 and heat.max() <= 1
    assert abs(heat.mean() - 0.5) < 0.03 and abs(heat.var() - 1 / 8) < 0.01  # the arcsine distribution
    assert len({draw.key for draw in draws}) == len(draws)
    cold = [Diffeomorphism.draw(size, cut, 0.0) for _ in range(50)]
    assert np.allclose([draw.temperature * np.pi * size**2 * np.log(draw.cut) for draw in cold], 1)


@pytest.mark.parametrize("cut, bandwidth, variance", [(500, 20, 0.05), (100, 0, 0.01)])
def test_drawn_curves(cut: int, bandwidth: int, variance: float) -> None:
    np.random.seed(0)
    draws = [Colours.draw(cut, bandwidth, variance) for _ in range(4000)]
    counts = np.array([draw.coefficients_3F.shape[1] for draw in draws])
    lowest = np.array([draw.lowest for draw in draws])
    assert (lowest + counts - 1).max() <= cut
    if bandwidth:
        assert counts.max() == bandwidth and lowest.min() == 1 and lowest.max() > 0.9 * cut
        assert abs(lowest.mean() - ((cut + 1) / 2 + 1) / 2) < 0.03 * cut
    else:
        assert set(lowest) == {1} and counts.max() == cut and abs(counts.mean() - (cut + 1) / 2) < 0.03 * cut
    squares = np.array([np.mean(np.square(draw.coefficients_3F)) for draw in draws])
    assert abs(squares.mean() / (variance / 2) - 1) < 0.05


def test_drawn_filters() -> None:
    np.random.seed(0)
    weights_NKK = np.array([Filter.draw(3, 4.0).weights_KK for _ in range(6000)])
    assert abs(weights_NKK.mean(0) - np.outer((0, 1, 0), (0, 1, 0))).max() < 0.15
    assert abs(weights_NKK.var(0) / (16 / 3) - 1).max() < 0.15
    around_N8 = np.delete(weights_NKK.reshape(-1, 9), 4, axis=1)
    # the deviation is uniform: mean of its fourth power 4^4 / 5, times 1 + 2 / 8 for the mean of eight squares
    assert abs(np.mean(np.mean(np.square(around_N8), axis=1) ** 2) / (1.25 * 256 / 5) - 1) < 0.1


def test_drawn_plans() -> None:
    np.random.seed(0)
    own = prime(32)
    plans = [own.draw() for _ in range(1500)]
    lengths = np.array([[len(chain) for chain in plan.chains] for plan in plans])
    assert lengths.shape[1] == 3
    assert np.allclose([np.mean(lengths == n) for n in (1, 2, 3)], 1 / 3, atol=0.03)
    kinds = [type(primitive) for plan in plans for chain in plan.chains for primitive in chain]
    assert np.allclose([kinds.count(kind) / len(kinds) for kind in (Colours, Filter, Diffeomorphism)], 1 / 3, atol=0.02)
    shares = np.array([plan.shares for plan in plans])
    assert np.allclose(shares.sum(1), 1)
    assert abs(shares.var() - 1 / 18) < 0.004  # Dirichlet(1, 1, 1)
    weights = np.array([plan.mixed for plan in plans])
    assert abs(weights.mean() - 1 / 2) < 0.03 and abs(weights.var() - 1 / 12) < 0.008  # Beta(1, 1)
    assert {len(chain) for chain in prime(32, depth=2, width=5).draw().chains} == {2}


@pytest.mark.parametrize("settings", [{"colour_cut": 12}, {}, CIFAR], ids=["few-waves", "imagenet", "cifar"])
@pytest.mark.parametrize("size", [32, 49])
def test_mix(size: int, settings: dict[str, float]) -> None:
    np.random.seed(size)
    own, image = prime(size, **settings), photo(size)
    for _ in range(12):
        plan = own.draw()
        difference = np.abs(own.mix(np.asarray(image), plan) - mixed(image, plan))
        # curves of high frequency make much of single precision's rounding, where one follows another
        assert difference.max() < 0.51 if settings.get("colour_cut") == 12 else np.mean(difference < 1) > 0.995


def test_curves_after_moves_and_filters() -> None:
    np.random.seed(1)
    own, image = prime(32, colour_cut=12, filter_deviation=0.3), photo(32)
    curve, move, blur = (own._primitive(number) for number in (1, 0, 2))
    chains = [
        (curve,),
        (curve, curve),
        (move, curve),
        (curve, move),
        (move, blur),
        (blur, curve, move),
        (move, move, blur),
    ]
    for chain in chains:
        plan = Plan((chain, (move,)), (0.9, 0.1), 1.0)
        assert np.abs(own.mix(np.asarray(image), plan) - mixed(image, plan)).max() < 0.51


def test_full_size() -> None:
    np.random.seed(2)
    own, image = prime(224, colour_cut=12), photo(224)
    plan = Plan(((Diffeomorphism(500, 2e-6, KEY), own._primitive(1)), (own._primitive(2),)), (0.5, 0.5), 0.8)
    assert np.abs(own.mix(np.asarray(image), plan) - mixed(image, plan)).max() < 0.52


def test_nothing_is_the_identity() -> None:
    np.random.seed(0)
    image = photo(32)
    still = prime(32, colour_variance=0, filter_deviation=0)
    for plan in (still.draw() for _ in range(20)):
        chains = tuple(
            tuple(Diffeomorphism(one.cut, 0.0, one.key) if isinstance(one, Diffeomorphism) else one for one in chain)
            for chain in plan.chains
        )
        assert np.array_equal(still.mix(np.asarray(image), plan._replace(chains=chains)), np.asarray(image))
        nothing = prime(32).draw()._replace(mixed=0.0)
        assert np.array_equal(still.mix(np.asarray(image), nothing), np.asarray(image))


@pytest.mark.parametrize("size", [2, 3, 5, 32, 224])
def test_seed_decides(size: int) -> None:
    own, image, before = prime(size), photo(size), np.asarray(photo(size)).copy()
    results = []
    for seed in (5, 6, 5):
        np.random.seed(seed)
        results.append(np.asarray(own(image)))
        np.random.random(), own(photo(size))  # other work in between changes nothing
    assert results[0].shape == (size, size, 3) and results[0].dtype == np.uint8
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[1])
    assert np.array_equal(np.asarray(image), before)


def test_nothing_wraps() -> None:
    np.random.seed(0)
    own = prime(32)
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[::3] = 255
    for image_HW3 in (np.full((32, 32, 3), 255, np.uint8), np.zeros((32, 32, 3), np.uint8), stripes):
        for _ in range(60):
            plan = own.draw()
            out_HW3 = own.mix(image_HW3, plan)
            if not any(isinstance(one, Colours) for chain in plan.chains for one in chain):
                assert np.abs(out_HW3 - mixed(Image.fromarray(image_HW3), plan)).max() < 0.51
            if image_HW3.max() == 0:
                assert out_HW3.max() == 0  # all primitives leave black
    bright = Filter(np.full((3, 3), 9, np.float32))
    white = own.mix(np.full((32, 32, 3), 200, np.uint8), Plan(((bright,),) * 3, (0.2, 0.3, 0.5), 1.0))
    assert white.min() == 255


@pytest.mark.parametrize(
    "setting, value",
    [
        *(("width", 0), ("filter_side", 2), ("filter_side", -1), ("colour_cut", 0), ("colour_bandwidth", -1)),
        *(("diffeo_cut", 2), ("colour_variance", -0.1), ("filter_deviation", float("nan")), ("size", 1)),
    ],
)
def test_settings_out_of_range(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        augment(**{"size": 32, **RECIPE.settings, setting: value})  # type: ignore[arg-type]


def test_copies() -> None:
    own = prime(32)
    assert pickle.loads(pickle.dumps(own)) == own
