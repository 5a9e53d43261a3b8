"""Trainings that begin with weights, learn in part, or learn from other classifiers and folders."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch

from robustbench_cls.builders.shapes import build_shapes
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.data.locate import open_split
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.training.minival import split
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.train import train

SHORT = {"epochs": 1, "batch_size": 10, "input_size": 32}


@pytest.fixture
def options(toy: Path, tmp_path: Path) -> Callable[..., TrainingOptions]:
    """A function that makes options of a short training; `set` adds settings."""

    def make(name: str = "out", set: dict[str, object] | None = None, **changes: object) -> TrainingOptions:
        overrides = {**SHORT, **(set or {})}
        base = TrainingOptions(
            data=toy, overrides=overrides, out=tmp_path / name, workers=0, crops=None, progress=False
        )
        return replace(base, **changes)

    return make


def weights(path: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(path)[1]


@pytest.mark.parametrize(
    "model", ["swin_tiny_patch4_window7_224", "convnext_atto", "coatnet_pico_rw_224", "mobilenetv3_small_050"]
)
def test_every_family_trains_a_step(model: str, options: Callable[..., TrainingOptions]) -> None:
    size = {"input_size": 64} if "swin" in model or "coat" in model else {}
    best = train(model, "baseline", options(set={"batch_size": 30, **size}))
    assert read_checkpoint(best)[0].architecture == model


def test_a_training_goes_on_from_another_ones_weights(options: Callable[..., TrainingOptions]) -> None:
    first = train("test_resnet", "baseline", options("first"))
    nothing = {"lr": 0.0, "weight_decay": 0.0}
    same = train("test_resnet", "baseline", options("same", nothing, start=first))
    head = [name for name in weights(first) if name.startswith("fc.")]
    assert all(torch.equal(weights(first)[name], weights(same)[name]) for name in (*head, "conv1.0.weight"))
    about = read_checkpoint(same)[0]
    assert about.started_from == f"test_resnet-baseline-s0 {read_checkpoint(first)[0].weights_sha256}"
    assert about.origin.started_from == about.started_from
    other = train("test_resnet", "baseline", options("second", seed=1))
    with pytest.raises(UserError, match="holds another training .the weights that it begins with: "):
        train("test_resnet", "baseline", options("same", nothing, start=other))


def test_a_head_for_other_classes_is_drawn(
    options: Callable[..., TrainingOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train("test_resnet", "baseline", options("first"))
    build_shapes(tmp_path / "shapes", train=4, val=1)
    nothing = {"lr": 0.0, "weight_decay": 0.0, "tune": "head"}
    tuned = train("test_resnet", "baseline", options("tuned", nothing, start=first, data=tmp_path / "shapes"))
    assert "so the head begins with random weights" in capsys.readouterr().err
    assert torch.equal(weights(first)["conv1.0.weight"], weights(tuned)["conv1.0.weight"])
    assert weights(tuned)["fc.weight"].shape[0] == 10


def test_a_foreign_file_and_another_input_size(options: Callable[..., TrainingOptions], tmp_path: Path) -> None:
    """timm fits a ViT's position embeddings to the new size."""
    torch.manual_seed(0)
    theirs = timm.create_model("test_vit", num_classes=7)
    torch.save(theirs.state_dict(), tmp_path / "vit.pth")
    settings = {"lr": 0.0, "weight_decay": 0.0, "input_size": 64}
    tuned = train("test_vit", "baseline", options("tuned", settings, start=tmp_path / "vit.pth"))
    own = weights(tuned)
    assert own["pos_embed"].shape[1] < theirs.pos_embed.shape[1]
    from timm.layers import resample_abs_pos_embed

    expected = resample_abs_pos_embed(theirs.pos_embed, (4, 4), num_prefix_tokens=theirs.num_prefix_tokens)
    assert torch.allclose(own["pos_embed"], expected, atol=1e-6)
    assert torch.equal(own["blocks.0.attn.qkv.weight"], theirs.state_dict()["blocks.0.attn.qkv.weight"])


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("gone.pt", "There is no file .*gone.pt to begin with. Name one, or 'published'"),
        ("first/best.pt", "is a checkpoint of test_resnet, not of test_vit"),
        ("empty.pth", "empty.pth"),
    ],
)
def test_weights_that_cannot_begin(
    start: str, message: str, options: Callable[..., TrainingOptions], tmp_path: Path
) -> None:
    train("test_resnet", "baseline", options("first"))
    (tmp_path / "empty.pth").write_bytes(b"")
    with pytest.raises(UserError, match=message):
        train("test_vit", "baseline", options("vit", start=tmp_path / start))


def test_a_teacher_and_its_hash(options: Callable[..., TrainingOptions], tmp_path: Path) -> None:
    teacher = train("test_resnet", "baseline", options("teacher"))
    for recipe in ("distillation", "noisy-student"):
        best = train("test_vit", recipe, options(recipe, {"teacher": str(teacher)}))
        about = read_checkpoint(best)[0]
        assert about.models == (f"teacher test_resnet-baseline-s0 {read_checkpoint(teacher)[0].weights_sha256}",)
    other = train("test_resnet", "baseline", options("other teacher", seed=1))
    teacher.write_bytes(other.read_bytes())
    with pytest.raises(UserError, match="holds another training .the teacher: "):
        train("test_vit", "distillation", options("distillation", {"teacher": str(teacher)}))
    with pytest.raises(UserError, match="learns from another classifier. Name it: --set teacher=best.pt"):
        train("test_vit", "distillation", options("no teacher"))
    build_shapes(tmp_path / "shapes", train=4, val=1)
    with pytest.raises(UserError, match=r"other classes than the training images, .*number 1 is .cat. != .arrow."):
        train("test_vit", "distillation", options("x", {"teacher": str(teacher)}, data=tmp_path / "shapes"))


def test_images_without_labels_have_a_part_in_noisy_student_alone(
    options: Callable[..., TrainingOptions], toy: Path, tmp_path: Path
) -> None:
    teacher = train("test_resnet", "baseline", options("teacher"))
    settings = {"teacher": str(teacher), "unlabelled": str(toy / "a")}
    train("test_vit", "noisy-student", options("student", settings))
    assert pd.read_csv(tmp_path / "student" / "log.csv")["images"].tolist() == [30 + 6]


def test_further_folders_of_the_training_set(
    options: Callable[..., TrainingOptions], toy: Path, tmp_path: Path, make_folder: Callable[..., Path]
) -> None:
    train("test_resnet", "stylized", options("one", {"stylized": str(toy / "stylized")}))
    log = pd.read_csv(tmp_path / "one" / "log.csv")
    held = {name.partition(".")[0] for name in split(open_split(toy, "train"), 0.02)[1].ids}
    copies = [path for path in (toy / "stylized").rglob("*.png") if f"{path.parent.name}/{path.stem}" in held]
    assert log["images"].tolist() == [30 + 12 - len(copies)]  # 6 are held out, and their stylized versions left out
    assert copies
    more = [path for path in (toy / "a").rglob("*.png") if f"{path.parent.name}/{path.stem}" in held]
    both = os.pathsep.join((str(toy / "stylized"), str(toy / "a")))
    train("test_resnet", "multi-folder", options("two", {"versions": both}))
    assert pd.read_csv(tmp_path / "two" / "log.csv")["images"].tolist() == [30 + 12 + 6 - len(copies) - len(more)]
    with pytest.raises(UserError, match="second folder of training images. Name it: --set stylized=FOLDER"):
        train("test_resnet", "stylized", options("three"))
    make_folder(tmp_path / "strange", classes=("cat", "cow"))
    with pytest.raises(UserError, match="folders are not classes"):
        train("test_resnet", "stylized", options("four", {"stylized": str(tmp_path / "strange")}))
    bad = make_folder(tmp_path / "bad")
    (bad / "cat" / "1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"bad/cat/1\.png is not a readable image"):
        train("test_resnet", "stylized", options("five", {"stylized": str(bad), "minival": 0.0}))


def test_without_held_out_images_the_last_epoch_is_taken(
    options: Callable[..., TrainingOptions], tmp_path: Path
) -> None:
    best = train("test_resnet", "baseline", options("out", {"minival": 0.0, "epochs": 2}))
    about = read_checkpoint(best)[0]
    assert (about.selection, about.epoch) == ("last epoch", 2)
    log = pd.read_csv(tmp_path / "out" / "log.csv")
    assert log["images"].tolist() == [36, 36] and log["minival_loss"].isna().all()
    assert torch.equal(weights(best)["fc.bias"], weights(best.with_name("last.pt"))["fc.bias"])
    with pytest.raises(UserError, match="--set patience asks for a minival accuracy"):
        train("test_resnet", "baseline", options("other", {"minival": 0.0, "patience": 1}))


def test_a_limit_takes_the_same_images_whatever_the_seed(
    options: Callable[..., TrainingOptions], tmp_path: Path
) -> None:
    train("test_resnet", "baseline", options("out", limit=20))
    images = int(pd.read_csv(tmp_path / "out" / "log.csv")["images"].iloc[0])
    assert 14 <= images <= 17


def test_training_ends_when_patience_does(options: Callable[..., TrainingOptions], tmp_path: Path) -> None:
    best = train("test_resnet", "baseline", options("out", {"lr": 0.0, "epochs": 9, "patience": 2}))
    assert read_checkpoint(best.with_name("last.pt"))[0].epoch == 3
    before = best.stat().st_mtime_ns
    assert train("test_resnet", "baseline", options("out", {"lr": 0.0, "epochs": 9, "patience": 2})) == best
    assert best.stat().st_mtime_ns == before


def test_the_input_grows_and_varies(options: Callable[..., TrainingOptions], monkeypatch: pytest.MonkeyPatch) -> None:
    from robustbench_cls.training import train as module

    seen = []
    real = module.Learner.step

    def noted(self, step, batches):
        seen.append(batches[0].images_VBHW3.shape[2])
        return real(self, step, batches)

    monkeypatch.setattr(module.Learner, "step", noted)
    settings = {"start_size": 32, "input_size": 96, "epochs": 3}
    for model in ("test_resnet", "test_vit"):
        train(model, "baseline", options(model, settings))
        assert seen[:3] == [32] * 3 and seen[-3:] == [96] * 3 and 64 in seen
        seen.clear()


def test_checkpointing_and_compiling_give_checkpoints_like_others(options: Callable[..., TrainingOptions]) -> None:
    plain = train("test_vit", "baseline", options("plain"))
    less = train("test_vit", "baseline", options("less", {"checkpointing": True}))
    for name, tensor in weights(plain).items():
        assert torch.allclose(tensor, weights(less)[name], atol=1e-6)
    with pytest.raises(UserError, match="can't be trained with checkpointing=true"):
        train("dla46x_c", "baseline", options("no", {"checkpointing": True}))


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(options: Callable[..., TrainingOptions]) -> None:
    plain = train("test_vit", "baseline", options("plain"))
    compiled = train("test_vit", "baseline", options("compiled", {"compile": True}))
    assert weights(plain).keys() == weights(compiled).keys()
    for name, tensor in weights(plain).items():
        assert torch.allclose(tensor, weights(compiled)[name], atol=1e-4)


def test_precisions_train(options: Callable[..., TrainingOptions]) -> None:
    found = [
        weights(train("test_vit", "baseline", options(name, precision=name)))["head.bias"]
        for name in ("float32", "bfloat16", "float16")
    ]
    assert not torch.equal(found[0], found[1]) and all(tensor.isfinite().all() for tensor in found)


def test_numbers_go_to_tensorboard_too(options: Callable[..., TrainingOptions], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train("test_resnet", "baseline", options("out", {"epochs": 2}, trackers=("tensorboard",)))
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard"))
    events.Reload()
    log = pd.read_csv(tmp_path / "out" / "log.csv")
    stored = [event.value for event in events.Scalars("train_loss")]
    assert np.allclose(stored, log["train_loss"]) and "images_per_second" in events.Tags()["scalars"]


def test_a_tracker_that_fails_ends_nothing(
    options: Callable[..., TrainingOptions], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from robustbench_cls.training import trackers

    class Broken:
        def __init__(self, *arguments: object) -> None:
            pass

        def epoch(self, row: object) -> None:
            raise ConnectionError("no route")

        def close(self) -> None:
            pass

    monkeypatch.setitem(trackers._MAKERS, "wandb", Broken)
    assert train("test_resnet", "baseline", options("out", trackers=("wandb",))).exists()
    assert "wandb failed (no route), so it gets no more numbers" in capsys.readouterr().err
    with pytest.raises(UserError, match="Unknown tracker 'wandbb'. Did you mean wandb"):
        train("test_resnet", "baseline", options("x", trackers=("wandbb",)))
    monkeypatch.setitem(trackers._MAKERS, "mlflow", lambda *_: __import__("no_such_module"))
    with pytest.raises(UserError, match=r"mlflow can't be imported .*pip install 'robustbench-cls\[mlflow\]'"):
        train("test_resnet", "baseline", options("y", trackers=("mlflow",)))


def test_memory_that_runs_out_is_told_with_numbers(
    options: Callable[..., TrainingOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    from robustbench_cls.training import train as module

    def full(self: object, *arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module.Learner, "step", full)
    with pytest.raises(
        UserError, match="Memory ran out with 10 images of 32 px in a forward pass. Use --set micro_batch=5"
    ):
        train("test_resnet", "baseline", options())


def test_a_recipe_with_views_that_mixes_is_refused(options: Callable[..., TrainingOptions]) -> None:
    recipe = Recipe(
        name="both",
        title="Both",
        source="https://example.org",
        views=lambda size: lambda image: (image, image),
        mix=lambda num_classes: None,
    )
    with pytest.raises(UserError, match="makes views of an image and mixes images; only one of them is possible"):
        train("test_resnet", recipe, options())


def test_other_pictures_to_mix_with_are_another_training(
    options: Callable[..., TrainingOptions], make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    pictures = make_folder(tmp_path / "pictures")
    settings = {"mixing_set": str(pictures)}
    train("test_resnet", "pixmix", options("out", settings))
    train("test_resnet", "pixmix", options("out", settings))
    (pictures / "cat" / "0.png").unlink()
    with pytest.raises(UserError, match="holds another training .the images that --data and --limit give: "):
        train("test_resnet", "pixmix", options("out", settings))
