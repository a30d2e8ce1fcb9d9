"""Rows of a TOML table as dataclasses, checked key by key. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from kinolog.models.number_rule import NumberRule

Row = TypeVar("Row")


class RowError(ValueError):
    """A row has an unknown key, lacks one, or has a value of the wrong kind. The message names the key."""


def row_as(kind: type[Row], values: Mapping[str, Any]) -> Row:
    """Return the row as an instance of a dataclass. Numbers are not negative. Raises RowError."""
    hints = _hints(kind)  # type: ignore[arg-type] # mypy does not see that types are hashable
    if unknown := sorted(set(values) - set(hints)):
        raise RowError(f"there is no key {', '.join(unknown)}")
    needed = [
        part.name
        for part in fields(kind)  # type: ignore[arg-type] # a dataclass
        if part.default is MISSING and part.default_factory is MISSING
    ]
    if missing := [name for name in needed if name not in values]:
        raise RowError(f"{', '.join(missing)} is missing")
    return kind(**{name: _value(name, hints[name], value) for name, value in values.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {part.name: hints[part.name] for part in fields(kind)}


def _value(key: str, hint: Any, value: Any) -> Any:
    """Return the value of a key in the type of its field."""
    try:
        return _converted(key, hint, value)
    except ValueError as error:
        raise error if isinstance(error, RowError) else RowError(f"{key}: {error}") from error


def _converted(key: str, hint: Any, value: Any) -> Any:
    if get_origin(hint) is UnionType:  # a type or None, which TOML does not have
        return _converted(key, get_args(hint)[0], value)
    if get_origin(hint) is tuple:
        return tuple(_converted(key, get_args(hint)[0], item) for item in _checked(key, list, value))
    if get_origin(hint) is Mapping:
        of_keys, of_values = get_args(hint)
        return {
            _converted(key, of_keys, name): item if of_values is Any else _converted(key, of_values, item)
            for name, item in _checked(key, dict, value).items()
        }
    if is_dataclass(hint) and hint is not NumberRule:
        return row_as(hint, _checked(key, dict, value))  # type: ignore[arg-type] # a class
    if hint is NumberRule:
        return NumberRule.parse(_checked(key, str, value))
    if issubclass(hint, StrEnum):
        return hint(_checked(key, str, value))
    return _checked(key, hint, value)


def _checked(key: str, kind: type, value: Any) -> Any:
    """Return the value if it is of this kind. A whole number is a number, and true is none."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise RowError(f"{key}: {value!r} is no {kind.__name__}")
    if isinstance(value, int | float) and value < 0:
        raise RowError(f"{key}: {value!r} is negative")
    return value
