"""`--set KEY=VALUE` as values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe, Setting
from robustbench_cls.models.names import family_of
from robustbench_cls.training.regimens import KINDS, defaults, like


def read_settings(texts: Sequence[str], recipe: Recipe, model: str) -> dict[str, Setting]:
    """The values of `key=value` texts, each with the type of the setting that it changes.

    Raises:
        UserError: a text without `=`, a setting that there is not, or a value that is none of its type.
    """
    for text in texts:
        if "=" not in text:
            raise UserError(f"--set takes KEY=VALUE, got '{text}'.")
    names = [text.partition("=")[0] for text in texts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"--set {twice[0]} is given twice. Give it once.")
    regimen, settings = defaults(recipe, family_of(model))
    known = {**asdict(regimen), **settings}
    given: Mapping[str, str] = dict(text.split("=", 1) for text in texts)
    return {name: _typed(name, text, like(name, recipe, known)) for name, text in given.items()}


def _typed(name: str, text: str, known: Setting) -> Setting:
    kind = type(known)
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        raise UserError(f"--set {name} takes {KINDS[kind]} such as {known}, got '{text:.60}'.") from None
