"""A process's place among several that share work: given by hand, or by torchrun."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from robustbench_cls.core.errors import UserError


@dataclass(frozen=True)
class Shard:
    """Process `index`, from 0, of `count`."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index + 1}/{self.count}"


def read_shard(text: str) -> Shard:
    """The shard in `--shard 2/8`, counted from 1.

    Raises:
        UserError: it is not of that form.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UserError(f"--shard takes I/N with I from 1 to N, such as 2/8, got '{text}'.")
    return Shard(int(found[1]) - 1, int(found[2]))


def torchrun_shard(environment: Mapping[str, str] = os.environ) -> Shard:
    """This process among those that torchrun started; the only one where it didn't.

    Raises:
        UserError: the variables that torchrun sets are there in part, or make no sense.
    """
    if "RANK" not in environment and "WORLD_SIZE" not in environment:
        return Shard()
    rank, count = environment.get("RANK", ""), environment.get("WORLD_SIZE", "")
    known = rank.isdecimal() and count.isdecimal() and int(rank) < int(count)
    if not known or (int(count) > 1 and not environment.get("MASTER_ADDR")):
        raise UserError(
            f"RANK is '{rank}' and WORLD_SIZE '{count}', which torchrun did not set together. Start with torchrun, or "
            "unset both (and share work with --shard I/N)."
        )
    return Shard(int(rank), int(count))
