"""A repair of timm's policies: posterising keeps at least one bit.

Their strongest level keeps none. Older versions of Pillow paint the image black there; version 13 raises an
error, which would end a training in the middle of an epoch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AtLeastOneBit:
    """A level function of timm's that never gives 0 bits."""

    level_fn: Callable[[float, Any], tuple[int]]

    def __call__(self, level: float, hparams: Any) -> tuple[int]:
        """The bits to keep at this level, as a tuple of one."""
        return (max(1, self.level_fn(level, hparams)[0]),)


def keep_one_bit(operations: Iterable[Any]) -> None:
    """Repair timm's `AugmentOp`s in place; those that do not posterise stay as they are."""
    for operation in operations:
        if operation.name.startswith("Posterize"):
            operation.level_fn = AtLeastOneBit(operation.level_fn)
