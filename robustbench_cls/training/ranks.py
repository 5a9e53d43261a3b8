"""The processes of one training that torchrun started, or the only one.

Gradients are averaged by PyTorch's DistributedDataParallel. Its sharded kin (FSDP) is left out: the largest classifiers
of timm fit into one GPU's memory with their optimiser, and sharding pays only where they don't.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from robustbench_cls.core.shard import Shard, torchrun_shard

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others before it takes them for dead."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def sums(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, in float64."""
        if self.count == 1:
            return list(values)
        device = torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")
        total = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return [float(value) for value in total]

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        return flag if self.count == 1 else self.sums([float(flag)])[0] > 0

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            dist.barrier()


def asked_for(*, alone: bool) -> Ranks:
    """This process among those of torchrun, or, where each trains `alone`, the only one.

    Raises:
        UserError: the variables that torchrun sets are there in part, or make no sense.
    """
    own = Shard() if alone else torchrun_shard()
    return Ranks(own.index, own.count)


@contextmanager
def joined(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """The group of processes, for as long as the block runs."""
    if ranks.count == 1 or dist.is_initialized():
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()
