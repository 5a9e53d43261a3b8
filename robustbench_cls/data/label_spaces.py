"""Class names of ImageNet's label spaces, and the mapping from a source's classes to a model's head.

Classes are matched by name, never by position: folder names sorted as strings are in another order than
WordNet ids, and a guess there is a wrong number. The lists come with timm and are read without importing it.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import LabelSpace


def timm_folder() -> Path:
    """Where timm is installed."""
    spec = importlib.util.find_spec("timm")
    if spec is None or spec.origin is None:
        raise ImportError("timm is not installed")
    return Path(spec.origin).parent


@cache
def _timm_lines(name: str) -> tuple[str, ...]:
    return tuple((timm_folder() / "data" / "_info" / name).read_text(encoding="utf-8").splitlines())


def imagenet_1k() -> tuple[str, ...]:
    """The 1000 WordNet ids of ImageNet-1k in the order of every published head."""
    return _timm_lines("imagenet_synsets.txt")


def imagenet_a() -> LabelSpace:
    """The 200 classes of ImageNet-A, in the head's order.

    Source: Hendrycks et al. 2021, arXiv:1907.07174; indices as timm ships them.
    """
    names = imagenet_1k()
    return LabelSpace("imagenet-a", tuple(names[int(i)] for i in _timm_lines("imagenet_a_indices.txt")))


def cue_conflict() -> LabelSpace:
    """The 16 entry-level categories of cue-conflict stimuli, with the 207 classes of ImageNet that make them up.

    Source: Geirhos et al. 2019, arXiv:1811.12231; classes from its `human_categories.py`.
    """
    categories: dict[str, list[str]] = {}
    listed = files("robustbench_cls.data") / "cue_conflict_categories.csv"
    for line in listed.read_text(encoding="utf-8").splitlines()[1:]:
        category, name = line.split(",")
        categories.setdefault(category, []).append(name)
    return LabelSpace("16 categories", categories=tuple((name, tuple(own)) for name, own in categories.items()))


def in_words(names: Sequence[str]) -> tuple[str, ...]:
    """Class names for readers: a WordNet id with its first lemma behind it, any other name as it is."""
    lemmas = _lemmas()
    return tuple(f"{name} {lemmas[name].split(',')[0]}" if name in lemmas else name for name in names)


@cache
def _lemmas() -> dict[str, str]:
    return dict(line.split("\t")[:2] for line in _timm_lines("imagenet_synset_to_lemma.txt"))


def competing(space: LabelSpace, head: Sequence[str], shown: Sequence[str]) -> npt.NDArray[np.int64]:
    """Indices of the head's classes that compete in `space`, ascending.

    Args:
        space: the suite's label space.
        head: the model's class names.
        shown: classes that the split's images show; they are the label space where the head has none of
            the suite's classes (the user's own data).
    """
    if not space.class_names:
        return np.arange(len(head), dtype=np.int64)
    wanted = set(space.class_names)
    if wanted.isdisjoint(head):
        wanted = set(shown)
    return np.array([i for i, name in enumerate(head) if name in wanted], dtype=np.int64)


def to_head(names: Sequence[str], head: Sequence[str], where: str) -> npt.NDArray[np.int64]:
    """For each class of a source, its index in the model's head.

    Raises:
        UserError: a class that the head does not have; the message tells an order problem from others.
    """
    index = {name: i for i, name in enumerate(head)}
    unknown = [name for name in names if name not in index]
    if not unknown:
        return np.array([index[name] for name in names], dtype=np.int64)
    shown = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
    if all(name.isdigit() for name in names):
        raise UserError(
            f"{where}: the folder names ({shown}) look like indices, not class names, and their order is not "
            "known. Rename them to the model's class names; see datasets/README.md#class-order."
        )
    raise UserError(
        f"{where}: {len(unknown)} of {len(names)} folders are not classes of the model ({shown}); it has "
        f"{len(head)}: {', '.join(head[:5])}{', ...' if len(head) > 5 else ''}. See datasets/README.md#class-order."
    )
