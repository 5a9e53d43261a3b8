"""`robust bench data`: every step is measured, and the table says what the numbers are."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from robustbench_cls.bench.corruptions import OURS
from robustbench_cls.bench.data import PILLOW, STEPS, DataBenchmark, jpeg_files
from robustbench_cls.bench.table import data_table
from robustbench_cls.cli.main import robust
from robustbench_cls.core.errors import UserError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(robust, ["bench", "data", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_step_is_measured_on_the_sample_photos() -> None:
    measured = json.loads(run("--repeats", "1", "--images", "2", "--json"))
    assert list(measured["milliseconds"]) == list(STEPS)
    assert all(set(found) == {PILLOW, OURS} for found in measured["milliseconds"].values())
    assert all(ms > 0 for found in measured["milliseconds"].values() for ms in found.values())
    assert measured["files"] == measured["identical"] == 2
    assert measured["machine"] and measured["versions"]["simplejpeg"]


def test_a_folder_of_photos_without_what_pillow_must_read(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    (tmp_path / "deep").mkdir()
    Image.fromarray(pixels).save(tmp_path / "deep" / "a.JPG", "JPEG")
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "b.jpg", "JPEG")
    Image.fromarray(pixels).save(tmp_path / "c.png")
    assert jpeg_files(tmp_path, 10) == [(tmp_path / "deep" / "a.JPG").read_bytes()]
    assert "Identical pixels: 1 of 1 files" in run("--data", str(tmp_path), "--repeats", "1")


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No whole JPEG files"):
        jpeg_files(tmp_path, 10)


def test_sample_photos_are_500_px_wide() -> None:
    files = jpeg_files(None, 3)
    assert len(files) == 3 and {Image.open(io.BytesIO(data)).width for data in files} == {500}


def test_the_table_reads_well() -> None:
    milliseconds = {step: {PILLOW: 2.0 * i, OURS: 0.8 * i} for i, step in enumerate(STEPS, 1)}
    measured = DataBenchmark(4, 46.3, milliseconds, 3, "a machine", {"numpy": "2", "kornia": "not installed"})
    lines = data_table(measured).splitlines()
    assert lines[0] == "| step            | pillow + torchvision | robustbench_cls | times faster |"
    assert lines[2] == "| decode          |                 2.00 |            0.80 |         2.50 |"
    assert lines[4] == "| both            |                 6.00 |            2.40 |         2.50 |"
    assert "46 kB" in lines[6] and "PIXELS DIFFER: 3 of 4" in lines[8] and lines[10].endswith("a machine. numpy 2")
