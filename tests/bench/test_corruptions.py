"""`robust bench corruptions`: every engine is measured, and the tables say what the numbers are."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_cls.bench.peers import installed_peers, peer
from robustbench_cls.bench.photos import load_photos
from robustbench_cls.cli.main import robust
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C
from robustbench_cls.core.errors import UserError


@pytest.fixture(scope="module")
def measured() -> dict:
    arguments = "bench corruptions --photos 1 --size 40 --repeats 1 --corruptions contrast,frost --json"
    result = CliRunner().invoke(robust, arguments.split(), catch_exceptions=False)
    return json.loads(result.stdout)


def test_every_engine_has_every_severity(measured: dict) -> None:
    rows = {(row["corruption"], row["severity"], row["engine"]) for row in measured["times"]}
    engines = {"contrast": ["robustbench_cls"], "frost": ["robustbench_cls", "robustbench_cls, published"]}
    for name, ours in engines.items():
        for engine in [*ours, "imagecorruptions"]:
            assert {(name, severity, engine) for severity in range(1, 6)} <= rows
    assert all(row["milliseconds"] > 0 for row in measured["times"])


def test_the_other_figures_are_there(measured: dict) -> None:
    assert measured["jpeg_identical"] is True and measured["jpeg"]["pillow"] > 0
    assert measured["two_threads"] > 0
    assert measured["first_seconds"] > measured["cached_seconds"] > 0
    assert measured["machine"] and measured["versions"]["numpy"]


@pytest.mark.parametrize("package", installed_peers())
def test_peers_run(package: str) -> None:
    (image,) = load_photos(1, 40, None)
    found = [name for name in IMAGENET_C + EXTRA if (run := peer(package, name, 3)) and run(image) is not None]
    assert len(found) == (19 if package == "imagecorruptions" else len(found)) and found


def test_photos_of_the_user(tmp_path) -> None:
    with pytest.raises(UserError, match="No images"):
        load_photos(2, 40, tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"a\.png can't be read"):
        load_photos(2, 40, tmp_path)


def test_made_photos_differ_and_repeat() -> None:
    first, second = load_photos(2, 64, None)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, load_photos(1, 64, None)[0])
