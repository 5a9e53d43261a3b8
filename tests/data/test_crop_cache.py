import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Protocol
from robustbench_cls.data import crop_cache
from robustbench_cls.data.crop_cache import Crops, open_crops
from robustbench_cls.data.source import open_source

PROTOCOL = Protocol(36, 32, "bilinear", input_size=32)


def stored(data: Path, folder: Path | None, protocol: Protocol = PROTOCOL) -> Crops:
    return open_crops(open_source(data), protocol, folder, 2, progress=False)


def pixels(crops: Crops) -> np.ndarray:
    return np.stack([crops[i] for i in range(len(crops))])


def test_stored_crops_are_the_decoded_ones(toy: Path, tmp_path: Path) -> None:
    kept, streamed = stored(toy / "val", tmp_path), stored(toy / "val", None)
    assert isinstance(kept.stored.pixels_NHW3, np.memmap) and streamed.stored is None
    np.testing.assert_array_equal(pixels(kept), pixels(streamed))
    with pytest.raises(ValueError, match="read-only"):
        kept[0][0] = 0


def test_a_second_run_decodes_nothing(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(toy / "val", tmp_path)
    monkeypatch.setattr(crop_cache, "crop_of", None)
    assert len(stored(toy / "val", tmp_path)) == 12


def test_other_protocols_and_other_images_are_other_crops(toy: Path, tmp_path: Path) -> None:
    stored(toy / "val", tmp_path)
    for protocol in (Protocol(40, 32, "bilinear"), Protocol(36, 24, "bilinear"), Protocol(36, 32, "bicubic")):
        crops = stored(toy / "val", tmp_path, protocol)
        np.testing.assert_array_equal(pixels(crops), pixels(stored(toy / "val", None, protocol)))
    source = open_source(toy / "val")
    some = open_crops(source.take(np.array([3, 1])), PROTOCOL, tmp_path, 2, progress=False)
    np.testing.assert_array_equal(some[1], stored(toy / "val", None)[1])
    stored(toy / "a", tmp_path)
    assert len([place for place in tmp_path.iterdir() if place.is_dir()]) == 6


def test_images_as_they_are_stay_where_they_are(toy: Path, tmp_path: Path) -> None:
    assert stored(toy / "val", tmp_path, Protocol(0, 0, "bilinear")).stored is None
    assert not list(tmp_path.iterdir())


def test_a_changed_image_is_noticed(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustbench_cls.data.source.SAMPLED", 1)  # the first image alone
    data = tmp_path / "val"
    shutil.copytree(toy / "val", data)
    before = pixels(stored(data, tmp_path / "crops"))
    changed = data / "cat" / "1.png"
    size = changed.stat().st_size
    Image.new("RGB", (40, 40), "red").save(changed)
    changed.write_bytes(changed.read_bytes().ljust(size, b"\0"))  # of the same size, so of the same fingerprint
    os.utime(changed, ns=(0, changed.stat().st_mtime_ns + 1))
    after = pixels(stored(data, tmp_path / "crops"))
    assert f"Images in {data} have changed since their crops were stored" in capsys.readouterr().err
    assert (after[1] == (255, 0, 0)).all()
    np.testing.assert_array_equal(np.delete(after, 1, axis=0), np.delete(before, 1, axis=0))


def test_a_missing_image_is_another_cache(toy: Path, tmp_path: Path) -> None:
    data = tmp_path / "val"
    shutil.copytree(toy / "val", data)
    before = pixels(stored(data, tmp_path / "crops"))
    (data / "cat" / "0.png").unlink()
    np.testing.assert_array_equal(pixels(stored(data, tmp_path / "crops")), before[1:])


@pytest.mark.parametrize("damage", ["pixels", "manifest"])
def test_damaged_crops_are_stored_anew(damage: str, toy: Path, tmp_path: Path) -> None:
    stored(toy / "val", tmp_path)
    (path,) = tmp_path.glob("*/crops.u8" if damage == "pixels" else "*/manifest.json")
    path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(pixels(stored(toy / "val", tmp_path)), pixels(stored(toy / "val", None)))


def test_a_broken_image_leaves_no_crops(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    data = make_folder(tmp_path / "val")
    (data / "dog" / "2.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"dog/2\.png is not a readable image"):
        stored(data, tmp_path / "crops")
    assert [path.suffix for path in (tmp_path / "crops").iterdir()] == []


def test_no_room_is_said_and_images_are_decoded(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crop_cache, "SPARE", 1 << 62)
    crops = stored(toy / "val", tmp_path / "crops")
    assert crops.stored is None and len(pixels(crops)) == 12
    assert "Images are decoded for each condition instead; --crops names another folder" in capsys.readouterr().err


def test_a_folder_that_can_not_be_written(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert stored(toy / "val", tmp_path / "file" / "crops").stored is None
    assert "Images are decoded for each condition instead" in capsys.readouterr().err


def test_what_a_killed_process_left_is_removed(toy: Path, tmp_path: Path) -> None:
    stored(toy / "val", tmp_path)
    (place,) = (path for path in tmp_path.iterdir() if path.is_dir())
    place.rename(tmp_path / f".{place.name}.left")
    stored(toy / "val", tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [place.name]


BUILD = """
import sys
from pathlib import Path
from robustbench_cls.core.suite import Protocol
from robustbench_cls.data import crop_cache
from robustbench_cls.data.source import open_source
crops = crop_cache.open_crops(
    open_source(Path(sys.argv[1])), Protocol(36, 32, "bilinear", input_size=32), Path(sys.argv[2]), 1, progress=True
)
print(int(crops.stored.pixels_NHW3.astype(int).sum()))
"""


def test_two_processes_at_once_store_them_once(toy: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD, str(toy / "train"), str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in both]
    expected = int(pixels(stored(toy / "train", None)).astype(int).sum())
    assert [int(out) for out, _ in told] == [expected, expected]
    assert sum("Storing 36 crops" in err for _, err in told) == 1


def test_splits_of_equal_names_and_sizes_do_not_share_crops(tmp_path: Path) -> None:
    for split, colour in (("val", "red"), ("stylized", "blue")):
        (tmp_path / split / "cat").mkdir(parents=True)
        Image.new("RGB", (40, 40), colour).save(tmp_path / split / "cat" / "0.bmp")  # bitmaps are of equal size
        os.utime(tmp_path / split / "cat" / "0.bmp", (0, 0))
    red, blue = (stored(tmp_path / split, tmp_path / "crops") for split in ("val", "stylized"))
    assert red.source.fingerprint != blue.source.fingerprint
    assert (red[0] == (255, 0, 0)).all() and (blue[0] == (0, 0, 255)).all()


def test_a_crop_that_changed_on_the_disk_is_decoded_anew(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = stored(toy / "val", None)
    stored(toy / "val", tmp_path)
    (file,) = tmp_path.rglob(crop_cache.PIXELS)
    data = bytearray(file.read_bytes())
    data[5 * 32 * 32 * 3 + 7] ^= 1
    file.write_bytes(data)
    crops = stored(toy / "val", tmp_path)
    for _ in range(2):
        np.testing.assert_array_equal(pixels(crops), pixels(fresh))
    assert capsys.readouterr().err.count("has changed on the disk; its image is decoded anew") == 1


def test_crops_without_checksums_are_stored_anew(toy: Path, tmp_path: Path) -> None:
    stored(toy / "val", tmp_path)
    (file,) = tmp_path.rglob(crop_cache.CHECKSUMS)
    file.unlink()
    assert len(stored(toy / "val", tmp_path)) == 12 and file.is_file()
