"""Suite cifar-10-c from images to numbers: generated, from published arrays, and apart from imagenet-c."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls import EvaluationOptions, corrupt, evaluate, load_classifier
from robustbench_cls.core.corruption import IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.data.crops import fit
from robustbench_cls.data.source import open_source
from robustbench_cls.evaluation.plan import plan
from robustbench_cls.metrics.scoring import score
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.suites.cifar_10_c import SUITE
from robustbench_cls.suites.cifar_100_c import SUITE as CIFAR_100_C
from robustbench_cls.suites.imagenet_c import SUITE as OF_IMAGENET

FEW = replace(SUITE, conditions=tuple(Condition("fog", s, "weather") for s in SEVERITIES), measures=())


def options(data: Path, out: Path, **changes: object) -> EvaluationOptions:
    return EvaluationOptions(data=data, out=out, workers=0, progress=False, **changes)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets side by side: `cifar10` of 32 px images, and `cifar-10-c` with fog in an array."""
    root = tmp_path_factory.mktemp("small")
    for label, name in enumerate(("cat", "dog", "owl")):
        folder = root / "cifar10" / "val" / name
        folder.mkdir(parents=True)
        for i in range(4):
            pixels = np.random.default_rng([label, i]).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    source, stored = open_source(root / "cifar10" / "val"), root / "cifar-10-c"
    images = np.stack([np.asarray(source.image(i)) for i in range(len(source))])
    fog = [corrupt(images, "fog", s, image_ids=source.ids, variant="cifar") for s in SEVERITIES]
    stored.mkdir()
    np.save(stored / "fog.npy", np.concatenate(fog))
    np.save(stored / "labels.npy", np.tile(source.labels_N, len(SEVERITIES)).astype(np.uint8))
    return root


@pytest.fixture(scope="module")
def classifier(toy_checkpoint: Path) -> Classifier:
    return load_classifier(toy_checkpoint, device="cpu", backend="torch")


def test_what_the_suites_are_about() -> None:
    names = list(dict.fromkeys(condition.name for condition in SUITE.conditions))
    assert tuple(names) == IMAGENET_C and len(SUITE.conditions) == 75
    for suite in (SUITE, CIFAR_100_C):
        assert suite.measures[0].metric == "mean_corruption_error_unnormalised"
        assert not {measure.metric for measure in suite.measures} & {"mce", "relative_mce", "held_out_mce"}
    assert (CIFAR_100_C.name, CIFAR_100_C.folder, CIFAR_100_C.clean) == ("cifar-100-c", "cifar-100-c", "cifar100")


def test_the_whole_suite_on_a_few_images(small: Path, classifier: Classifier, tmp_path: Path) -> None:
    (run,) = evaluate(classifier, "cifar-10-c", options(small / "cifar10", tmp_path, limit=5))
    protocol = run.identity.protocol
    assert (protocol.resize, protocol.crop, protocol.input_size, protocol.jpeg_quality) == (32, 32, 32, 0)
    assert protocol.images == "generated:engine 1 as cifar"
    assert len(run.conditions) == 75 and run.reference == Condition("clean")
    predictions = run.predictions()
    assert not run.missing() and len(predictions.image_ids) == 5
    scores, _ = score("m", "cifar-10-c", predictions, (*run.suite.measures, Measure("mce")))
    measured = {entry.metric for entry in scores}
    assert "mean_corruption_error_unnormalised" in measured and not measured & {"mce", "ce"}


def test_what_the_model_sees_is_the_corrupted_image_without_a_jpeg_step(small: Path, classifier: Classifier) -> None:
    source = open_source(small / "cifar10" / "val")
    part = plan(FEW, classifier, small / "cifar10", 0, 7).parts[3]
    expected = corrupt(np.asarray(source.image(2)), "fog", 3, image_ids=source.ids[2], seed=7, variant="cifar")
    np.testing.assert_array_equal(part.image(2), expected)


def test_a_model_of_another_input_size_sees_the_corrupted_32_px_image_resized(
    small: Path, classifier: Classifier
) -> None:
    larger = replace(classifier, preprocessing=classifier.preprocessing.at(48))
    made, original = (plan(FEW, model, small / "cifar10", 0, 0) for model in (larger, classifier))
    protocol = made.identity.protocol
    assert (protocol.resize, protocol.crop, protocol.input_size) == (32, 32, 48)
    expected = fit(original.parts[1].image(0), 48, protocol.interpolation or "")
    np.testing.assert_array_equal(made.parts[1].image(0), expected)


def test_published_arrays_give_the_numbers_of_the_same_images_generated(
    small: Path, classifier: Classifier, tmp_path: Path
) -> None:
    (stored,) = evaluate(classifier, FEW, options(small / "cifar-10-c", tmp_path / "stored"))
    (generated,) = evaluate(classifier, FEW, options(small / "cifar10", tmp_path / "generated"))
    assert (stored.identity.protocol.images, stored.identity.protocol.jpeg_quality) == ("published", 0)
    assert stored.identity.digest() != generated.identity.digest()
    for condition in (Condition("clean"), *FEW.conditions):
        ours, theirs = stored.read(condition), generated.read(condition)
        assert list(ours["image_id"]) == list(theirs["image_id"])
        np.testing.assert_array_equal(ours["prediction"], theirs["prediction"])
        np.testing.assert_allclose(ours["nll"], theirs["nll"], rtol=1e-6)


def test_both_are_found_in_datasets(
    small: Path, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "datasets"
    folder.mkdir()
    (folder / "cifar10").symlink_to(small / "cifar10")
    monkeypatch.chdir(tmp_path)
    assert plan(FEW, classifier, None, 0, 0).identity.protocol.images == "generated:engine 1 as cifar"
    (folder / "cifar-10-c").symlink_to(small / "cifar-10-c")
    found = plan(FEW, classifier, None, 0, 0)
    assert found.identity.protocol.images == "published" and found.dataset == ""


def test_identity_is_another_than_that_of_imagenet_c(small: Path, classifier: Classifier) -> None:
    same_name = replace(OF_IMAGENET, name=SUITE.name, conditions=FEW.conditions)
    ours, theirs = (plan(suite, classifier, small / "cifar10", 0, 0).identity for suite in (FEW, same_name))
    assert ours.digest() != theirs.digest() and ours.protocol.images != theirs.protocol.images


Break = Callable[[Path], object]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda folder: (folder / "labels.npy").unlink(), "labels.npy can't be read"),
        (
            lambda folder: np.save(folder / "labels.npy", np.zeros(60, np.uint8)),
            "not the same images in the same order",
        ),
        (lambda folder: np.save(folder / "fog.npy", np.zeros((55, 32, 32, 3), np.uint8)), "expected uint8 of shape"),
        (lambda folder: (folder / "fog.npy").write_bytes(b"no array"), "fog.npy can't be read"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    small: Path, classifier: Classifier, tmp_path: Path, broken: Break, message: str
) -> None:
    (tmp_path / "cifar10").symlink_to(small / "cifar10")
    (tmp_path / "cifar-10-c").mkdir()
    for file in (small / "cifar-10-c").iterdir():
        (tmp_path / "cifar-10-c" / file.name).write_bytes(file.read_bytes())
    broken(tmp_path / "cifar-10-c")
    with pytest.raises(UserError, match=message):
        plan(FEW, classifier, tmp_path / "cifar-10-c", 0, 0)


def test_arrays_without_clean_images_and_a_missing_corruption_are_refused(
    small: Path, classifier: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "cifar-10-c").symlink_to(small / "cifar-10-c")
    with pytest.raises(UserError, match="put test-.*parquet of cifar10"):
        plan(FEW, classifier, tmp_path / "cifar-10-c", 0, 0)
    with pytest.raises(UserError, match="gaussian_noise.npy can't be read"):
        plan(SUITE, classifier, small / "cifar-10-c", 0, 0)
