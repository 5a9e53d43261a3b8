import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robustbench_cls.core.errors import UserError
from robustbench_cls.data.locate import open_split
from robustbench_cls.data.source import open_source


def test_a_class_folder_tree(toy: Path) -> None:
    source = open_source(toy / "val")
    assert source.class_names == ("cat", "dog", "owl")
    assert source.ids[0] == "cat/0.png"
    assert np.bincount(source.labels_N).tolist() == [4, 4, 4]
    assert source.image(0).mode == "RGB"


def test_taken_images_keep_id_label_and_pixels(toy: Path) -> None:
    source = open_source(toy / "val")
    taken = source.take(np.array([7, 2]))
    assert taken.ids == (source.ids[7], source.ids[2])
    assert taken.image(1).tobytes() == source.image(2).tobytes()


def test_the_fingerprint_knows_names_and_sizes(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    first = open_source(make_folder(tmp_path / "a")).fingerprint
    assert open_source(make_folder(tmp_path / "b")).fingerprint == first
    (tmp_path / "b" / "cat" / "0.png").rename(tmp_path / "b" / "cat" / "9.png")
    assert open_source(tmp_path / "b").fingerprint != first


def test_no_folder_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no folder"):
        open_source(tmp_path / "gone")
    with pytest.raises(UserError, match="No images in"):
        open_source(tmp_path)


def test_images_without_class_folders(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    folder = make_folder(tmp_path / "a")
    (folder / "cat" / "0.png").rename(folder / "0.png")
    with pytest.raises(UserError, match="1 images that lie in no class folder"):
        open_source(folder)


def test_a_missing_split_says_what_was_expected(toy: Path) -> None:
    with pytest.raises(UserError, match="has no c/ folder"):
        open_split(toy, "c")


@pytest.mark.parametrize("name", ["val", "validation", "test"])
def test_hugging_face_parquet(name: str, tmp_path: Path, toy: Path) -> None:
    import datasets

    folder = open_source(toy / "val")
    files = [str(toy / "val" / image_id) for image_id in folder.ids]
    features = datasets.Features(
        {"picture": datasets.Image(), "kind": datasets.ClassLabel(names=list(folder.class_names))}
    )
    table = datasets.Dataset.from_dict({"picture": files, "kind": folder.labels_N.tolist()}, features=features)
    embedded = table.map(lambda row: row, writer_batch_size=100)
    embedded.cast_column("picture", datasets.Image()).to_parquet(str(tmp_path / f"{name}-00000-of-00001.parquet"))
    source = open_split(tmp_path, "val")
    assert source.class_names == folder.class_names
    assert np.array_equal(source.labels_N, folder.labels_N)
    assert source.image(5).tobytes() == folder.image(5).tobytes()


def table(
    file: Path, toy: Path, rows: list[tuple[str, int]], names: list[str], columns: tuple[str, ...] = ("label",)
) -> None:
    """A parquet file of pictures of the toy data, by class folder, with their labels."""
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), **dict.fromkeys(columns, datasets.ClassLabel(names=names))}
    )
    pictures = [{"bytes": (toy / f"val/{name}/0.png").read_bytes(), "path": None} for name, _ in rows]
    content = {"image": pictures, **{column: [label for _, label in rows] for column in columns}}
    file.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(content, features=features).to_parquet(str(file))


def test_all_files_of_a_split_must_be_there(tmp_path: Path, toy: Path) -> None:
    for part in (0, 2):
        table(tmp_path / f"val-0000{part}-of-00003.parquet", toy, [("cat", 0), ("dog", 1)], ["cat", "dog"])
    with pytest.raises(UserError, match=r"lacks 1 of the 3 files of this split, number 1 \(from 0\) among them"):
        open_split(tmp_path, "val")
    table(tmp_path / "val-00001-of-00003.parquet", toy, [("owl", 0), ("owl", 1)], ["cat", "dog"])
    source = open_split(tmp_path, "val")
    assert source.labels_N.tolist() == [0, 1, 0, 1, 0, 1]
    assert source.data(2) == (toy / "val/owl/0.png").read_bytes()
    table(tmp_path / "val-00000-of-00001.parquet", toy, [("cat", 0)], ["cat", "dog"])
    with pytest.raises(UserError, match="holds files of several exports"):
        open_split(tmp_path, "val")


def test_classes_in_another_order_in_a_later_file(tmp_path: Path, toy: Path) -> None:
    table(tmp_path / "val-00000-of-00002.parquet", toy, [("cat", 0), ("dog", 1)], ["cat", "dog"])
    table(tmp_path / "val-00001-of-00002.parquet", toy, [("cat", 1), ("dog", 0)], ["dog", "cat"])
    with pytest.raises(UserError, match=r"val-00000.* and .*val-00001.* have .* other classes, or classes in another"):
        open_split(tmp_path, "val")


def test_a_file_of_the_same_time_and_size_is_read_anew(tmp_path: Path, toy: Path) -> None:
    file, other = tmp_path / "val-00000-of-00001.parquet", tmp_path / "other.parquet"
    table(file, toy, [("cat", 0), ("dog", 1)], ["cat", "dog"])
    table(other, toy, [("cat", 1), ("dog", 0)], ["cat", "dog"])
    before = open_split(tmp_path, "val")
    seen, size = file.stat(), file.stat().st_size
    assert other.stat().st_size == size
    file.write_bytes(other.read_bytes())  # as `cp -p` does: the same file on the disk, with the time set back
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    after = open_split(tmp_path, "val")
    assert before.labels_N.tolist() == [0, 1] and after.labels_N.tolist() == [1, 0]
    assert before.stamp != after.stamp and before.fingerprint != after.fingerprint


def test_a_readme_beside_the_files_is_not_asked(tmp_path: Path, toy: Path) -> None:
    table(tmp_path / "train-00000-of-00001.parquet", toy, [("cat", 0)], ["cat", "dog"])
    table(tmp_path / "validation-00000-of-00001.parquet", toy, [("cat", 0), ("dog", 1)], ["cat", "dog"])
    misled = "- config_name: default\n  data_files:\n  - split: validation\n    path: train-*.parquet"
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{misled}\n---\n")
    assert len(open_split(tmp_path, "val")) == 2


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path, toy: Path) -> None:
    folder = tmp_path / "my data [v2] *\N{GRINNING FACE}"
    table(folder / "val-00000-of-00001.parquet", toy, [("cat", 0), ("dog", 1)], ["cat", "dog"])
    assert len(open_split(folder, "val")) == 2


def test_two_label_columns_are_not_guessed_between(tmp_path: Path, toy: Path) -> None:
    file = tmp_path / "val.parquet"
    table(file, toy, [("cat", 0)], ["cat", "dog"], ("fine_label", "coarse_label"))
    with pytest.raises(UserError, match=r"2 columns of type ClassLabel \(fine_label, coarse_label\)"):
        open_split(tmp_path, "val")


def test_a_row_without_an_image(tmp_path: Path, toy: Path) -> None:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    content = {"image": [None, {"bytes": b"", "path": None}], "label": [0, 1]}
    datasets.Dataset.from_dict(content, features=features).to_parquet(str(tmp_path / "val.parquet"))
    source = open_split(tmp_path, "val")
    with pytest.raises(UserError, match="0000000 holds no image. Leave the row out"):
        source.data(0)
    with pytest.raises(UserError, match="0000001 is not a readable image"):
        source.image(1)


def test_cifar10_as_it_comes(shared: Path) -> None:
    source = open_split(shared / "data" / "cifar10", "val")
    assert len(source) == 10_000
    assert source.class_names[0] == "airplane"
    assert source.image(0).size == (32, 32)


@pytest.mark.parametrize("content", [b"not parquet", None])
def test_a_damaged_parquet_file(tmp_path: Path, content: bytes | None) -> None:
    import pandas as pd

    file = tmp_path / "val-00000-of-00001.parquet"
    if content is None:
        pd.DataFrame({"a": [1]}).to_parquet(file)
    else:
        file.write_bytes(content)
    with pytest.raises(UserError, match="val-00000-of-00001.parquet"):
        open_split(tmp_path, "val")


@pytest.mark.parametrize("label", [-1, None])
def test_rows_without_a_label(label: int | None, tmp_path: Path, toy: Path) -> None:
    import datasets

    files = [str(toy / "val/cat/0.png"), str(toy / "val/cat/1.png")]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    table = datasets.Dataset.from_dict({"image": files, "label": [0, label]}, features=features)
    table.to_parquet(str(tmp_path / "validation-00000-of-00001.parquet"))
    with pytest.raises(UserError, match="1 of 2 rows have no label"):
        open_split(tmp_path, "val")


def test_every_image_format_is_read_and_other_files_are_not(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    from PIL import Image

    folder = make_folder(tmp_path / "a", classes=("cat",), count=5)
    for i, ending in enumerate((".webp", ".BMP", ".tif", ".gif")):
        Image.open(folder / "cat" / f"{i}.png").convert("RGB").save(folder / "cat" / f"{i}{ending}")
        (folder / "cat" / f"{i}.png").unlink()
    (folder / "cat" / "notes.txt").write_text("x")
    source = open_source(folder)
    assert len(source) == 5
    assert all(source.image(i).mode == "RGB" for i in range(5))


def test_links_that_lead_to_a_folder_twice(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    folder = make_folder(tmp_path / "a", count=1)
    (folder / "cat" / "loop").symlink_to(folder / "dog")
    with pytest.raises(UserError, match="same folder through a link"):
        open_source(folder)


def test_a_broken_link(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    folder = make_folder(tmp_path / "a", count=1)
    (folder / "cat" / "5.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(UserError, match=r"5\.png can't be read.*broken link"):
        open_source(folder)


def test_a_class_may_be_called_test(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    from robustbench_cls.data.locate import split_in

    folder = make_folder(tmp_path / "val", classes=("test", "train"), count=1)
    assert split_in(tmp_path, "val") == (folder, "")
    make_folder(tmp_path / "tests", classes=("test", "cat"), count=1)
    assert split_in(tmp_path / "tests", "val") is None
