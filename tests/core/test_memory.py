import os
import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
import numpy as np
from robustbench_cls.core.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(20_000_000)
before = faults()
for _ in range(5):
    np.ones(20_000_000)
print(kept, faults() - before)
"""


def measured(how: str, **environment: str) -> tuple[str, int]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, how], env=inherited | environment, capture_output=True, text=True, check=True
    )
    kept, faults = run.stdout.split()
    return kept, int(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has glibc")
def test_freed_arrays_are_not_fetched_anew() -> None:
    kept, few = measured("keep")
    if kept == "False":
        pytest.skip("the C library is not glibc")
    _, many = measured("leave")
    assert few < many / 10  # 160 MB a time, in pages of 4 kB or of 2 MB


def test_what_the_user_has_set_stays() -> None:
    assert measured("keep", MALLOC_ARENA_MAX="2")[0] == "False"
