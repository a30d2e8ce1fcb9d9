"""Copies fields that a message and a domain object share by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_NOT_PLAIN = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_ENUM)


def plain_fields(message: type[Message], source: object) -> dict[str, Any]:
    """Return the plain fields of a message for which `source` has an attribute of the same name, with its values.

    Plain are numbers, booleans, texts and bytes. Messages, enumerations and repeated fields need translation.
    """
    kinds = message, type(source)
    if kinds not in _readers:
        _readers[kinds] = _reader(*kinds)
    return _readers[kinds](source)


_Reader = Callable[[object], dict[str, Any]]
_readers: dict[tuple[type[Message], type], _Reader] = {}


def _reader(message: type[Message], kind: type) -> _Reader:
    own = {field.name for field in fields(kind)} if is_dataclass(kind) else set()
    names = [
        field.name
        for field in message.DESCRIPTOR.fields
        if field.type not in _NOT_PLAIN
        and not field.is_repeated
        and (field.name in own or hasattr(kind, field.name))
    ]
    values = attrgetter(*names)
    return lambda source: dict(zip(names, values(source), strict=True))
