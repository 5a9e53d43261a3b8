"""`robust bench train`: timm makes the same kinds of batches, every part is measured, and the tables read well."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import datasets
from robustbench_cls.bench.corruptions import OURS
from robustbench_cls.bench.loading import LoadingBenchmark, Rates, Turns, _our_batches, open_photos
from robustbench_cls.bench.steps import AUGMENTING, BACKWARD, CUTTING, DECODING, FORWARD, GATHERING, StepTimes, Watch
from robustbench_cls.bench.table import training_table
from robustbench_cls.bench.timm_loaders import IN_WORKERS, PREFETCHER, WAYS, peer_of, timm_batches, timm_dataset
from robustbench_cls.bench.training import Asked, TrainingBenchmark, bench_training
from robustbench_cls.cli.bench import RECIPES
from robustbench_cls.cli.main import robust
from robustbench_cls.core.errors import UserError
from robustbench_cls.data.random_crops import CropRule
from robustbench_cls.models.classifier import Preprocessing
from robustbench_cls.training.combining import find_recipe
from robustbench_cls.training.functions import ViewsOf
from robustbench_cls.training.images import TrainingImages, batches_from
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.plan import make_plan

OWN = Preprocessing(32, 32, "bicubic", (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
FEW = ("--size", "32", "--workers", "0", "--rounds", "1", "--seconds", "0.05", "--steps", "2", "--batch-size", "8")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(robust, ["bench", "train", *FEW, *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory, toy: Path) -> Path:
    """A data set of 36 small images in Hugging Face layout."""
    root = tmp_path_factory.mktemp("parquet")
    files = sorted((toy / "train").rglob("*.png"))
    names = sorted({file.parent.name for file in files})
    features = datasets.Features(pic=datasets.Image(), kind=datasets.ClassLabel(names=names))
    rows = {
        "pic": [{"bytes": file.read_bytes(), "path": None} for file in files],
        "kind": [names.index(file.parent.name) for file in files],
    }
    datasets.Dataset.from_dict(rows, features=features).to_parquet(root / "train-00000-of-00001.parquet")
    return root


@pytest.mark.parametrize("name", [*RECIPES, "mixup-cutmix", "effnet-ra", "deit", "rsb-a1"])
def test_both_engines_make_batches_of_one_kind(name: str, toy: Path, tmp_path: Path) -> None:
    recipe, photos = find_recipe(name), open_photos(toy, kept=False)
    peer = peer_of(recipe)
    assert peer is not None
    dataset = timm_dataset(photos.source, photos.split, tmp_path)
    rule = CropRule(0.08, 0, "bicubic")
    images = TrainingImages(photos.source, None, rule, ViewsOf.of(recipe, recipe.settings), 0)
    found: dict[str, torch.Tensor] = {}
    with closing(_our_batches(images, recipe, OWN, 0)) as line:
        found[OURS], count = next(line)
        assert count == 36
    for way in WAYS:
        with closing(timm_batches(dataset, peer, OWN, 3, 36, 0, way)) as line:
            found[way], count = next(line)
            assert count == 36
    views = 3 if name == "augmix" else 1
    for images_B3HW in found.values():
        assert images_B3HW.shape == (36 * views, 3, 32, 32) and images_B3HW.dtype == torch.float32
    if name in ("baseline", "mixup", "augmix"):
        for way in WAYS:
            assert torch.allclose(found[OURS].mean(dim=(0, 2, 3)), found[way].mean(dim=(0, 2, 3)), atol=0.25)
            assert torch.allclose(found[OURS].std(dim=(0, 2, 3)), found[way].std(dim=(0, 2, 3)), rtol=0.25)


def test_timm_has_the_same_settings() -> None:
    deit, augmix = peer_of(find_recipe("deit")), peer_of(find_recipe("augmix"))
    assert deit is not None and augmix is not None
    assert (deit.policy, deit.erase, deit.mixup, deit.cutmix) == ("rand-m9-mstd0.5-inc1", 0.25, 0.8, 1.0)
    assert (augmix.policy, augmix.views) == ("augmix-m1-w3-a1.0", 3)
    assert peer_of(find_recipe("trivialaugment")) is None


def test_photos_and_small_images_are_measured_with_every_part_of_a_step(toy: Path, parquet: Path) -> None:
    sets = ("--data", str(toy), "--small", str(parquet), "--workers", "1")
    told = json.loads(run(*sets, "--recipes", "randaugment,trivialaugment", "--json"))
    photos, small = told["loading"]
    assert (photos["photos"], photos["kept"], small["photos"], small["kept"]) == (36, False, 36, True)
    for one in (photos, small):
        assert one["identical"] == one["compared"] == 36
        common, alone = one["recipes"]
        assert (common["recipe"], alone["recipe"]) == ("randaugment", "trivialaugment")
        assert set(common["rounds"]) == {OURS, *WAYS} and set(alone["rounds"]) == {OURS}
        assert all(rate > 0 for rates in common["rounds"].values() for rate in rates)
    steps = told["steps"]
    assert list(steps["making"]) == [GATHERING, DECODING, CUTTING, AUGMENTING]
    assert {FORWARD, BACKWARD} < set(steps["spent"]) and min(steps["spent"].values()) > 0
    assert (steps["model"], steps["recipe"], steps["size"]) == ("test_resnet", "randaugment", 32)
    assert steps["images"] in (14, 15) and steps["alone"] > 0  # 36 images are 5 steps of 7 or 8
    assert told["machine"] and told["versions"]["timm"]


def test_the_sample_photos_and_a_comparison_alone() -> None:
    text = run("--steps", "0", "--recipes", "baseline")
    assert "Photos per second" in text and "Where the time" not in text
    assert "Identical pixels in the same window: 100 of 100 photos." in text


def test_steps_alone(toy: Path) -> None:
    text = run("--data", str(toy / "train"), "--rounds", "0", "--recipes", "augmix")
    assert "test_resnet, augmix, 32 px, batches of 8, 0 workers" in text and "Photos per second" not in text


def test_a_step_of_more_images_than_there_are_is_refused_before_anything_is_measured(toy: Path) -> None:
    asked = Asked(data=toy, size=32, batch_size=37, steps=1)
    with pytest.raises(UserError, match=r"A step of 37 images is more than the 36 there are.*--batch-size 9"):
        bench_training(asked, [find_recipe("baseline")], lambda _: pytest.fail("measured"))


def test_a_watched_learner_learns_the_same(toy: Path) -> None:
    overrides = {"batch_size": 12, "input_size": 32, "minival": 0.0, "epochs": 1, "mixup_alpha": 0.2}
    options = TrainingOptions(data=toy, overrides=overrides, device="cpu", workers=0, progress=False)
    plan = make_plan("test_resnet", find_recipe("mixup-cutmix"), options)
    watch = Watch(plan.device)
    plain, watched = plan.learner(), watch.watched(plan.learner())
    for step, batches in batches_from(plan.images(), plan.order, 0, 0):
        assert torch.equal(plain.step(step, batches), watched.step(step, batches))
    assert all(torch.equal(own, other) for own, other in zip(*_weights(plain, watched), strict=True))
    assert FORWARD in watch.spent and BACKWARD in watch.spent


def _weights(*learners: object) -> list[list[torch.Tensor]]:
    return [[*learner.weights().values()] for learner in learners]  # type: ignore[attr-defined]


def test_ratios_are_medians_of_rounds_against_the_faster_way() -> None:
    rates = Rates("baseline", {OURS: (30.0, 20.0, 10.0), PREFETCHER: (10.0, 10.0, 10.0), IN_WORKERS: (5.0, 8.0, 20.0)})
    assert rates.rival == PREFETCHER and rates.times_faster == 2.0 and rates.of(IN_WORKERS) == 8.0
    alone = Rates("trivialaugment", {OURS: (30.0,)})
    assert alone.rival == "" and alone.times_faster is None and alone.of(PREFETCHER) is None


def test_the_tables_read_well() -> None:
    rounds = {OURS: (300.0, 310.0), PREFETCHER: (200.0, 200.0), IN_WORKERS: (150.0, 160.0)}
    loading = LoadingBenchmark(
        500, False, 224, "bicubic", 99, 100, (Rates("baseline", rounds), Rates("x", {OURS: (9.0,)}))
    )
    steps = StepTimes(
        "net", "baseline", 32, 8, 2, 100, {DECODING: 0.5}, {FORWARD: 0.3, BACKWARD: 0.5, "rest": 0.2}, 150.0
    )
    measured = TrainingBenchmark(Asked(turns=Turns(2, 2, 3.0)), (loading,), steps, "a machine", {"timm": "1"})
    lines = training_table(measured).splitlines()
    assert lines[0].startswith(
        "Photos per second, from files to normalised batches of 224 px: 500 photos, each is decoded"
    )
    assert lines[4] == "| baseline |             305 |              200 |                     155 |         1.52 |"
    assert lines[5] == "| x        |            9.00 |                  |                         |              |"
    assert "2 turns of 3 s, 2 workers each" in lines[7] and "PIXELS DIFFER in the same window: 99 of 100" in lines[7]
    assert (
        "| decoding (one process) |       0.500 |       |" in lines
        and "| backward               |       5.000 | 50.0% |" in lines
    )
    assert "Forward and backward: 80.0% of the time. 100 images/s; 150 on a batch" in lines[-3]
    kept = replace(measured, loading=(replace(loading, kept=True, identical=100),), steps=None)
    assert "has decoded each once before" in training_table(kept) and "Identical pixels" in training_table(kept)


def test_class_folders_are_found_wherever_they_lie(toy: Path, tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    only_val = make_folder(tmp_path / "data" / "val").parent
    assert len(open_photos(toy, kept=False).source) == 36
    assert len(open_photos(only_val, kept=False).source) == len(open_photos(only_val / "val", kept=False).source) == 12
