"""A recipe's functions, made with its settings, and what goes wrong in them told in a line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.core.recipe import Augment, Recipe, Setting, Task, Views, accepted, nothing
from robustbench_cls.models.objectives import CrossEntropy
from robustbench_cls.training.images import Views as ViewsFunction

REFUSALS = (AssertionError, ValueError, TypeError, KeyError)


def check_functions(recipe: Recipe) -> None:
    """Refuse functions that don't go together, and settings that change nothing as no function takes them.

    Raises:
        UserError: it says which.
    """
    if _own(recipe.views) and _own(recipe.mix):
        raise UserError(
            f"Recipe '{recipe.name}' makes views of an image and mixes images; only one of them is possible."
        )
    functions = (recipe.augment, recipe.views, recipe.mix, recipe.objective)
    taken = {name for function in functions if _own(function) for name in accepted(function, recipe.settings)}
    idle = set(recipe.settings) - taken - {*recipe.models, *recipe.folders, *recipe.unlabelled, *recipe.pictures}
    if idle:
        raise UserError(f"Recipe '{recipe.name}': no function of it takes the setting '{min(idle)}'. Leave it out.")


def _own(function: Callable[..., Any]) -> bool:
    """Whether it is not a recipe's default, which does nothing."""
    return function is not nothing


@dataclass(frozen=True)
class ViewsOf:
    """The views that a recipe makes of an image, by the side of the input. Each process makes the functions anew.

    Attributes:
        name: the recipe's.
        augment, views: its functions.
        made: what they gave, by the side of the input.
    """

    name: str
    augment: Augment
    views: Views
    settings: dict[str, Setting]
    made: dict[int, ViewsFunction | None] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, recipe: Recipe, settings: Mapping[str, Setting]) -> "ViewsOf":
        """Those of a recipe with these settings."""
        return cls(recipe.name, recipe.augment, recipe.views, dict(settings))

    def __call__(self, size: int) -> ViewsFunction | None:
        """A function from a PIL image to its views, or None where the image stays as it is.

        Raises:
            UserError: the recipe refuses its settings.
        """
        if size not in self.made:
            augment = _made(self.name, "augment", self.augment, self.settings, size=size)
            views = _made(self.name, "augment", self.views, self.settings, size=size)
            self.made[size] = None if augment is None and views is None else _InTurn(augment, views)
        return self.made[size]


@dataclass(frozen=True)
class _InTurn:
    """Augment an image, then make views of it."""

    augment: Callable[[Any], Any] | None
    views: ViewsFunction | None

    def __call__(self, image: Any) -> Any:
        image = image if self.augment is None else self.augment(image)
        return (image,) if self.views is None else self.views(image)


def make_mix(
    recipe: Recipe, settings: Mapping[str, Setting], num_classes: int
) -> Callable[[Any, Any], tuple[Any, Any]] | None:
    """The recipe's function on whole batches, or None."""
    made: Callable[[Any, Any], tuple[Any, Any]] | None = _made(
        recipe.name, "mix", recipe.mix, settings, num_classes=num_classes
    )
    return made


def make_objective(recipe: Recipe, settings: Mapping[str, Setting], task: Task) -> Callable[[Any, Any, Any], Any]:
    """The recipe's loss of (network, images_VB3HW, targets); cross entropy where it has none of its own."""
    made: Callable[[Any, Any, Any], Any] | None = _made(recipe.name, "learn", recipe.objective, settings, task=task)
    if isinstance(made, nn.Module) and any(True for _ in made.parameters()):
        raise UserError(
            f"Recipe '{recipe.name}': its objective has parameters, which nothing trains. It may have buffers."
        )
    return made or CrossEntropy(task.smoothing)


def _made(name: str, verb: str, function: Callable[..., Any], settings: Mapping[str, Setting], **given: object) -> Any:
    try:
        return function(**given, **accepted(function, settings))
    except REFUSALS as error:
        raise UserError(f"Recipe '{name}' can't {verb} with {dict(settings)}: {first_line(error)}.") from error
