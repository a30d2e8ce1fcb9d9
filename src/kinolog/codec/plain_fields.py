"""Fields of messages: those that a domain object shares by name, and all of them as JSON values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.v1 import event_pb2 as events

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


def json_values(message: Message) -> dict[str, Any]:
    """Return a message as JSON values: enums as names, bytes in hexadecimal, without sealed texts.

    Zeros are included; empty texts, lists and messages are omitted. Times are `datetime`.
    """
    values: dict[str, Any] = {}
    for field in _json_fields(message.DESCRIPTOR):
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if field.may_be_empty and not value:
            continue
        convert = field.convert
        if field.is_repeated:
            values[field.name] = [*value] if convert is None else [convert(item) for item in value]
        else:
            values[field.name] = value if convert is None else convert(value)
    return values


@dataclass(frozen=True, slots=True)
class _JsonField:
    """A field as JSON. `convert` makes the JSON value; None for a value that is one already."""

    name: str
    has_presence: bool
    is_repeated: bool
    may_be_empty: bool
    convert: Callable[[Any], Any] | None


@cache
def _json_fields(message: Descriptor) -> tuple[_JsonField, ...]:
    """Return the fields of a message that are not sealed."""
    return tuple(
        _json_field(field)
        for field in message.fields
        if field.message_type is None or field.message_type.full_name != events.Sealed.DESCRIPTOR.full_name
    )


def _json_field(field: FieldDescriptor) -> _JsonField:
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    is_text = field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    return _JsonField(
        name=field.name,
        has_presence=field.has_presence,
        is_repeated=field.is_repeated and not is_map,
        may_be_empty=field.is_repeated or is_text,
        convert=dict if is_map else _json_conversion(field),
    )


def _json_conversion(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    """Return how a value of a field becomes JSON; None if it is taken as it is."""
    if field.message_type is not None:
        if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
            return _utc
        return json_values
    if field.enum_type is not None:
        prefix = field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
        names = {
            number: known.name.removeprefix(prefix).lower()
            for number, known in field.enum_type.values_by_number.items()
        }
        return lambda number: names.get(number, number)
    return bytes.hex if field.type == FieldDescriptor.TYPE_BYTES else None


def _utc(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
