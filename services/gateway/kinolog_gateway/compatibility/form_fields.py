"""Fields of forms as values: brackets in names, and JSON in texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from kinolog_gateway.http.problems import invalid

MAX_FIELDS = 400
"""Fields of a form."""
MAX_DEPTH = 4
"""Brackets after the name of a field."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")


def form_values(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the values of a form: `a[k]=1` is an object, `a[]=1` a list, `a[][k]=1` a list of objects.

    Raises `HttpProblemError` for a name with other brackets, and for lists of objects that cannot be told apart.
    """
    values: dict[str, Any] = {}
    for count, (name, text) in enumerate(fields, 1):
        if count > MAX_FIELDS:
            raise invalid("body", f"must have at most {MAX_FIELDS} fields")
        found = _NAME.fullmatch(name)
        steps = _BRACKET.findall(found[2]) if found else []
        if found is None or len(steps) > MAX_DEPTH:
            raise invalid(name[:64], "is no name of a field, such as seed, tags[] or meta[key]")
        _set(values, [found[1], *steps], text, name)
    return {name: _as_lists(value, name) for name, value in values.items()}


class _ListedObjects(dict[str, list[Any]]):
    """The objects of a list by key: the values that each key has, in order."""


def _set(values: dict[str, Any], steps: list[str], text: str, name: str) -> None:
    step, *rest = steps
    if not rest:
        values[step] = text
        return
    if rest[0] != "":
        inner = values.setdefault(step, {})
        if not isinstance(inner, dict) or isinstance(inner, _ListedObjects):
            raise _mixed(name)
        _set(inner, rest, text, name)
    elif len(rest) == 1:
        listed = values.setdefault(step, [])
        if not isinstance(listed, list):
            raise _mixed(name)
        listed.append(text)
    elif len(rest) == 2 and rest[1] != "":
        objects = values.setdefault(step, _ListedObjects())
        if not isinstance(objects, _ListedObjects):
            raise _mixed(name)
        objects.setdefault(rest[1], []).append(text)
    else:
        raise invalid(name[:64], "is nested too deeply; send the value as JSON")


def _as_lists(value: Any, name: str) -> Any:
    """Return objects whose keys are 0, 1 and so on as lists, and the objects of lists one after the other."""
    if isinstance(value, _ListedObjects):
        if len({len(each) for each in value.values()}) > 1:
            raise invalid(
                name, "has objects of which some lack a key, so they cannot be told apart; send it as JSON"
            )
        return [dict(zip(value, each, strict=True)) for each in zip(*value.values(), strict=True)]
    if not isinstance(value, dict):
        return value
    inner = {key: _as_lists(each, name) for key, each in value.items()}
    if list(inner) == [str(index) for index in range(len(inner))]:
        return list(inner.values())
    return inner


def _mixed(name: str) -> Exception:
    return invalid(name[:64], "is given as a value and as an object; give one of them")


def from_json(value: Any) -> Any:
    """Return the value of a text that is JSON, and others as they are. Texts within stay texts."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
