"""Columns of values as Postgres array literals.

psycopg spends up to 5 µs per element on a list (a datetime, say); a literal made here costs a tenth of it, and a
whole column travels as one parameter of `unnest`. Characters that Postgres cannot store (NUL) are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, dialect

_PLAIN = re.compile(r"[A-Za-z0-9_:./-]+")
_WORD_NULL = "null"

_DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one untyped

Encoder = Callable[[Any], str]


def text_element(value: str) -> str:
    """A text as an element of an array literal."""
    if (value.isalnum() or _PLAIN.fullmatch(value)) and value.lower() != _WORD_NULL:
        return value
    if "\0" in value:
        value = value.replace("\0", "")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def json_element(value: Mapping[str, object] | list[object]) -> str:
    """A JSON value as an element of an array literal."""
    return text_element(written_json(value))


def written_json(value: Mapping[str, object] | list[object]) -> str:
    """A JSON value as text, without NUL; equal values are written alike."""
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    written = _write_json(value)
    return _write_json(_without_nul(value)) if "\\u0000" in written else written


_write_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


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
    """Bytes as an element of an array literal."""
    return f'"\\\\x{value.hex()}"'


def numbers_element(value: Iterable[int]) -> str:
    """An array of numbers as an element of an array literal of texts."""
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
    """How one column of a table travels: its encoder, the cast of its parameter, and that of each value in it.

    `unnest` takes arrays of arrays apart to the last number, so those travel as texts.
    """

    def __init__(self, column: Column[Any]) -> None:
        self.name = column.name
        self._encode = _encoder(column)
        self._nullable = bool(column.nullable)
        kind = column.type
        own = Text() if isinstance(kind, Text) else kind
        nested = isinstance(kind, ARRAY)
        self.value_cast = f"::{own.compile(dialect=_DIALECT)}" if nested else ""
        self.cast = "TEXT[]" if nested else f"{own.compile(dialect=_DIALECT)}[]"

    def literal(self, values: Iterable[Any]) -> str:
        """The values as one array literal."""
        encode = self._encode
        if self._nullable:
            return "{" + ",".join(["NULL" if v is None else encode(v) for v in values]) + "}"
        return "{" + ",".join(map(encode, values)) + "}"
