"""Answers: from a model's classes to what may be answered on a suite."""

from dataclasses import dataclass

import numpy as np

from robustbench_cls.core.arrays import Int64Array


@dataclass(frozen=True)
class Answers:
    """The answers that a model may give: all classes of its head, some of them, or categories made of them.

    An answer's probability is the mean over its classes of the softmax over the whole head, and the answers compete
    as if these added up to 1. Where each answer is one class that is the softmax over those classes.

    Attributes:
        names: of the K answers; where they are classes, in the head's order.
        groups: for each the classes it is made of, as indices of the head.
        head: class names of the head.
        categories: answers are categories and not classes; results then number them 0 .. K - 1, and not by the head.
    """

    names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    head: tuple[str, ...]
    categories: bool = False

    @property
    def whole(self) -> bool:
        """Every class of the head may be answered."""
        return not self.categories and len(self.names) == len(self.head)

    @property
    def numbers(self) -> Int64Array:
        """The numbers that results name the answers by, ascending."""
        if self.categories:
            return np.arange(len(self.names), dtype=np.int64)
        return np.array([group[0] for group in self.groups], dtype=np.int64)

    @property
    def numbered(self) -> tuple[str, ...]:
        """The meaning of each number in the results: the categories, or the classes of the whole head."""
        return self.names if self.categories else self.head

    def number_of_class(self) -> Int64Array:
        """For each class of the head the number of the answer that it is, or is part of; -1 where there is none."""
        if not self.categories:
            return np.arange(len(self.head), dtype=np.int64)
        number_C = np.full(len(self.head), -1, dtype=np.int64)
        for number, group in enumerate(self.groups):
            number_C[list(group)] = number
        return number_C
