import json
import re

import pytest
from click.testing import CliRunner

from robustbench_cls import selfcheck
from robustbench_cls.cli.main import robust
from robustbench_cls.corruptions.known_bytes import known_digests
from robustbench_cls.selfcheck import Check, run_checks


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return list(run_checks())


def test_everything_holds_here(checks: list[Check]) -> None:
    assert not [check for check in checks if not check.ok]
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    published = 1 + 4 * 16 + 2 + 2
    assert len([n for n in names if "CE" in n or "shape bias" in n]) == published
    assert len([n for n in names if n.startswith("engine 1, ")]) == len(known_digests())
    assert {"Python", "torch", "import torch", "classes of imagenet-a"} <= set(names)


def test_what_does_not_hold_is_named_and_the_status_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(selfcheck.ERRORS, "fog", (0.9,) * 5)
    monkeypatch.setitem(selfcheck.LIST_SHA256, "imagenet-a", "0" * 64)
    monkeypatch.setattr(selfcheck, "known_digests", lambda: {("contrast", "published"): "0" * 16})
    monkeypatch.setattr(selfcheck, "LOADED", ("torch", "no_such_module"))
    told = CliRunner().invoke(robust, ["selfcheck", "-v"])
    assert told.exit_code == 1
    assert "FAIL  classes of imagenet-a" in told.output
    for name in ("clean RN50, game of noise, CE of fog", "engine 1, contrast as published", "import no_such_module"):
        assert f"robust: {name}: expected " in told.stderr
    assert "CE of snow" not in told.stderr and "AlexNet on ImageNet-C" not in told.stderr


def test_one_line_unless_asked_for_more() -> None:
    told = CliRunner().invoke(robust, ["selfcheck"]).stdout
    assert re.fullmatch(r"(\d+) of \1 checks hold\. robust selfcheck -v shows them\.\n", told)


def test_as_json() -> None:
    told = CliRunner().invoke(robust, ["selfcheck", "--json"])
    rows = json.loads(told.stdout)
    assert told.exit_code == 0 and all(row["ok"] for row in rows)
    assert {*rows[0]} == {"name", "expected", "found", "ok"}
