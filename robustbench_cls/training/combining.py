"""Recipes by name, and several of them joined: `randaugment+cutmix`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.discovery import find
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe, accepted, nothing

JOIN = "+"


def find_recipe(name: str) -> Recipe:
    """The recipe of that name or in that file; of names joined by `+`, their combination.

    Raises:
        UserError: there is none, or they do not go together.
    """
    names = [name] if name.endswith(".py") and Path(name).is_file() else name.split(JOIN)
    if len(names) > 1 and "" in names:
        raise UserError(f"A recipe's name is missing beside {JOIN} in '{name}'.")
    return reduce(combined, [find(part, "robustbench_cls.recipes", Recipe, "recipe") for part in names])


def combined(first: Recipe, second: Recipe) -> Recipe:
    """Both recipes in one: images are augmented by the first and then by the second.

    Raises:
        UserError: both mix images, make views or have a loss of their own, or they have a setting or a change to a
            regimen of the same name.
    """
    both = f"Recipes '{first.name}' and '{second.name}' can't be combined: both"
    for word, done in (("mix", "mix images"), ("views", "make views of an image"), ("objective", "have a loss")):
        if all(getattr(recipe, word) is not nothing for recipe in (first, second)):
            raise UserError(f"{both} {done}.")
    for one, other in ((first, second), (second, first)):
        if one.views is not nothing and other.mix is not nothing:
            raise UserError(
                f"Recipes '{one.name}' and '{other.name}' can't be combined: '{one.name}' compares views of one image, "
                f"and '{other.name}' mixes images."
            )
    if shared := sorted(set(first.settings) & set(second.settings)):
        raise UserError(f"{both} have a setting '{shared[0]}'. Write a recipe of your own that holds both.")
    return Recipe(
        name=f"{first.name}{JOIN}{second.name}",
        title=f"{first.title} and {second.title}",
        source=first.source,
        augment=_joined_augment(first, second),
        views=first.views if second.views is nothing else second.views,
        mix=first.mix if second.mix is nothing else second.mix,
        objective=first.objective if second.objective is nothing else second.objective,
        models=first.models + second.models,
        folders=first.folders + second.folders,
        unlabelled=first.unlabelled + second.unlabelled,
        pictures=first.pictures + second.pictures,
        settings=MappingProxyType({**first.settings, **second.settings}),
        regimen=MappingProxyType(_joined_regimen(first, second)),
        overlaps=tuple(sorted({*first.overlaps, *second.overlaps})),
    )


def _joined_augment(first: Recipe, second: Recipe) -> Callable[..., Callable[[Any], Any] | None]:
    functions = [recipe.augment for recipe in (first, second) if recipe.augment is not nothing]
    if not functions:
        return nothing
    return functions[0] if len(functions) == 1 else Both(functions[0], functions[1])


@dataclass(frozen=True)
class Both:
    """Two recipes' `augment` in one."""

    first: Callable[..., Callable[[Any], Any] | None]
    second: Callable[..., Callable[[Any], Any] | None]

    def __call__(self, *, size: int, **settings: Any) -> "AfterEachOther":
        """The function on images, each part made with the settings that it takes."""
        made = [function(size=size, **accepted(function, settings)) for function in (self.first, self.second)]
        return AfterEachOther(tuple(function for function in made if function is not None))


@dataclass(frozen=True)
class AfterEachOther:
    """Functions on images, one after the other."""

    functions: tuple[Callable[[Any], Any], ...]

    def __call__(self, image: Any) -> Any:
        """The image after all of them."""
        return reduce(lambda shown, function: function(shown), self.functions, image)


def _joined_regimen(first: Recipe, second: Recipe) -> dict[str, dict[str, Any]]:
    """The changes of both by family; of `epochs`, the larger number.

    Raises:
        UserError: both change the same field to other values.
    """
    joined: dict[str, dict[str, Any]] = {}
    for family in {**first.regimen, **second.regimen}:
        one, other = dict(first.regimen.get(family, {})), dict(second.regimen.get(family, {}))
        for name in set(one) & set(other) - {"epochs"}:
            if one[name] != other[name]:
                raise UserError(
                    f"Recipes '{first.name}' and '{second.name}' can't be combined: one is trained with "
                    f"{name}={one[name]} and the other with {other[name]}. Write a recipe of your own that holds both."
                )
        joined[family] = {**one, **other}
        if "epochs" in one and "epochs" in other:
            joined[family]["epochs"] = max(one["epochs"], other["epochs"])
    return joined
