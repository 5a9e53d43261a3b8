import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.builders.shapes import SPLITS, Shapes, build_shapes
from robustbench_cls.builders.shapes_drawing import Scene, Style, draw, own_style, place, swapped_style
from robustbench_cls.builders.shapes_filter import FixedModel, features, fit
from robustbench_cls.builders.shapes_outlines import CLASSES, SIDE, coverage
from robustbench_cls.core.errors import UserError

T = TypeVar("T")


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "shapes"
    build_shapes(out, train=5, val=3)
    return out


def test_layout(built: Path) -> None:
    assert sorted(path.name for path in built.iterdir()) == sorted([*SPLITS, "README.md", "shapes.json", "styles.csv"])
    for split, count in (("train", 5), ("val", 3), ("stylized", 3), ("a", 2)):
        assert tuple(sorted(path.name for path in (built / split).iterdir())) == CLASSES
        for name in CLASSES:
            assert len(list((built / split / name).glob("*.png"))) == count


def test_images_are_ordinary_rgb_png(built: Path) -> None:
    path = built / "train" / "heart" / "00003.png"
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (SIDE, SIDE))
    scene = Scene(0, "train", "heart", 3)
    np.testing.assert_array_equal(pixels(path), draw(scene, own_style(scene)))


def test_two_builds_have_the_same_bytes(built: Path, tmp_path: Path) -> None:
    build_shapes(tmp_path / "again", train=5, val=3)
    assert contents(tmp_path / "again") == contents(built)


def test_more_pictures_leave_the_others_as_they_are(built: Path, tmp_path: Path) -> None:
    build_shapes(tmp_path / "more", train=6, val=4)
    fewer, more = contents(built), contents(tmp_path / "more")
    same = [name for name in fewer if name.startswith(("train/", "val/", "stylized/"))]
    assert len(same) == 110
    assert all(more[name] == fewer[name] for name in same)


def test_another_seed_draws_other_pictures(built: Path, tmp_path: Path) -> None:
    build_shapes(tmp_path / "other", train=1, val=1, seed=1)
    for name in CLASSES:
        first = Path("train") / name / "00000.png"
        assert (tmp_path / "other" / first).read_bytes() != (built / first).read_bytes()


@pytest.mark.parametrize(
    ("scene", "style", "sha256"),
    [
        (
            Scene(0, "train", "arrow", 0),
            Style("arrow", "arrow"),
            "b5b1d93caf810f100a25092f24c20f7814756a173fefa057f259c129bbf2279d",
        ),
        (
            Scene(0, "val", "ring", 7),
            Style("star", "heart"),
            "54d756bada63c172f61bcb708b910b8218a619b45f6c8e8b96e0b6d12697e592",
        ),
        (
            Scene(3, "a", "triangle", 1000),
            Style("square", "square"),
            "26742a616640c280b06dbb5de33d36e1ddcf390313f4448e5cb1089d73ae831b",
        ),
    ],
)
def test_golden_pixels(scene: Scene, style: Style, sha256: str) -> None:
    assert hashlib.sha256(draw(scene, style).tobytes()).hexdigest() == sha256


@pytest.mark.parametrize("shape", CLASSES)
def test_stylized_keeps_the_scene_and_changes_only_the_surface(shape: str) -> None:
    scene = Scene(0, "val", shape, 1)
    mask, _ = place(scene)
    plain, swapped = draw(scene, own_style(scene)), draw(scene, swapped_style(scene))
    np.testing.assert_array_equal(plain[mask == 0], swapped[mask == 0])
    changed = np.abs(plain.astype(int) - swapped)[mask == 1].max(axis=1)
    assert np.median(changed) > 20


def test_stylized_wears_one_other_class() -> None:
    for scene in (Scene(0, "val", shape, index) for shape in CLASSES for index in range(20)):
        style, worn = swapped_style(scene), own_style(scene)
        assert style.texture == style.colour
        assert style.texture not in (scene.shape, worn.texture, worn.colour)


def test_texture_and_colour_go_with_the_class() -> None:
    styles = [(shape, own_style(Scene(0, "train", shape, i))) for shape in CLASSES for i in range(200)]
    for worn in (
        [style.texture == shape for shape, style in styles],
        [style.colour == shape for shape, style in styles],
    ):
        assert np.mean(worn) == pytest.approx(0.72, abs=0.03)


def test_styles_table_tells_what_is_worn(built: Path) -> None:
    with (built / "styles.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {f"{row['split']}/{row['image']}" for row in rows} == {n for n in contents(built) if n.endswith(".png")}
    row = next(row for row in rows if row["split"] == "stylized" and row["image"] == "star/00002.png")
    scene = Scene(0, "val", row["shape"], 2)
    np.testing.assert_array_equal(
        pixels(built / "stylized" / row["image"]), draw(scene, Style(row["texture"], row["colour"]))
    )


def fitted(root: Path) -> FixedModel:
    paths = sorted((root / "train").rglob("*.png"))
    labels = [CLASSES.index(path.parent.name) for path in paths]
    return fit(np.stack([features(pixels(path)) for path in paths]), np.array(labels))


def test_the_fixed_model_gets_every_picture_of_a_wrong(built: Path) -> None:
    model = fitted(built)
    for path in (built / "a").rglob("*.png"):
        label = CLASSES.index(path.parent.name)
        assert model.mistaken(pixels(path), label)
        assert model.scores(pixels(path)).argmax() != label


def test_the_fixed_model_learns_its_training_pictures(built: Path) -> None:
    model = fitted(built)
    paths = sorted((built / "train").rglob("*.png"))
    right = [model.scores(pixels(path)).argmax() == CLASSES.index(path.parent.name) for path in paths]
    assert np.mean(right) > 0.9


def test_features_are_whole_numbers_or_roots_of_such() -> None:
    scene = Scene(0, "train", "star", 0)
    found = features(draw(scene, own_style(scene)))
    whole = np.minimum(np.abs(found - np.rint(found)), np.abs(found**2 - np.rint(found**2)))
    assert whole.max() < 1e-6


def test_coverage_is_the_area() -> None:
    square = np.array([[10.25, 8.0], [20.5, 8.0], [20.5, 13.5], [10.25, 13.5]])
    hole = np.array([[12.0, 9.0], [12.0, 11.0], [14.0, 11.0], [14.0, 9.0]])
    solid, holed, beyond = coverage([[square], [square, hole], [square - [15.0, 0.0]]])
    assert solid.sum() == pytest.approx(10.25 * 5.5)
    assert solid[8, 10] == pytest.approx(0.75)
    assert solid[13, 12] == pytest.approx(0.5)
    assert holed.sum() == pytest.approx(10.25 * 5.5 - 4)
    assert beyond.sum() == pytest.approx(5.5 * 5.5)


def test_rebuilding_does_nothing(built: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    again = build_shapes(built, train=5, val=3)
    assert again == Shapes(**json.loads((built / "shapes.json").read_text()))
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    build_shapes(tmp_path, train=1, val=1)
    assert (tmp_path / "shapes.json").is_file()


@pytest.mark.parametrize("split", SPLITS)
def test_an_interrupted_build_leaves_nothing(split: str, tmp_path: Path) -> None:
    def interrupted(items: Iterable[T], /, *, desc: str, total: int) -> Iterator[T]:
        for count, item in enumerate(items):
            if desc == split and count == total // 2:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        build_shapes(tmp_path / "shapes", train=1, val=1, progress=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_progress_sees_every_split_with_its_total(tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}

    def counted(items: Iterable[T], /, *, desc: str, total: int) -> Iterator[T]:
        count = 0
        for count, item in enumerate(items, start=1):  # noqa: B007
            yield item
        seen[desc] = (count, total)

    build_shapes(tmp_path / "shapes", train=2, val=1, progress=counted)
    assert seen == {"train": (20, 20), "val": (10, 10), "stylized": (10, 10), "a": (10, 10)}


@pytest.mark.parametrize(("train", "val"), [(0, 5), (5, 0), (-1, 1)])
def test_counts_under_one_are_refused(train: int, val: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"at least 1 image of each class, got train {train} and val {val}"):
        build_shapes(tmp_path / "shapes", train=train, val=val)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"holds no shapes\.json.*--out"):
        build_shapes(tmp_path, train=1, val=1)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shapes").write_bytes(b"")
    with pytest.raises(UserError, match="--out"):
        build_shapes(tmp_path / "shapes", train=1, val=1)


def test_other_parameters_are_refused(built: Path) -> None:
    with pytest.raises(UserError, match=r"seed 0, train 5, val 3\)\. Give another folder"):
        build_shapes(built, train=5, val=3, seed=1)


@pytest.mark.parametrize("damage", ["changed", "missing", "extra"])
def test_a_changed_data_set_is_refused(damage: str, tmp_path: Path) -> None:
    out = tmp_path / "shapes"
    build_shapes(out, train=1, val=1)
    picture = out / "val" / "star" / "00000.png"
    if damage == "changed":
        picture.write_bytes(picture.read_bytes()[:-1])
    elif damage == "missing":
        picture.unlink()
    else:
        (picture.parent / "00001.png").write_bytes(picture.read_bytes())
    with pytest.raises(UserError, match="changed after it was built"):
        build_shapes(out, train=1, val=1)
