"""Copies: images that a data set holds twice, or that are in its training and in its validation images."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from robustbench_cls.data.source import ImageSource

LOOKED_AT = 500
"""Validation images that are looked for among those of the training: enough to find one of a hundred copied ones."""


def copies_within(source: ImageSource) -> int:
    """The number of images whose file is, byte for byte, that of an earlier image. Only files of one size are read."""
    sizes_N = source.sizes_N
    alike = Counter(sizes_N.tolist())
    read = [i for i, size in enumerate(sizes_N.tolist()) if alike[size] > 1]
    return len(read) - len({_content(source, i) for i in read})


def copies_between(validation: ImageSource, training: ImageSource) -> tuple[int, int]:
    """Of how many validation images looked at so many are, byte for byte, among those of the training as well."""
    shown = _spread(len(validation))
    wanted = {int(validation.sizes_N[i]) for i in shown}
    candidates = np.flatnonzero(np.isin(training.sizes_N, list(wanted)))
    if not len(candidates):
        return len(shown), 0
    known = {_content(training, int(i)) for i in candidates}
    return len(shown), sum(_content(validation, i) in known for i in shown)


def _spread(count: int) -> list[int]:
    positions: npt.NDArray[np.int64] = np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(np.int64)
    return list(dict.fromkeys(positions.tolist()))


def _content(source: ImageSource, index: int) -> str:
    """A digest of an image; of one that can't be read another than any else's."""
    return source.sha256(index) or f"{index} of {source.path}"
