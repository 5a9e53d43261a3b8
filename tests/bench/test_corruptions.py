"""`robust bench corruptions`: every engine is measured, and the tables say what the numbers are."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_cls.bench.corruptions import Benchmark, Timing
from robustbench_cls.bench.peers import installed_peers, peer
from robustbench_cls.bench.table import corruption_table
from robustbench_cls.cli.main import robust
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C
from robustbench_cls.data.sample_photos import photos


@pytest.fixture(scope="module")
def measured() -> dict:
    arguments = "bench corruptions --photos 1 --size 40 --repeats 1 --corruptions contrast,frost --json"
    result = CliRunner().invoke(robust, arguments.split(), catch_exceptions=False)
    return json.loads(result.stdout)


def test_every_engine_has_every_severity(measured: dict) -> None:
    rows = {(row["corruption"], row["severity"], row["engine"]) for row in measured["timings"]}
    engines = {"contrast": ["robustbench_cls"], "frost": ["robustbench_cls", "robustbench_cls, published"]}
    for name, ours in engines.items():
        for engine in [*ours, "imagecorruptions"]:
            assert {(name, severity, engine) for severity in range(1, 6)} <= rows
    assert all(row["milliseconds"] > 0 for row in measured["timings"])


def test_the_other_figures_are_there(measured: dict) -> None:
    assert measured["jpeg_identical"] is True and {row["corruption"] for row in measured["jpeg"]} == {
        "clean",
        "contrast",
        "frost",
    }
    assert measured["two_threads"] > 0
    assert measured["first_seconds"] > measured["cached_seconds"] > 0
    assert measured["machine"] and measured["versions"]["numpy"]


@pytest.mark.parametrize("package", installed_peers())
def test_peers_run(package: str) -> None:
    image = np.array(photos(None, 1, 40)[0])
    found = [name for name in IMAGENET_C + EXTRA if (run := peer(package, name, 3)) and run(image) is not None]
    assert len(found) == (19 if package == "imagecorruptions" else len(found)) and found


def test_the_jpeg_step_counts_after_every_condition() -> None:
    names = ("fog", "snow")
    timings = tuple(
        Timing(name, severity, engine, milliseconds)
        for name in names
        for severity in range(1, 6)
        for engine, milliseconds in (("robustbench_cls", 0.5), ("imagecorruptions", 10.0))
    )
    jpeg = tuple(
        Timing(name, severity, engine, milliseconds)
        for name in ("clean", *names)
        for severity in range(1, 6)
        for engine, milliseconds in (("robustbench_cls", 0.1), ("pillow", 1.0))
    )
    measured = Benchmark(224, 3, timings, jpeg, True, 1.9, 12.3, 1.2, "a machine", {"numpy": "2"})
    assert measured.with_jpeg("robustbench_cls", names) == pytest.approx(10 * 0.6)
    assert measured.with_jpeg("imagecorruptions", names) == pytest.approx(10 * 11.0)
    assert measured.with_jpeg("imagecorruptions", (*names, "frost")) is None


def test_the_table_reads_well() -> None:
    timings = [
        Timing(name, severity, engine, milliseconds)
        for name in ("fog", "snow")
        for severity in range(1, 6)
        for engine, milliseconds in (("robustbench_cls", 0.5), ("imagecorruptions", 10.0), ("kornia", 40.0))
        if (name, engine) != ("snow", "kornia")
    ]
    steps = (("clean", "robustbench_cls", 0.1), ("clean", "pillow", 0.5))
    jpeg = tuple(Timing(name, 0, engine, milliseconds) for name, engine, milliseconds in steps)
    measured = Benchmark(224, 3, tuple(timings), jpeg, True, 1.9, 12.3, 1.2, "a machine", {"numpy": "2"})
    lines = corruption_table(measured).splitlines()
    assert lines[0] == "| corruption | robustbench_cls | imagecorruptions | kornia | times faster | slowest severity |"
    assert lines[2] == "| fog        |            2.50 |             50.0 |    200 |         20.0 |             0.50 |"
    assert lines[3] == "| snow       |            2.50 |             50.0 |        |         20.0 |             0.50 |"
    assert lines[7] == "JPEG step, quality 85: of clean photos 0.100 ms, Pillow 0.500 ms, 5.0 times; identical pixels."
    assert "1.90 times" in lines[9]
