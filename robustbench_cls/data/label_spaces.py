"""Class names of ImageNet's label spaces, and the mapping from a source's classes to a model's head.

Classes are matched by name, never by position. Folders named 0, 1, 2 ..., sorted as text, have another order than
WordNet ids, and a guess there would give a wrong number. The lists come with timm and are read without importing it.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.answers import Answers
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.run import names_sha256
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


def imagenet_subset(name: str, indices_file: str) -> LabelSpace:
    """A label space of some classes of ImageNet-1k, in the head's order.

    Args:
        name: of the label space.
        indices_file: a list of timm's, with an index of a class a line: `imagenet_a_indices.txt` are the 200 classes
            of ImageNet-A, `imagenet_r_indices.txt` those of ImageNet-R.

    Raises:
        UserError: timm has no such list, or it is of other classes than these 1000.
    """
    names = imagenet_1k()
    try:
        places = [int(line) for line in _timm_lines(indices_file)]
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(path.name for path in (timm_folder() / "data" / "_info").glob("*_indices.txt")))
        raise UserError(f"timm has no list of class indices {indices_file}. Its lists: {known}.") from error
    if not places or not 0 <= min(places) <= max(places) < len(names) or len(set(places)) < len(places):
        raise UserError(f"{indices_file} is no list of classes of ImageNet-1k: they have the indices 0 to 999.")
    return LabelSpace(name, tuple(names[place] for place in sorted(places)))


def cue_conflict() -> LabelSpace:
    """The 16 categories of cue-conflict images, each with its ImageNet classes, 207 in all.

    Source: Geirhos et al. 2019, arXiv:1811.12231; classes from its `human_categories.py`.
    """
    categories: dict[str, list[str]] = {}
    listed = files("robustbench_cls.data") / "cue_conflict_categories.csv"
    for line in listed.read_text(encoding="utf-8").splitlines()[1:]:
        category, name = line.split(",")
        categories.setdefault(category, []).append(name)
    return LabelSpace("16 categories", categories=tuple((name, tuple(own)) for name, own in categories.items()))


def in_words(names: Sequence[str]) -> tuple[str, ...]:
    """Class names for readers: a WordNet id is followed by its first English word, any other name stays as it is."""
    lemmas = _lemmas()
    return tuple(f"{name} {lemmas[name].split(',')[0]}" if name in lemmas else name for name in names)


@cache
def _lemmas() -> dict[str, str]:
    return dict(line.split("\t")[:2] for line in _timm_lines("imagenet_synset_to_lemma.txt"))


def answers_of(space: LabelSpace, head: Sequence[str], shown: Sequence[str], where: str) -> Answers:
    """The answers that a model with this head may give in `space`.

    Args:
        space: the suite's label space.
        head: the model's class names.
        shown: classes that the split's images show; they are the label space where the head has none of the suite's
            classes (the user's own data).
        where: the suite, for messages.

    Raises:
        UserError: the head lacks classes that the suite's categories are made of.
    """
    index = {name: i for i, name in enumerate(head)}
    if space.categories:
        wanted = [name for _, members in space.categories for name in members]
        lacking = [name for name in wanted if name not in index]
        if lacking:
            raise UserError(
                f"Suite '{where}' asks for categories made of {len(wanted)} classes of ImageNet; the model lacks "
                f"{len(lacking)} of them, {lacking[0]} among them. Leave the suite out for this model."
            )
        groups = tuple(tuple(index[name] for name in members) for _, members in space.categories)
        return Answers(tuple(name for name, _ in space.categories), groups, tuple(head), categories=True)
    allowed = set(space.class_names or head)
    if allowed.isdisjoint(head):
        allowed = set(shown)
    kept = [name for name in head if name in allowed]
    return Answers(tuple(kept), tuple((index[name],) for name in kept), tuple(head))


def members_sha256(space: LabelSpace) -> str:
    """A SHA-256 hex digest of the categories with their classes; empty where classes are answered."""
    return names_sha256(tuple(f"{name}: {' '.join(own)}" for name, own in space.categories)) if space.categories else ""


def to_head(names: Sequence[str], head: Sequence[str], where: str) -> npt.NDArray[np.int64]:
    """The index in the model's head of each class of a source.

    Raises:
        UserError: the head lacks a class. The message says whether the folder names look like indices.
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
