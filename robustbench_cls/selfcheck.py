"""`robust selfcheck`: whether what is installed here computes what it must.

Numbers that others published are computed again from what they published them from; corruptions are compared with
the digests of their version; the classes of ImageNet-A with the list that was read; and the environment with what the
package asks for. All of it ships with the package and needs neither data nor a network.
"""

import importlib
import importlib.metadata
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from io import StringIO

import pandas as pd
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from robustbench_cls.core.corruption import IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.core.run import names_sha256
from robustbench_cls.corruptions.engine import VERSION
from robustbench_cls.corruptions.known_bytes import digest, known_digests
from robustbench_cls.data.label_spaces import cue_conflict, imagenet_1k, imagenet_subset
from robustbench_cls.metrics.alexnet import ERRORS, corruption_errors, mean_corruption_error
from robustbench_cls.metrics.shape_bias import shape_bias

PACKAGE = "robustbench-cls"

LIST_SHA256 = {
    "imagenet-1k": "9be65c467f39ace6da5b8f775034751d1328f56d229db113bb5b30c39f054d19",
    "imagenet-a": "ddd801dd58fc12faa912085bda84ccee5c0a073de7d4fac6b986e2f4dc2d45d2",
    "cue-conflict": "6fc3202591eee7adb9134fdf79068268b6fb90a963f4a8e54f9804178a6f2b7f",
}
"""Of WordNet ids: all 1000, the 200 of ImageNet-A, and the 207 that make up the 16 categories of cue conflict.

The first two stand in the order of every published head, the third by category.
"""

SHAPE_BIAS = {"ResNet-50": (162, 572, 22.07), "AlexNet": (182, 537, 25.31)}
"""Answers by shape and by texture on the 1,200 cue-conflict images, and shape bias in percent.

Source: Geirhos et al. 2019, arXiv:1811.12231, from the responses in github.com/rgeirhos/texture-vs-shape.
"""

LOADED = ("numba", "timm", "torch", "torchvision")
"""Modules that fail at import where a system library or a matching build is missing."""


@dataclass(frozen=True)
class Check:
    """One row: what was checked, what had to come out and what did."""

    name: str
    expected: str
    found: str
    ok: bool


def run_checks() -> Iterator[Check]:
    """Every check, one by one, the quick ones first."""
    for what, part in (
        ("environment", _environment),
        ("class lists", _lists),
        ("published numbers", _published),
        ("corruptions", _corruptions),
    ):
        try:
            yield from part()
        except (UserError, ImportError, OSError, ValueError, LookupError) as error:
            yield Check(what, "can be checked", first_line(error), False)


def _environment() -> Iterator[Check]:
    about = importlib.metadata.metadata(PACKAGE)
    wanted = SpecifierSet(about["Requires-Python"])
    yield Check("Python", str(wanted), platform.python_version(), platform.python_version() in wanted)
    for text in importlib.metadata.requires(PACKAGE) or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        fits = version != "not installed" and requirement.specifier.contains(version, prereleases=True)
        yield Check(requirement.name, str(requirement.specifier), version, fits)
    for module in LOADED:
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:
            yield Check(f"import {module}", "loads", str(error).partition("\n")[0], False)
        else:
            yield Check(f"import {module}", "loads", "loads", True)


def _lists() -> Iterator[Check]:
    lists = {
        "imagenet-1k": imagenet_1k(),
        "imagenet-a": imagenet_subset("imagenet-a", "imagenet_a_indices.txt").class_names,
        "cue-conflict": tuple(name for _, members in cue_conflict().categories for name in members),
    }
    for name, names in lists.items():
        expected, found = LIST_SHA256[name], names_sha256(names)
        yield Check(f"classes of {name}", expected[:16], found[:16], found == expected)


def _published() -> Iterator[Check]:
    yield _near("AlexNet on ImageNet-C, mCE", 100.0, mean_corruption_error(_table(ERRORS)), 0.005)
    for model, rows in _read("game_of_noise.csv").groupby("model", sort=False):
        accuracies = zip(rows["corruption"], rows["mean_accuracy_percent"], strict=True)
        errors = _table({str(name): (1 - float(percent) / 100,) * 5 for name, percent in accuracies})
        own = corruption_errors(errors)
        for name, published in zip(rows["corruption"], rows["published_ce_percent"], strict=True):
            yield _near(f"{model}, game of noise, CE of {name}", float(published), float(own[name]), 0.02)
        published = float(rows["published_mce_percent"].iloc[0])
        yield _near(f"{model}, game of noise, mCE", published, mean_corruption_error(errors), 0.02)
    table = _read("robustbench.csv")
    table["error"] = 1 - table["top1_accuracy"]
    alexnet = table[table["model"] == "AlexNet"].sort_values("severity")
    baseline = {str(name): tuple(group["error"]) for name, group in alexnet.groupby("corruption")}
    for model, rows in table.groupby("model", sort=False):
        published = float(rows["published_mce_percent"].iloc[0])
        found = mean_corruption_error(rows, baseline)
        yield _near(f"{model}, RobustBench, mCE against its AlexNet", published, found, 0.01)
    for network, (by_shape, by_texture, percent) in SHAPE_BIAS.items():
        answers = ["cat"] * by_shape + ["dog"] * by_texture + ["oven"] * (1200 - by_shape - by_texture)
        decisions = pd.DataFrame({"shape": "cat", "texture": "dog", "decision": answers})
        yield _near(f"{network}, shape bias", percent, 100 * shape_bias(decisions), 0.005)


def _corruptions() -> Iterator[Check]:
    for (name, variant), expected in known_digests().items():
        found = digest(name, variant)
        yield Check(f"engine {VERSION}, {name} as {variant}", expected, found, found == expected)


def _near(name: str, expected: float, found: float, tolerance: float) -> Check:
    return Check(name, f"{expected:.2f}", f"{found:.2f}", abs(found - expected) <= tolerance)


def _table(errors: Mapping[str, tuple[float, ...]]) -> pd.DataFrame:
    rows = [(name, s, e) for name in IMAGENET_C for s, e in zip(SEVERITIES, errors[name], strict=True)]
    table: pd.DataFrame = pd.DataFrame(rows, columns=["corruption", "severity", "error"])
    return table


def _read(name: str) -> pd.DataFrame:
    """A published table; its first line says where it is from."""
    text = (files("robustbench_cls") / "metrics" / "published" / name).read_text(encoding="utf-8")
    table: pd.DataFrame = pd.read_csv(StringIO(text), comment="#")
    return table
