"""PixMix's mixes against the published definition, its draws, its fractals, and pictures of the user's."""

import hashlib
import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageOps

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.recipes import pixmix
from robustbench_cls.recipes.fractal_attractor import LARGEST, Attractor, _visit
from robustbench_cls.recipes.fractal_draws import Draws
from robustbench_cls.recipes.fractal_ground import SQUARE, Ground, _measure
from robustbench_cls.recipes.fractals import fractal
from robustbench_cls.recipes.pixmix import RECIPE, PixMix, Plan, Round, augment
from robustbench_cls.recipes.pixmix_operations import OPERATIONS, Step, changed
from robustbench_cls.recipes.pixmix_pictures import Draw, Pictures, files_in, read_picture
from robustbench_cls.training.functions import ViewsOf, check_functions
from robustbench_cls.training.regimens import settle

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SIZES = (32, 33, 224)


def drawing(size: int, kind: str = "smooth") -> Image.Image:
    rng = np.random.default_rng(size)
    if kind == "flat":
        return Image.new("RGB", (size, size), (200, 0, 255))
    if kind == "noise":
        return Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8))
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def made(size: int = 32, **changes: object) -> PixMix:
    return augment(size=size, **{**RECIPE.settings, "pictures": 6, **changes})  # type: ignore[arg-type]


def published_operation(image: Image.Image, step: Step) -> Image.Image:
    """The operation in Pillow, as the reference implementation defines it."""
    level, sign, size = step.level, -1 if step.backwards else 1, image.size
    third = size[0] / 3
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
        case "shear_x":
            matrix = (1, sign * level * 0.3 / 10, 0, 0, 1, 0)
        case "shear_y":
            matrix = (1, 0, 0, sign * level * 0.3 / 10, 1, 0)
        case "translate_x":
            matrix = (1, 0, sign * int(level * third / 10), 0, 1, 0)
        case "translate_y":
            matrix = (1, 0, 0, 0, 1, sign * int(level * third / 10))
    return image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def published_mix(image: Image.Image, plan: Plan, picture: Pixels) -> Pixels:
    """The mix of tensors of 0 to 1, as the reference implementation defines it."""

    def tensor(given: Image.Image | Pixels) -> torch.Tensor:
        return torch.from_numpy(np.array(given)).float() / 255

    mixed = tensor(image if plan.first is None else published_operation(image, plan.first))
    for step, product, a, b in plan.rounds:
        other = tensor(picture if step is None else published_operation(image, step))
        if product:
            mixed = (2 * mixed) ** np.float32(a) * (2 * other).clip(1e-37) ** np.float32(b) / 2
        else:
            mixed = (np.float32(a) * (2 * mixed - 1) + np.float32(b) * (2 * other - 1) + 1) / 2
        mixed = mixed.clip(0, 1)
    pixels: Pixels = (mixed * 255).round().to(torch.uint8).numpy()
    return pixels


def assert_alike(image: Image.Image, plan: Plan, mix: PixMix, share: float = 0.003) -> None:
    wanted = published_mix(image, plan, mix.pictures.crop(plan.picture))
    gap = np.abs(np.asarray(mix.mix(image, plan), np.int16) - wanted.astype(np.int16))
    assert gap.max() <= 1, plan
    assert (gap > 0).mean() <= share, plan


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_the_published_ones(name: str, size: int) -> None:
    for kind in ("smooth", "noise", "flat"):
        image = drawing(size, kind)
        for level in (0.1, 0.5, 1.0, 2.6, 5.01, 9.99):
            for backwards in (False, True):
                step = Step(name, level, backwards)
                assert changed(image, step).tobytes() == published_operation(image, step).tobytes(), step


def test_the_operations_contain_no_test_corruption() -> None:
    assert not set(OPERATIONS) & {"color", "contrast", "brightness", "sharpness"}
    assert len(OPERATIONS) == 9
    assert RECIPE.overlaps == ()


@pytest.mark.parametrize(("size", "count"), [(32, 250), (33, 60), (224, 25)])
def test_mixes_are_the_published_ones(size: int, count: int) -> None:
    for severity, beta in ((1, 4.0), (3, 3.0)):
        mix = made(size, aug_severity=severity, beta=beta)
        for seed in range(count):
            np.random.seed(seed)
            assert_alike(drawing(size, ("smooth", "noise", "flat")[seed % 3]), mix.draw(), mix)


def test_mixes_of_photos_are_the_published_ones(shared: Path) -> None:
    mix = made(224)
    for seed, path in enumerate(sorted(shared.glob("imagenet-mini/val/*/*.JPEG"))[::25]):
        np.random.seed(seed)
        assert_alike(ImageOps.fit(Image.open(path).convert("RGB"), (224, 224)), mix.draw(), mix)


@pytest.mark.parametrize(
    ("a", "b"), [(0.02, 0.9), (0.999, 0.001), (1.0, 0.0), (1.001, -0.001), (1.9, -0.98), (2.0, -1.0), (0.3, 0.3)]
)
def test_strong_and_weak_mixings(a: float, b: float) -> None:
    """Black pixels have a negative power of 1e-37 times a power of 0, whatever is mixed."""
    mix = made(32)
    ramp = np.repeat(np.arange(32 * 32, dtype=np.int64) % 256, 3).reshape(32, 32, 3)
    image = Image.fromarray(ramp.astype(np.uint8))
    for product in (False, True):
        for step in (None, Step("solarize", 9.0, False), Step("translate_x", 9.0, True)):
            one = Round(step, product, a, b)
            for rounds in ((one,), (one, one), (one, Round(step, not product, a, b), one)):
                # such round numbers give values half way between two levels
                assert_alike(image, Plan(None, rounds, Draw(0.5, 0.5, 0.5)), mix, share=0.2)


def test_powers_are_exact_to_a_hundredth_of_a_level() -> None:
    bases = np.concatenate([np.arange(256) / 255, np.geomspace(1e-30, 1, 5000)]).astype(np.float32)
    black = np.zeros(bases.size, np.uint8)
    for power in (0.01, 0.37, 0.9, 1.0, 1.13, 2.0):
        mixed = bases.copy()
        pixmix._multiply(mixed, np.float32(power), black, np.ones(256, np.float32))
        wanted = bases.astype(np.float64) ** np.float64(np.float32(power))
        assert np.abs(mixed - wanted).max() < 1e-5 / 2
        near = wanted > 1e-6
        assert np.abs(mixed / np.where(near, wanted, 1) - 1)[near].max() < 5e-6


def test_a_huge_factor_does_not_lift_what_is_as_good_as_black() -> None:
    mixed = np.array([0, 1e-40, 1e-36, 1e-30, 1e-20], np.float32)
    pixmix._multiply(mixed, np.float32(2), np.zeros(5, np.uint8), np.full(256, 2e37, np.float32))
    assert mixed.max() < 1e-2


def test_no_round_changes_nothing_but_the_operation() -> None:
    mix, image = made(k=0), drawing(32)
    seen = set()
    for seed in range(40):
        np.random.seed(seed)
        plan = mix.draw()
        assert plan.rounds == ()
        wanted = image if plan.first is None else changed(image, plan.first)
        assert mix.mix(image, plan).tobytes() == wanted.tobytes()
        seen.add(plan.first is None)
    assert seen == {True, False}


@pytest.mark.parametrize(("k", "beta", "severity"), [(4, 4.0, 1), (2, 3.0, 3)])
def test_draws_are_the_published_distribution(k: int, beta: float, severity: int) -> None:
    np.random.seed(1)
    mix = made(k=k, beta=beta, aug_severity=severity)
    plans = [mix.draw() for _ in range(12000)]
    counts = Counter(len(plan.rounds) for plan in plans)
    assert set(counts) == set(range(k + 1))
    for number in counts:
        assert counts[number] / len(plans) == pytest.approx(1 / (k + 1), abs=0.012)
    assert np.mean([plan.first is None for plan in plans]) == pytest.approx(0.5, abs=0.015)
    rounds = [one for plan in plans for one in plan.rounds]
    assert np.mean([one.step is None for one in rounds]) == pytest.approx(0.5, abs=0.015)
    assert np.mean([one.product for one in rounds]) == pytest.approx(0.5, abs=0.015)
    assert np.mean([one.a < 1 for one in rounds]) == pytest.approx(0.5, abs=0.015)
    assert np.mean([one.product and one.a < 1 and one.step is None for one in rounds]) == pytest.approx(1 / 8, abs=0.01)
    steps = [one.step for one in rounds if one.step] + [plan.first for plan in plans if plan.first]
    names = Counter(step.operation for step in steps)
    for name in OPERATIONS:
        assert names[name] / len(steps) == pytest.approx(1 / 9, abs=0.01)
    levels = np.array([step.level for step in steps])
    assert 0.1 <= levels.min() < 0.11
    assert 0.99 * severity < levels.max() < severity
    assert levels.mean() == pytest.approx((0.1 + severity) / 2, abs=0.02 * severity)
    assert np.mean([step.backwards for step in steps]) == pytest.approx(0.5, abs=0.015)
    draws = np.array([plan.picture for plan in plans])
    assert np.allclose(np.quantile(draws, (0.1, 0.5, 0.9), axis=0), [[0.1] * 3, [0.5] * 3, [0.9] * 3], atol=0.02)
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.03


@pytest.mark.parametrize("beta", [1.0, 3.0, 4.0, 0.5])
def test_factors_have_beta_distributions(beta: float) -> None:
    np.random.seed(2)
    mix = made(beta=beta, k=8)
    factors = np.array([(one.a, one.b) for _ in range(4000) for one in mix.draw().rounds])
    within = factors[:, 0] < 1
    weak = np.concatenate([factors[within, 1], factors[~within, 0] - 1, -factors[~within, 1]])
    strong = factors[within, 0]
    quantiles = np.linspace(0.05, 0.95, 10)
    # the distribution functions are x^beta for Beta(beta, 1) and 1 - (1 - x)^beta for Beta(1, beta)
    assert np.allclose(np.quantile(strong, quantiles) ** beta, quantiles, atol=0.02)
    assert np.allclose(1 - (1 - np.quantile(weak, quantiles)) ** beta, quantiles, atol=0.02)
    assert abs(np.corrcoef(factors[within].T)[0, 1]) < 0.03
    assert abs(np.corrcoef(factors[~within].T)[0, 1]) < 0.03


@pytest.mark.parametrize("size", [32, 224])
def test_numpys_global_generator_alone_decides(size: int) -> None:
    mix = pickle.loads(pickle.dumps(made(size)))
    image = drawing(size)
    before = image.tobytes()

    def mixed(seed: int) -> bytes:
        np.random.seed(seed)
        result = mix(image)
        assert result.size == image.size
        assert result.mode == "RGB"
        return bytes(result.tobytes())

    wanted = [mixed(seed) for seed in range(12)]
    random.seed(5)
    torch.manual_seed(5)
    assert [mixed(seed) for seed in range(11, -1, -1)] == wanted[::-1]
    assert image.tobytes() == before
    assert len(set(wanted)) >= 10


def test_the_next_draws_do_not_depend_on_whether_fractals_were_kept() -> None:
    pictures = Pictures(32, 10**6, ())
    np.random.seed(3)
    state = np.random.get_state()[1].tobytes()  # type: ignore[union-attr, index]
    pictures.crop(Draw(0.123, 0, 0))
    assert np.random.get_state()[1].tobytes() == state  # type: ignore[union-attr, index]


def test_other_images_than_agreed_are_refused() -> None:
    with pytest.raises(ValueError, match="32 x 32"):
        made(32)(drawing(33))
    with pytest.raises(ValueError, match="RGB"):
        made(32)(drawing(32).convert("L"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"k": -1}, "k must"),
        ({"pictures": 0}, "pictures"),
        ({"beta": 0.0}, "beta"),
        ({"beta": float("nan")}, "beta"),
        ({"beta": float("inf")}, "beta"),
        ({"aug_severity": 0}, "aug_severity"),
        ({"aug_severity": 11}, "aug_severity"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        made(**changes)
    with pytest.raises(UserError, match="pixmix"):
        ViewsOf.of(RECIPE, {**RECIPE.settings, **changes})(32)


def test_the_regimen() -> None:
    check_functions(RECIPE)
    regimen, settings = settle(RECIPE, "resnet", {})
    assert (regimen.epochs, regimen.lr, regimen.schedule, regimen.label_smoothing) == (90, 0.1, "cosine", 0.0)
    assert settings == {"k": 4, "beta": 4.0, "aug_severity": 1, "pictures": 300, "mixing_set": ""}
    assert settle(RECIPE, "vit", {})[0].epochs == 90


# Fractals

KNOWN = {
    (0, 40): "5da372e7ad294c9727c34ccd98e2fa89f6e4e9f6aa47268b8c8a07217914ba5f",
    (7, 150): "8bebaef9dddd03b7d54afdc390daebf4768f6d05e7391b79026deb1444bdff7b",
}
"""SHA-256 of pictures: number, side. Other machines must draw the same."""


def digest(number: int, side: int) -> str:
    return hashlib.sha256(fractal(number, side).tobytes()).hexdigest()


def entropy(pixels: Pixels) -> float:
    """Bits of the distribution of colours, where 16 levels of each channel are told apart."""
    coarse = (pixels.reshape(-1, 3) >> 4).astype(np.int64)
    counts = np.bincount(coarse @ np.array([256, 16, 1]))
    shares = counts[counts > 0] / len(coarse)
    return float(-(shares * np.log2(shares)).sum())


def test_fractals_are_known_bytes() -> None:
    assert {key: digest(*key) for key in KNOWN} == KNOWN


CODE = """
import hashlib, random
import numpy as np
from robustbench_cls.recipes.fractals import fractal
np.random.seed(9); random.seed(9)
for number, side in ((3, 64), (7, 150), (2, 40), (0, 40)):
    print(hashlib.sha256(fractal(number, side).tobytes()).hexdigest())
"""


def digests_elsewhere(**environment: str) -> list[str]:
    command = [sys.executable, "-c", CODE]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return result.stdout.split()


def test_fractals_are_the_same_in_another_process_and_order() -> None:
    wanted = [digest(number, side) for number, side in ((0, 40), (2, 40), (7, 150), (3, 64))]
    assert digests_elsewhere() == wanted[::-1]


@pytest.mark.slow
def test_fractals_are_the_same_on_a_processor_without_vectors(tmp_path: Path) -> None:
    wanted = [digest(number, side) for number, side in ((3, 64), (7, 150), (2, 40), (0, 40))]
    found = digests_elsewhere(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR=str(tmp_path))
    assert found == wanted


def test_fractals_are_colourful_full_and_different() -> None:
    pictures = np.stack([fractal(number, 64) for number in range(300)])
    assert pictures.shape == (300, 64, 64, 3)
    assert pictures.dtype == np.uint8
    brightest = pictures.max(axis=3)
    assert (brightest < 32).mean(axis=(1, 2)).max() < 0.1  # no black pictures
    means = pictures.mean(axis=(1, 2, 3))
    assert means.min() > 60
    assert means.max() < 190
    assert min(len(np.unique(picture.reshape(-1, 3), axis=0)) for picture in pictures) > 2000
    assert min(entropy(picture) for picture in pictures) > 5.5
    assert pictures.reshape(300, -1, 3).std(axis=1).mean(axis=1).min() > 15
    greys = pictures.mean(axis=3).reshape(300, -1)
    greys -= greys.mean(axis=1, keepdims=True)
    greys /= np.linalg.norm(greys, axis=1, keepdims=True)
    assert np.abs(greys @ greys.T - np.eye(300)).max() < 0.6  # no two alike
    hues = pictures.reshape(-1, 3).argmax(axis=1)
    assert np.bincount(hues).min() > 0.2 * len(hues)


def test_fractals_have_structure_at_several_scales() -> None:
    """Halving a picture again and again leaves steps between neighbours: neither noise nor plain areas."""
    for number in range(60):
        picture = fractal(number, 128).astype(np.float64)
        for side in (128, 64, 32, 16):
            squares = picture.reshape(side, 128 // side, side, 128 // side, 3).mean(axis=(1, 3))
            assert np.abs(np.diff(squares, axis=0)).mean() > 3, (number, side)


def test_fractals_have_the_same_motif_at_every_side() -> None:
    for number in range(12):
        large = Image.fromarray(fractal(number, 224))
        for side in (32, 36, 64, 160):
            small = np.asarray(large.resize((side, side), Image.Resampling.BOX), np.float64)
            own = fractal(number, side)
            assert own.shape == (side, side, 3)
            assert np.corrcoef(small.ravel(), own.ravel())[0, 1] > 0.8, (number, side)


@pytest.mark.parametrize("side", [1, 2, 5])
def test_the_smallest_fractals(side: int) -> None:
    assert fractal(4, side).shape == (side, side, 3)


def test_a_kept_fractal_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        fractal(0, 8)[0, 0, 0] = 1


def test_attractors_contract_and_fill_their_place() -> None:
    for number in range(100):
        attractor = Attractor.draw(Draws(Key.of("test", number)))
        matrices = attractor.maps_KA.reshape(-1, 2, 3)[:, :, :2]
        values = np.linalg.svd(matrices, compute_uv=False)
        assert values.max() <= LARGEST + 1e-9
        total, count = float((values[:, 0] + 2 * values[:, 1]).sum()), len(values)
        assert (5 + count) / 2 - 1e-9 <= total <= (6 + count) / 2 + 1e-9
        assert set(attractor.choices_256.tolist()) == set(range(count))
        points = np.empty((4000, 2))
        _visit(attractor.maps_KA, attractor.choices_256, np.uint64(number), points)
        view = attractor.view_A.reshape(2, 3)
        places = points @ view[:, :2].T + view[:, 2]
        assert ((places >= 0) & (places < 1)).all(axis=1).mean() > 0.2, number
        assert np.ptp(places, axis=0).max() > 0.5, number


def test_an_attractor_is_painted_where_its_points_come_by() -> None:
    attractor = Attractor.draw(Draws(Key.of("test", 1)))
    picture = np.full((64, 64, 3), 255, np.uint8)
    white = attractor._replace(palette_P3=np.zeros((256, 3), np.uint8))
    white.paint(picture)
    points = np.empty((100_000, 2))
    _visit(attractor.maps_KA, attractor.choices_256, np.uint64(11), points)
    view = attractor.view_A.reshape(2, 3)
    places = (points @ view[:, :2].T + view[:, 2]) * 64
    inside = places[((places >= 0) & (places < 64)).all(axis=1)].astype(int)
    counts = np.zeros((64, 64))
    np.add.at(counts, (inside[:, 1], inside[:, 0]), 1)
    assert picture[counts == 0].mean() > 250
    assert picture[counts > np.median(counts[counts > 0])].mean() < 160


def test_grounds_without_structure_are_found() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    step, square_step = _measure(pixels)
    values = pixels.astype(np.float64)
    across, down = np.abs(np.diff(values, axis=1))[1:], np.abs(np.diff(values, axis=0))[:, 1:]
    assert step == pytest.approx((across.mean() + down.mean()) / 2)
    squares = values.reshape(48 // SQUARE, SQUARE, 48 // SQUARE, SQUARE, 3).mean(axis=(1, 3))
    across, down = np.abs(np.diff(squares, axis=1))[1:], np.abs(np.diff(squares, axis=0))[:, 1:]
    assert square_step == pytest.approx((across.mean() + down.mean()) / 2)
    good = [Ground.draw(Draws(Key.of("test", number))).has_structure() for number in range(200)]
    assert 0.4 < np.mean(good) < 0.95


# Pictures of the user's


def save(path: Path, pixels: Pixels, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def test_a_folder_of_pictures_is_used(tmp_path: Path) -> None:
    save(tmp_path / "b" / "red.png", np.full((90, 60, 3), (255, 0, 0), np.uint8))
    save(tmp_path / "a" / "c" / "blue.JPG", np.full((50, 300, 3), (0, 0, 255), np.uint8), format="JPEG", quality=100)
    save(tmp_path / "grey.png", np.full((20, 20), 100, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    mix = made(32, mixing_set=str(tmp_path))
    files = mix.pictures.files
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["a/c/blue.JPG", "b/red.png", "grey.png"]
    colours = [mix.pictures.crop(Draw(share, 0.3, 0.99))[5, 5].tolist() for share in (0.0, 0.5, 0.99)]
    assert colours[0][2] > 250
    assert colours[1:] == [[255, 0, 0], [100, 100, 100]]
    for seed in range(30):
        np.random.seed(seed)
        assert_alike(drawing(32), mix.draw(), mix)
    loaded = pickle.loads(pickle.dumps(mix))
    assert loaded == mix


def test_pictures_are_resized_and_cropped_as_published(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = save(tmp_path / "wide.png", rng.integers(0, 256, (300, 500, 3), dtype=np.uint8))
    wanted = np.asarray(Image.open(file).resize((426, 256), Image.Resampling.BILINEAR))
    assert np.array_equal(read_picture(file, 256), wanted)
    pictures = Pictures(224, 1, (file,))
    windows = [pictures.crop(Draw(0.5, top, left)) for top in (0, 0.999999) for left in (0, 0.999999)]
    corners = [wanted[y : y + 224, x : x + 224] for y in (0, 32) for x in (0, 202)]
    assert all(np.array_equal(*pair) for pair in zip(windows, corners, strict=True))
    assert Pictures(32, 1, (file,)).crop(Draw(0, 0, 0)).shape == (32, 32, 3)
    assert read_picture(file, 36).shape == (36, 60, 3)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1"])
def test_pictures_of_any_mode(tmp_path: Path, mode: str) -> None:
    name = "image.tif" if mode == "CMYK" else "image.png"
    drawing(40).convert(mode).save(tmp_path / name)
    mix = made(32, mixing_set=str(tmp_path), k=4)
    for seed in range(8):
        np.random.seed(seed)
        assert mix(drawing(32)).mode == "RGB"
    assert mix.pictures.crop(Draw(0, 0, 0)).shape == (32, 32, 3)


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder .*nowhere"):
        made(mixing_set=str(tmp_path / "nowhere"))
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "empty" / "readme.txt").write_text("nothing")
    with pytest.raises(UserError, match="empty holds no mixing pictures"):
        made(mixing_set=str(tmp_path / "empty"))
    with pytest.raises(UserError, match="no folder .*file"):
        made(mixing_set=str(save(tmp_path / "file.png", np.zeros((4, 4, 3), np.uint8))))
    with pytest.raises(UserError, match="nowhere"):
        ViewsOf.of(RECIPE, {**RECIPE.settings, "mixing_set": str(tmp_path / "nowhere")})(32)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not an image")
    mix = made(mixing_set=str(tmp_path))
    with pytest.raises(UserError, match="broken.png is not a readable image"):
        mix.pictures.crop(Draw(0, 0, 0))
    (tmp_path / "broken.png").unlink()
    with pytest.raises(UserError, match="broken.png can't be read"):
        mix.pictures.crop(Draw(0, 0, 0))
    assert mix.pictures.files == (tmp_path / "broken.png",)


def test_a_home_folder_and_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("z.png", "a.png", "m/b.png", "B.png"):
        save(tmp_path / "set" / name, np.zeros((4, 4, 3), np.uint8))
    names = [file.relative_to(tmp_path / "set").as_posix() for file in files_in("~/set")]
    assert names == ["B.png", "a.png", "m/b.png", "z.png"]
