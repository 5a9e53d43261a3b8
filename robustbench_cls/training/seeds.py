"""Several seeds of one training: one after the other, or shared by torchrun's processes or the jobs of an array."""

from dataclasses import replace

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.shard import Shard, read_shard, torchrun_shard
from robustbench_cls.training.options import TrainingOptions

MOST_SEEDS = 1000


def own_seeds(options: TrainingOptions, count: int, shard: str) -> list[TrainingOptions]:
    """The trainings of this process: one for each seed that falls to it.

    Args:
        options: of the first seed.
        count: seeds, from the options' own on.
        shard: `2/3` for the second of three jobs; torchrun's own where empty.

    Raises:
        UserError: several seeds would go into one folder, or there is a shard and one seed.
    """
    if not 1 <= count <= MOST_SEEDS:
        raise UserError(f"--seeds must lie in 1..{MOST_SEEDS}, got {count}.")
    if count == 1:
        if shard:
            raise UserError("--shard shares the trainings of --seeds. Give --seeds, or leave it out.")
        return [options]
    if options.out is not None or options.name:
        raise UserError(
            "--seeds makes a folder for each seed, reports/runs/<model>-<recipe>-s<seed>. Leave out --out and --name."
        )
    ranks = torchrun_shard()
    own = read_shard(shard) if shard else ranks
    seeds = range(options.seed + own.index, options.seed + count, own.count)
    return [replace(options, seed=seed, alone=ranks != Shard()) for seed in seeds]
