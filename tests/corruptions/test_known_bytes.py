"""The same bytes on every machine: digests of each corruption's output, all severities and variants."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from robustbench_cls.corruptions.engine import all_corruptions
from robustbench_cls.corruptions.known_bytes import digest, known_digests

DIGESTS = known_digests()


def test_every_corruption_is_known() -> None:
    wanted = {(name, "published") for name in all_corruptions()}
    wanted |= {(name, variant) for name, corruption in all_corruptions().items() for variant in corruption.variants}
    assert {key: digest(*key) for key in wanted - set(DIGESTS)} == {}, "write these into the corruptions' files"
    assert set(DIGESTS) <= wanted


@pytest.mark.parametrize(("name", "variant"), DIGESTS, ids=" ".join)
def test_known_bytes(name: str, variant: str) -> None:
    assert digest(name, variant) == DIGESTS[name, variant]


@pytest.mark.slow
def test_a_processor_without_vector_extensions_gives_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "from robustbench_cls.corruptions.known_bytes import digest, known_digests;"
        "print([key for key, value in known_digests().items() if digest(*key) != value])"
    )
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment = {**os.environ, **plain}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
