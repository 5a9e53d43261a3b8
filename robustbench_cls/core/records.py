"""Nouns as plain values in JSON files and checkpoints, and how nouns may grow.

A field that a noun gets later is declared with `added(default)`, and its default means "as before". Where it has that
value it is left out of what is written, and so of digests: files of older versions keep their digest, and older
versions read new files as long as these say nothing new.

msgspec checks the types; the alternative, a checker of our own, would be longer and know less.
"""

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from robustbench_cls.core.errors import UserError

T = TypeVar("T")

_ADDED = "added later"


def added(default: Any, *, compare: bool = True) -> Any:
    """A dataclass field that came later; `default` means what files without the field meant."""
    return dataclasses.field(default=default, compare=compare, metadata={_ADDED: True})


def as_record(noun: Any) -> dict[str, Any]:
    """A dataclass as plain values by the names of its fields, without added fields that say nothing new."""
    values = {field.name: (field, getattr(noun, field.name)) for field in dataclasses.fields(noun)}
    return {
        name: _plain(value)
        for name, (field, value) in values.items()
        if not (field.metadata.get(_ADDED) and value == field.default)
    }


def from_record(kind: type[T], values: Any, where: str) -> T:
    """The noun that `as_record` wrote, fields that came later filled.

    Args:
        kind: a dataclass.
        values: plain values, as JSON or `torch.load` gives them.
        where: the file, for messages.

    Raises:
        UserError: an unknown field, a missing one, or one of another type.
    """
    if unknown := next(_unknown(kind, values, ""), None):
        raise UserError(
            f"{where} has the field '{unknown}', which this version of robustbench_cls does not know; a newer version "
            "wrote it. Update with: pip install --upgrade robustbench-cls"
        )
    try:
        return msgspec.convert(values, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise UserError(f"{where} can't be read: {error}.") from error


def require_types(noun: Any, where: str) -> None:
    """Check that the fields of a noun have the types that it declares, and that what is to be called can be.

    Raises:
        UserError: one does not; the message names it.
    """
    hints = get_type_hints(type(noun))
    for field in dataclasses.fields(noun):
        value, hint = getattr(noun, field.name), hints[field.name]
        kinds = [hint, *(get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ())]
        if any(get_origin(kind) is Callable for kind in kinds):
            if not callable(value) and not (value is None and type(None) in kinds):
                raise UserError(f"{where}: {field.name} must be a function, got {value!r:.60}.")
        elif not (isinstance(hint, type) and isinstance(value, hint)):
            try:
                msgspec.convert(_plain(value), hint)
            except (msgspec.ValidationError, UnicodeEncodeError) as error:
                raise UserError(f"{where}: {field.name} can't be {value!r:.60}. {error}.") from error


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_record(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _unknown(kind: Any, values: Any, prefix: str) -> Iterator[str]:
    """Fields in `values` that `kind` or the nouns inside it do not have, as `protocol.name`."""
    inner = get_args(kind)
    if get_origin(kind) is tuple and isinstance(values, list | tuple) and inner:
        for value in values:
            yield from _unknown(inner[0], value, prefix)
    elif get_origin(kind) in (Union, types.UnionType):
        for option in inner:
            yield from _unknown(option, values, prefix)
    elif dataclasses.is_dataclass(kind) and isinstance(values, Mapping):
        hints = get_type_hints(kind)
        for name, value in values.items():
            if name not in hints:
                yield f"{prefix}{name}"
            else:
                yield from _unknown(hints[name], value, f"{prefix}{name}.")
