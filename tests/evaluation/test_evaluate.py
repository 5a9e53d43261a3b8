import hashlib
import itertools
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from robustbench_cls import EvaluationOptions, evaluate, load_classifier
from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import Score
from robustbench_cls.core.suite import Condition, Measure, Suite
from robustbench_cls.data.label_spaces import imagenet_1k, imagenet_subset
from robustbench_cls.data.source import SAMPLED, open_source
from robustbench_cls.evaluation import loop
from robustbench_cls.evaluation.suite_check import check_suite
from robustbench_cls.metrics.scoring import score
from robustbench_cls.results.manifest import read_run
from robustbench_cls.results.store import StoredRun
from robustbench_cls.suites.cifar_10_c import SUITE as CIFAR_10_C
from robustbench_cls.suites.imagenet_c import SUITE as IMAGENET_C
from robustbench_cls.training.images import seed_everything

FEW = Suite(
    **{
        **{f: getattr(IMAGENET_C, f) for f in IMAGENET_C.__dataclass_fields__},
        "conditions": tuple(Condition(n, s) for n in ("gaussian_noise", "contrast") for s in (1, 5)),
        "measures": (),
    }
)


def options(data: Path, out: Path, **changes: object) -> EvaluationOptions:
    usual = {"workers": 0, "progress": False, "batch_size": 5, "crops": None}
    return EvaluationOptions(data=data, out=out, **{**usual, **changes})


def scores_of(run: StoredRun) -> list[Score]:
    return score("m", run.suite.name, run.predictions(), run.suite.measures)[0]


def digests(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize("suite", discover("robustbench_cls.suites", Suite).values(), ids=lambda s: s.name)
def test_contract_of_every_suite(suite: Suite) -> None:
    assert suite.source.startswith("https://")
    assert len({c.stem for c in suite.conditions}) == len(suite.conditions)
    assert suite.reference is None or suite.reference.stem not in {c.stem for c in suite.conditions}
    assert suite.version >= 1
    check_suite(suite)


def test_all_four_suites_on_own_data(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    names = ["imagenet", "imagenet-a", "stylized-imagenet", FEW]
    runs = evaluate(toy_checkpoint, names, options(toy, tmp_path))
    counts = {
        run.identity.suite: {p.name: len(run.read(c)) for c in run.all_conditions for p in [run.path(c)]}
        for run in runs
    }
    assert counts == {
        "imagenet": {"clean.parquet": 12},
        "imagenet-a": {"clean.parquet": 12, "natural.parquet": 6},
        "stylized-imagenet": {"clean.parquet": 12, "stylized.parquet": 12},
        "imagenet-c": {f"{c.stem}.parquet": 12 for c in (Condition("clean"), *FEW.conditions)},
    }
    for run in runs:
        assert not run.missing()
        assert all(run.sample_path(c).exists() for c in run.all_conditions)
        assert {s.metric for s in scores_of(run)} >= {"top1_accuracy", "top5_accuracy", "error"}


def test_own_data_is_measured_at_the_models_size(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (run,) = evaluate(toy_checkpoint, FEW, options(toy, tmp_path))
    protocol = run.identity.protocol
    assert (protocol.resize, protocol.crop, protocol.input_size, protocol.jpeg_quality) == (32, 32, 32, 85)
    assert protocol.images.startswith("generated:")


def test_every_image_once_and_equal_whatever_the_batch_and_workers(
    toy: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    (one,) = evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "a", batch_size=1))
    (two,) = evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "b", batch_size=7, workers=2))
    for condition in one.all_conditions:
        first, second = one.read(condition), two.read(condition)
        assert first["image_id"].is_unique
        assert first["image_id"].tolist() == second["image_id"].tolist()
        assert first["prediction"].tolist() == second["prediction"].tolist()
        assert np.allclose(first["nll"], second["nll"], atol=1e-4)
        assert one.sample_path(condition).read_bytes() == two.sample_path(condition).read_bytes()


def test_a_stopped_run_goes_on_to_the_same_bytes(
    toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "whole"))
    real, calls = loop.columns, []

    def dies(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "columns", dies)
    with pytest.raises(KeyboardInterrupt):
        evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "stopped"))
    done = set(digests(tmp_path / "stopped"))
    assert 0 < len([name for name in done if name.endswith(".parquet")]) < 5
    monkeypatch.setattr(loop, "columns", real)
    evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "stopped"))
    assert digests(tmp_path / "stopped") == digests(tmp_path / "whole")


def test_batches_that_are_answered_at_once_are_stored_in_order(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    loaded = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    together, calls, threads = threading.Barrier(2, timeout=20), itertools.count(), torch.get_num_threads()

    def forward(images_BHW3: torch.Tensor) -> torch.Tensor:
        assert torch.get_num_threads() == 1
        call = next(calls)
        if call < 2:
            together.wait()
        if call % 2 == 0:  # the second of two is done first
            time.sleep(0.02)
        return loaded.logits(images_BHW3)

    several = replace(loaded, backend="openvino", forward=forward)
    (plain,) = evaluate(loaded, "imagenet", options(toy, tmp_path / "plain"))
    (at_once,) = evaluate(several, "imagenet", options(toy, tmp_path / "at_once", checks=False))
    assert plain.predictions().image_ids == at_once.predictions().image_ids
    for name, values in plain.predictions().columns.items():
        np.testing.assert_allclose(at_once.predictions().columns[name], values, rtol=1e-5)
    assert torch.get_num_threads() == threads


def test_limit_draws_the_same_images_for_every_model(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (five,) = evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "a", limit=5))
    (three,) = evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "b", limit=3))
    (other,) = evaluate(toy_checkpoint, FEW, options(toy, tmp_path / "c", limit=5, seed=1))
    ids = [set(run.read(FEW.conditions[0])["image_id"]) for run in (five, three, other)]
    assert [len(i) for i in ids] == [5, 3, 5]
    assert ids[1] <= ids[0]
    assert ids[2] != ids[0]


def test_identity_sees_data_limit_seed_and_weights(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (base,) = evaluate(toy_checkpoint, "imagenet", options(toy, tmp_path / "a"))
    changes = [{"limit": 4}, {"seed": 3}, {"data": toy / "stylized"}]
    for i, change in enumerate(changes):
        (run,) = evaluate(toy_checkpoint, "imagenet", options(**{"data": toy, "out": tmp_path / f"x{i}", **change}))
        assert run.identity.digest() != base.identity.digest(), change
    for i, change in enumerate([{"batch_size": 2}, {"workers": 1}]):
        (run,) = evaluate(toy_checkpoint, "imagenet", options(toy, tmp_path / f"y{i}", **change))
        assert run.identity == base.identity, change


def test_another_runs_folder_is_refused(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    evaluate(toy_checkpoint, "imagenet", options(toy, tmp_path))
    with pytest.raises(UserError, match="limit: all images != 3"):
        evaluate(toy_checkpoint, "imagenet", options(toy, tmp_path, limit=3))


def test_one_splits_folder(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (run,) = evaluate(toy_checkpoint, "imagenet-a", options(toy / "a", tmp_path))
    assert run.reference is not None
    assert len(run.read(run.conditions[0])) == 6


def test_a_missing_split_is_named(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(toy / "val", data / "val")
    with pytest.raises(UserError, match="'stylized-imagenet' reads .*stylized, which is not there"):
        evaluate(toy_checkpoint, "stylized-imagenet", options(data, tmp_path / "out"))


def test_no_data_at_all(toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"'imagenet-a' expects class folders in datasets/imagenet-a.*README\.md"):
        evaluate(toy_checkpoint, "imagenet-a", EvaluationOptions(progress=False))
    with pytest.raises(UserError, match="There is no folder gone"):
        evaluate(toy_checkpoint, "imagenet", EvaluationOptions(data=Path("gone"), progress=False))


def test_other_classes_are_refused(toy_checkpoint: Path, tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    data = make_folder(tmp_path / "val", classes=("cat", "wolf"))
    with pytest.raises(UserError, match=r"1 of 2 folders are not classes of the model \(wolf\)"):
        evaluate(toy_checkpoint, "imagenet", options(data, tmp_path / "out"))


@pytest.mark.parametrize(("workers", "crops"), [(0, None), (2, None), (2, "crops")])
def test_a_broken_image_is_named_and_finished_conditions_stay(
    workers: int, crops: str | None, toy: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    kept = tmp_path / crops if crops else None
    shutil.copytree(toy, tmp_path / "data")
    bad = tmp_path / "data" / "stylized" / "owl" / "1.png"
    bad.write_bytes(bad.read_bytes()[:200])
    with pytest.raises(UserError, match=r"^\S*owl/1\.png is not a readable image"):
        evaluate(
            toy_checkpoint,
            "stylized-imagenet",
            options(tmp_path / "data", tmp_path / "out", workers=workers, crops=kept),
        )
    measured = (tmp_path / "out" / "stylized-imagenet" / "clean.parquet").exists()
    assert measured == (kept is None)  # crops are stored, and so found wanting, before anything is measured


def test_images_of_every_mode(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    data = tmp_path / "val"
    shutil.copytree(toy / "val", data)
    image = Image.open(data / "cat" / "0.png")
    image.convert("L").save(data / "cat" / "0.png")
    image.convert("CMYK").save(data / "cat" / "1.jpg")
    image.quantize(8).save(data / "cat" / "2.png")
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(data / "cat" / "3.png")
    (run,) = evaluate(toy_checkpoint, "imagenet", options(data, tmp_path / "out"))
    assert len(run.read(Condition("clean"))) == 13


def test_nan_logits_name_the_image(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu")
    with torch.no_grad():
        next(iter(classifier.network.parameters())).fill_(float("nan"))
    with pytest.raises(UserError, match="The weights of test_resnet-baseline-s0 have changed since it was loaded"):
        evaluate(classifier, "imagenet", options(toy, tmp_path))
    classifier = replace(classifier, tensors_sha256="")
    with pytest.raises(UserError, match=r"NaN or infinite logits for \S*cat/0\.png \(clean\)"):
        evaluate(classifier, "imagenet", options(toy, tmp_path))


@pytest.fixture
def imagenet_model(tmp_path: Path) -> Path:
    seed_everything_key()
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    return tmp_path / "w.pth"


def seed_everything_key() -> None:
    from robustbench_cls.core.keys import Key

    seed_everything(Key.of("test"))


@pytest.fixture
def imagenet_like(tmp_path: Path, make_folder: Callable[..., Path]) -> Path:
    """Images in folders of six ImageNet classes, three of which are in ImageNet-A."""
    names = imagenet_1k()
    space = imagenet_subset("imagenet-a", "imagenet_a_indices.txt").class_names
    chosen = (*space[:3], *[n for n in names if n not in space][:3])
    make_folder(tmp_path / "data" / "val", classes=chosen, count=2)
    make_folder(tmp_path / "data" / "a", classes=space[:3], count=2)
    return tmp_path / "data"


def test_imagenet_a_restricts_to_200_classes(imagenet_model: Path, imagenet_like: Path, tmp_path: Path) -> None:
    classifier = load_classifier("test_resnet", weights=imagenet_model, device="cpu")
    (run,) = evaluate(classifier, "imagenet-a", options(imagenet_like, tmp_path / "out"))
    space = {imagenet_1k().index(n) for n in imagenet_subset("imagenet-a", "imagenet_a_indices.txt").class_names}
    natural, clean = run.read(Condition("natural")), run.read(Condition("clean"))
    assert set(natural["prediction"]) <= space
    assert set(clean["label"]) <= space
    assert len(clean) == 6, "val images outside the 200 classes are left out"
    assert run.identity.label_space == "imagenet-a"
    assert run.identity.protocol.resize == 256
    assert run.identity.protocol.crop == 224
    assert {s.metric for s in scores_of(run) if s.condition == "natural"} >= {"top1_accuracy", "head_top1_accuracy"}


def test_imagenet_a_on_a_folder_of_more_classes_says_what_it_left_out(
    imagenet_model: Path, imagenet_like: Path, tmp_path: Path
) -> None:
    classifier = load_classifier("test_resnet", weights=imagenet_model, device="cpu")
    (run,) = evaluate(classifier, "imagenet-a", options(imagenet_like / "val", tmp_path / "out"))
    assert len(run.read(Condition("natural"))) == 6
    assert "3 of the 200 classes" in run.circumstances.notes[0]
    assert "3 folders of other classes are left out" in run.circumstances.notes[0]


def test_cifar_10_c_has_no_mce_whatever_the_model(imagenet_model: Path, imagenet_like: Path, tmp_path: Path) -> None:
    classifier = load_classifier("test_resnet", weights=imagenet_model, device="cpu")
    few = replace(CIFAR_10_C, conditions=FEW.conditions)
    (run,) = evaluate(classifier, few, options(imagenet_like, tmp_path / "out"))
    assert not run.imagenet
    assert (run.identity.protocol.crop, run.identity.protocol.input_size) == (32, classifier.preprocessing.input_size)


def test_published_and_generated_are_two_protocols(
    imagenet_model: Path, imagenet_like: Path, tmp_path: Path, make_folder: Callable[..., Path]
) -> None:
    tree = tmp_path / "tree"
    classes = tuple(p.name for p in sorted((imagenet_like / "val").iterdir()))
    for condition in FEW.conditions:
        make_folder(tree / condition.name / str(condition.severity), classes=classes, count=2, seed=condition.severity)
    classifier = load_classifier("test_resnet", weights=imagenet_model, device="cpu")
    (published,) = evaluate(classifier, FEW, options(tree, tmp_path / "p"))
    (generated,) = evaluate(classifier, FEW, options(imagenet_like, tmp_path / "g"))
    assert (published.identity.protocol.images, published.identity.protocol.resize) == ("published", 0)
    assert generated.identity.protocol.images.startswith("generated:engine 1 as published")
    assert published.reference is None
    with pytest.raises(UserError, match="published"):
        evaluate(classifier, FEW, options(tree, tmp_path / "g"))
    (tree / "contrast" / "5" / classes[0] / "0.png").unlink()
    with pytest.raises(UserError, match="must show the same images"):
        evaluate(classifier, FEW, options(tree, tmp_path / "q"))


def test_unknown_suite_and_bad_numbers(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Unknown suite 'imagenetc'. Did you mean"):
        evaluate(toy_checkpoint, "imagenetc", options(toy, tmp_path))
    with pytest.raises(UserError, match="--limit must be 0 or more"):
        evaluate(toy_checkpoint, "imagenet", options(toy, tmp_path, limit=-1))


def test_conditions_of_a_changed_suite_are_noticed(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    evaluate(toy_checkpoint, FEW, options(toy, tmp_path))
    fewer = replace(FEW, conditions=FEW.conditions[:2])
    with pytest.raises(UserError, match="holds another run .*conditions"):
        evaluate(toy_checkpoint, fewer, options(toy, tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../elsewhere"}, "suite's name is made of"),
        ({"conditions": ()}, "has no conditions"),
        ({"conditions": (Condition("fog", 1), Condition("fog", 1))}, "the condition 'fog-1' twice"),
        ({"conditions": (Condition("clean"),)}, "the condition 'clean' twice; its reference counts as one"),
        ({"conditions": (Condition("all"),)}, "'all' is the name of two places"),
        ({"conditions": (Condition("fog", 1, group="fog"),)}, "'fog' is the name of two places"),
        ({"measures": (Measure("accuracy"),)}, "measures 'accuracy', and there is no such metric. Did you mean"),
        ({"measures": (Measure("ce", "frog"),)}, "measures ce on 'frog'. There, it stands on gaussian_noise, contrast"),
        ({"measures": (Measure("top1_accuracy"),)}, "measures top1_accuracy on 'all'. There, it stands on clean"),
        ({"measures": (Measure("top1_accuracy", "contrast"),)}, "on 'contrast'. There, it stands on clean"),
        ({"measures": (Measure("mce", "noise"),)}, "measures mce on 'noise'. There, it stands on all"),
        ({"measures": (Measure("severity_error"),)}, "severity_error on 'all'. There, it stands on nothing"),
        ({"measures": (Measure("ece", "clean"),), "labels": "none"}, "has no labels, and ece needs them"),
        ({"conditions": (Condition("fog", 9),)}, r"severity of fog must be 0\.\.5, got 9"),
        ({"conditions": (Condition("frog", 1),)}, "Unknown corruption 'frog'. Did you mean fog"),
    ],
)
def test_a_suite_that_can_not_be_measured(
    changes: dict[str, object], message: str, toy: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    with pytest.raises(UserError, match=message):
        evaluate(toy_checkpoint, replace(FEW, **changes), options(toy, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_too_small_to_corrupt_is_said_before_anything_runs(toy: Path, tmp_path: Path) -> None:
    from robustbench_cls import TrainingOptions, train

    overrides = {"epochs": 1, "batch_size": 12, "input_size": 16}
    small = train(
        "test_resnet", "baseline", TrainingOptions(data=toy, overrides=overrides, out=tmp_path / "t", progress=False)
    )
    with pytest.raises(UserError, match="corrupted at 16 px"):
        evaluate(small, ["imagenet", FEW], options(toy, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("workers", [-1, 100_000])
def test_workers_out_of_range(workers: int, toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--workers must lie in 0\.\.256"):
        evaluate(toy_checkpoint, "imagenet", options(toy, tmp_path, workers=workers))


def test_a_leftover_of_a_killed_start_does_not_block(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "imagenet" / ".run.json.abc.tmp").touch()
    (run,) = evaluate(
        toy_checkpoint, "imagenet", EvaluationOptions(data=str(toy), out=str(tmp_path), progress=False, crops=None)
    )
    assert not run.missing()


def test_images_that_change_between_two_starts_are_noticed(
    toy_checkpoint: Path, tmp_path: Path, make_folder: Callable[..., Path]
) -> None:
    """One image of many, of the same size in bytes: no fingerprint of a sample sees it."""
    data = make_folder(tmp_path / "data/val", count=20)
    for path in sorted(data.rglob("*.png")):  # stored without compression, so that all have one size
        Image.open(path).convert("RGB").save(path.with_suffix(".bmp"))
        path.unlink()
    given = EvaluationOptions(data=data, out=tmp_path / "out", crops=tmp_path / "crops", workers=0, progress=False)
    few = replace(IMAGENET_C, conditions=(Condition("contrast", 1), Condition("contrast", 2)))
    (run,) = evaluate(toy_checkpoint, few, given)
    assert len(read_run(run.folder).circumstances.pixels) == 1
    run.path(Condition("contrast", 2)).unlink()  # as if it had been killed
    sources = open_source(data)
    sampled = {int(i) for i in np.linspace(0, len(sources) - 1, SAMPLED)}
    hidden = data / sources.ids[next(i for i in range(len(sources)) if i not in sampled)]
    pixels_HW3 = np.asarray(Image.open(hidden)).copy()
    Image.fromarray(255 - pixels_HW3).save(hidden)
    with pytest.raises(UserError, match="have changed since the results in .* were begun: they decode to other pixels"):
        evaluate(toy_checkpoint, few, given)
    Image.fromarray(pixels_HW3).save(hidden)
    (again,) = evaluate(toy_checkpoint, few, given)
    assert not again.missing()
