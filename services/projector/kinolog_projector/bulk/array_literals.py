"""Writes columns of values as Postgres array literals.

psycopg takes up to 5 µs per element of a list, a datetime for example. A literal made here takes a tenth of that, and
a whole column is one parameter of `unnest`. NUL characters, which Postgres cannot store, are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from kinolog.readmodel.queries.statements import DIALECT

_PLAIN = re.compile(r"[A-Za-z0-9_:./-]+")
_NULL = "null"

Encoder = Callable[[Any], str]


def text_element(value: str) -> str:
    """Return a text as an element of an array literal."""
    if (value.isalnum() or _PLAIN.fullmatch(value)) and value.lower() != _NULL:
        return value
    if "\0" in value:
        value = value.replace("\0", "")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def json_element(value: Mapping[str, object] | list[object]) -> str:
    """Return a JSON value as an element of an array literal."""
    return text_element(json_text(value))


def json_text(value: Mapping[str, object] | list[object]) -> str:
    """Return a JSON value as text without NUL; equal values give equal texts."""
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    text = _encode_json(value)
    return _encode_json(_without_nul(value)) if "\\u0000" in text else text


_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def _without_nul(value: object) -> object:
    match value:
        case str():
            return value.replace("\0", "")
        case Mapping():
            return {_without_nul(name): _without_nul(inner) for name, inner in value.items()}
        case list():
            return list(map(_without_nul, value))
        case _:
            return value


def bytes_element(value: bytes) -> str:
    """Return bytes as an element of an array literal."""
    return f'"\\\\x{value.hex()}"'


def numbers_element(value: Iterable[int]) -> str:
    """Return an array of numbers as an element of an array literal of texts."""
    return '"{' + ",".join(map(str, value)) + '}"'


def _time_element(value: datetime) -> str:
    return value.isoformat()


def _bool_element(value: bool) -> str:
    return "t" if value else "f"


def _encoder(column: Column[Any]) -> Encoder:
    match column.type:
        case JSONB():
            return json_element
        case ARRAY():
            return numbers_element
        case TIMESTAMP():
            return _time_element
        case Boolean():
            return _bool_element
        case LargeBinary():
            return bytes_element
        case Text():
            return text_element
        case _:
            return repr


class ArrayColumn:
    """Encodes one column of a table: as a parameter with the type `cast`, each value with the cast `value_cast`.

    `unnest` flattens arrays of arrays completely, so those are sent as texts.
    """

    def __init__(self, column: Column[Any]) -> None:
        self.name = column.name
        self._encode = _encoder(column)
        self._nullable = bool(column.nullable)
        kind = column.type
        own = Text() if isinstance(kind, Text) else kind
        nested = isinstance(kind, ARRAY)
        self.value_cast = f"::{own.compile(dialect=DIALECT)}" if nested else ""
        self.cast = "TEXT[]" if nested else f"{own.compile(dialect=DIALECT)}[]"

    def literal(self, values: Iterable[Any]) -> str:
        """Return the values as one array literal."""
        encode = self._encode
        if self._nullable:
            return "{" + ",".join(["NULL" if v is None else encode(v) for v in values]) + "}"
        return "{" + ",".join(map(encode, values)) + "}"
