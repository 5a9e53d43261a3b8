import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import locked
from robustbench_cls.core.recipe import Recipe, Regimen
from robustbench_cls.core.records import added
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.training import regimens
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.train import train

FILES = {"best.pt", "last.pt", "log.csv", "log.jsonl", "timing.csv", "curves.png"}
SHORT = {"epochs": 3, "batch_size": 12, "input_size": 32}


def options(toy: Path, out: Path, **changes: object) -> TrainingOptions:
    return replace(
        TrainingOptions(data=toy, overrides=SHORT, out=out, workers=0, crops=None, progress=False), **changes
    )


def weights(path: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(path)[1]


def same(first: Path, second: Path) -> bool:
    one, two = weights(first), weights(second)
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


RECIPES = discover("robustbench_cls.recipes", Recipe)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "model",
    [
        "test_resnet",
        pytest.param("test_efficientnet", marks=pytest.mark.slow),
        pytest.param("test_vit", marks=pytest.mark.slow),
    ],
)
def test_every_recipe_trains_every_family(
    recipe: str, model: str, toy: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    chosen = RECIPES[recipe]
    needed = {
        **dict.fromkeys(chosen.models, str(toy_checkpoint)),
        **dict.fromkeys(chosen.folders, str(toy / "stylized")),
    }
    overrides = {**SHORT, **needed, "epochs": 1, "batch_size": 30}
    best = train(model, recipe, options(toy, tmp_path, overrides=overrides))
    about, _, _ = read_checkpoint(best)
    assert about.recipe == recipe
    assert about.settings["epochs"] == 1
    assert {p.name for p in tmp_path.iterdir()} == FILES


def test_it_learns(toy: Path, tmp_path: Path) -> None:
    overrides = {**SHORT, "epochs": 12, "crop_scale_min": 0.5, "optimizer": "adamw", "lr": 0.02}
    best = train("test_resnet", "baseline", options(toy, tmp_path, overrides=overrides))
    assert read_checkpoint(best)[0].top1_accuracy > 0.8
    log = pd.read_csv(tmp_path / "log.csv")
    assert log["epoch"].tolist() == list(range(1, 13))
    assert log["train_loss"].iloc[-1] < log["train_loss"].iloc[0]


def test_same_seed_same_weights_whatever_the_workers(toy: Path, tmp_path: Path) -> None:
    first = train("test_resnet", "cutmix", options(toy, tmp_path / "a"))
    second = train("test_resnet", "cutmix", options(toy, tmp_path / "b", workers=2))
    other = train("test_resnet", "cutmix", options(toy, tmp_path / "c", seed=1))
    assert same(first.with_name("last.pt"), second.with_name("last.pt"))
    assert not same(first.with_name("last.pt"), other.with_name("last.pt"))


def test_a_finished_run_is_left_as_it_is(toy: Path, tmp_path: Path) -> None:
    best = train("test_resnet", "baseline", options(toy, tmp_path))
    before = best.with_name("last.pt").stat().st_mtime_ns
    train("test_resnet", "baseline", options(toy, tmp_path))
    assert best.with_name("last.pt").stat().st_mtime_ns == before


def test_the_folder_of_another_run_is_refused(toy: Path, tmp_path: Path) -> None:
    train("test_resnet", "baseline", options(toy, tmp_path))
    with pytest.raises(UserError, match="holds another training .*epochs 3 != 4.*Choose another --name or --out"):
        train("test_resnet", "baseline", options(toy, tmp_path, overrides={**SHORT, "epochs": 4}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 4}, "no setting 'epoch'. Did you mean epochs"),
        ({"epochs": "4"}, r"Setting 'epochs' takes a whole number such as 90, got '4' \(str\)"),
        ({"epochs": 0}, "at least 1"),
        ({"lr": -1}, "at least 0"),
        ({"label_smoothing": 2}, "must be under 1"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"epochs": 4.5}, "takes a whole number"),
        ({"epochs": True}, "takes a whole number"),
        ({"lr": False}, "takes a number such as"),
        ({"schedule": 1}, "takes text such as 'cosine'"),
        ({"lr": float("inf")}, "finite"),
        ({"weight_decay": float("nan")}, "finite"),
        ({"schedule": "none"}, "no schedule"),
        ({"input_size": 100000}, "at most 8192"),
        ({"optimizer": "magic"}, "timm can't make optimizer 'magic'"),
        ({"lr": 1e30}, "loss became"),
    ],
)
def test_bad_settings(change: dict[str, object], message: str, toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        train("test_resnet", "baseline", options(toy, tmp_path, overrides={**SHORT, **change}))


def test_values_of_other_number_types_are_stored_as_the_settings_own(toy: Path, tmp_path: Path) -> None:
    overrides = {**SHORT, "epochs": np.int64(1), "lr": 1, "weight_decay": np.float32(0.5)}
    about, _, _ = read_checkpoint(train("test_resnet", "baseline", options(toy, tmp_path, overrides=overrides)))
    stored = [about.settings[name] for name in ("epochs", "lr", "weight_decay")]
    assert stored == [1, 1.0, 0.5] and [type(value) for value in stored] == [int, float, float]


@pytest.mark.parametrize(
    ("epochs", "warmup", "told"), [(2, 5, "0.5 epochs, not 5"), (4, 2, "1 epochs, not 2"), (4, 1, ""), (3, 0, "")]
)
def test_a_warm_up_that_is_cut_is_told(
    epochs: int, warmup: int, told: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = {**SHORT, "epochs": epochs, "warmup_epochs": warmup}
    train("test_resnet", "baseline", options(toy, tmp_path, overrides=overrides))
    said = capsys.readouterr().err
    assert ("The warm-up lasts" in said) == bool(told) and told in said


class Whole(int):
    """A subclass, as numpy's numbers are."""


@pytest.mark.parametrize(
    "changes",
    [
        {"overrides": {**SHORT, "epochs": Whole(1), "lr": np.float64(0.1), "optimizer": np.str_("sgd")}},
        {"overrides": {**SHORT, "epochs": 1}, "seed": np.int64(3), "name": np.str_("mine")},
    ],
)
def test_numpys_numbers_and_texts_make_a_checkpoint_that_can_be_read(
    changes: dict[str, object], toy: Path, tmp_path: Path
) -> None:
    best = train("test_resnet", "baseline", options(toy, tmp_path, **changes))
    about, _, _ = read_checkpoint(best)
    assert {type(value) for value in (*about.settings.values(), about.seed, about.name)} <= {int, float, str, bool}
    train("test_resnet", "baseline", options(toy, tmp_path, **changes))


def test_numpys_values_in_a_recipe_are_stored_as_pythons(toy: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        name="mine",
        title="Mine",
        source="https://example.org",
        augment=lambda size, share: None,
        settings={"share": np.float64(0.5)},
        regimen={"": {"lr": np.float32(0.5)}},
    )
    best = train("test_resnet", recipe, options(toy, tmp_path, overrides={**SHORT, "epochs": 1}))
    assert read_checkpoint(best)[0].settings["lr"] == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"overrides": [("epochs", 1)]}, "overrides must be values by setting"),
        ({"overrides": {1: 2}}, "overrides must be values by setting"),
        ({"overrides": {"lr": 10**400}}, "Setting 'lr' takes a number such as 0.1"),
    ],
)
def test_arguments_of_other_types(changes: dict[str, object], message: str, toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        train("test_resnet", "baseline", options(toy, tmp_path, **changes))


def test_a_setting_of_a_regimens_name_is_refused(toy: Path, tmp_path: Path) -> None:
    recipe = Recipe(name="mine", title="Mine", source="https://example.org", settings={"lr": 1.0})
    with pytest.raises(UserError, match="'mine' has a setting 'lr', which every regimen has as well"):
        train("test_resnet", recipe, options(toy, tmp_path))


def test_bad_data(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data set"):
        train("test_resnet", "baseline", options(tmp_path / "gone", tmp_path))
    broken = tmp_path / "broken"
    (broken / "train").mkdir(parents=True)
    (broken / "train" / "cat").symlink_to(toy / "train" / "cat")
    with pytest.raises(UserError, match="has 1 class; a classifier needs at least two"):
        train("test_resnet", "baseline", options(broken, tmp_path / "out"))
    (broken / "train" / "dog").symlink_to(toy / "train" / "dog")
    (broken / "train" / "owl").mkdir()
    with pytest.raises(UserError, match=r"without images \(owl\)"):
        train("test_resnet", "baseline", options(broken, tmp_path / "out"))


def test_a_step_of_more_images_than_there_are(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="A step of 256 images is more than the 30 training .* 6 that are held out"):
        train("test_resnet", "baseline", options(toy, tmp_path, overrides={"input_size": 32}))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_truncated_image_is_named(workers: int, toy: Path, tmp_path: Path) -> None:
    shutil.copytree(toy, tmp_path / "data")
    bad = tmp_path / "data" / "train" / "dog" / "3.png"
    bad.write_bytes(bad.read_bytes()[:300])
    with pytest.raises(UserError, match=r"^\S*dog/3\.png is not a readable image"):
        train("test_resnet", "baseline", options(tmp_path / "data", tmp_path / "out", workers=workers))


def test_recipe_settings_out_of_range(toy: Path, tmp_path: Path) -> None:
    for recipe, change in (("cutmix", {"alpha": -1}), ("randaugment", {"config": "foo"})):
        with pytest.raises(UserError, match=f"Recipe '{recipe}' can't"):
            train("test_resnet", recipe, options(toy, tmp_path, overrides={**SHORT, **change}))


def test_an_input_size_the_model_does_not_take(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="test_vit can't"):
        train("test_vit", "baseline", options(toy, tmp_path, overrides={**SHORT, "input_size": 33}))


def test_a_folder_that_cannot_be_written_is_found_at_the_start(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Can't write into"):
        train("test_resnet", "baseline", options(toy, tmp_path / "file"))


def test_changed_data_is_another_training(toy: Path, tmp_path: Path) -> None:
    shutil.copytree(toy, tmp_path / "data")
    train("test_resnet", "baseline", options(tmp_path / "data", tmp_path / "out"))
    (tmp_path / "data/train/dog/2.png").unlink()
    with pytest.raises(UserError, match=r"the images that --data and --limit give: \w{8} != \w{8}\)"):
        train("test_resnet", "baseline", options(tmp_path / "data", tmp_path / "out"))


def test_a_damaged_last_checkpoint(toy: Path, tmp_path: Path) -> None:
    best = train("test_resnet", "baseline", options(toy, tmp_path))
    best.replace(tmp_path / "last.pt")
    with pytest.raises(UserError, match="no state to go on from .*Delete it to begin anew"):
        train("test_resnet", "baseline", options(toy, tmp_path))


def test_best_is_gone(toy: Path, tmp_path: Path) -> None:
    train("test_resnet", "baseline", options(toy, tmp_path)).unlink()
    with pytest.raises(UserError, match=r"best\.pt is gone"):
        train("test_resnet", "baseline", options(toy, tmp_path))


def test_data_may_be_text(toy: Path, tmp_path: Path) -> None:
    chosen = options(toy, tmp_path, data=str(toy), overrides={**SHORT, "epochs": 1})
    assert train("test_resnet", "baseline", replace(chosen, out=str(tmp_path))).exists()


def test_a_training_of_before_goes_on_when_a_regimen_has_grown(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = train("test_resnet", "baseline", options(toy, tmp_path))
    before = best.read_bytes()

    @dataclass(frozen=True)
    class Grown(Regimen):
        later: float = added(0.0)

    monkeypatch.setitem(regimens.REGIMENS, "resnet", Grown())
    assert train("test_resnet", "baseline", options(toy, tmp_path)).read_bytes() == before
    with pytest.raises(UserError, match=r"holds another training \(settings: later None != 0.5\)"):
        train("test_resnet", "baseline", options(toy, tmp_path, overrides={**SHORT, "later": 0.5}))


def test_equal_runs_are_equal_byte_for_byte(toy: Path, tmp_path: Path) -> None:
    for name in ("a", "another folder"):
        train("test_resnet", "baseline", options(toy, tmp_path / name, overrides={**SHORT, "epochs": 1}))
    for file in ("best.pt", "last.pt"):
        first, second = ((tmp_path / name / file).read_bytes() for name in ("a", "another folder"))
        assert first == second


def test_a_folder_with_other_files_keeps_them(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "probe").write_text("mine")
    (tmp_path / ".best.pt.abcdefgh.tmp").touch()  # of a training that was killed
    (tmp_path / ".mine.tmp").touch()
    train("test_resnet", "baseline", options(toy, tmp_path, overrides={**SHORT, "epochs": 1}))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"probe", ".mine.tmp", *FILES}
    assert (tmp_path / "probe").read_text() == "mine"


@pytest.mark.parametrize("name", ["best.pt", "log.csv"])
def test_files_of_something_else_are_not_overwritten(name: str, toy: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(
        UserError, match=f"holds {name}, which this training would overwrite. Choose another --name or --out"
    ):
        train("test_resnet", "baseline", options(toy, tmp_path))
    assert (tmp_path / name).read_text() == "mine"


def test_two_trainings_into_one_folder(toy: Path, tmp_path: Path) -> None:
    with locked(tmp_path / ".lock"), pytest.raises(UserError, match="Another process is training into"):
        train("test_resnet", "baseline", options(toy, tmp_path))


def test_a_name_that_could_not_be_read_again_is_refused_at_the_start(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"A training \(model, recipe and seed\)'s name .* at most 100"):
        train("test_resnet", "baseline", options(toy, tmp_path, seed=10**90))
