"""Events of an export as typed objects: the fields of JSON values, by the types that their class states."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from kinolog_client.replay.job_events import EVENT_TYPES, JobEvent, UnknownJobEvent

T = TypeVar("T")

TYPE_PREFIX = "kinolog.job."
"""How the types of events in an export begin."""

_Convert = Callable[[Any], Any]


def event_of(name: str, at: datetime, data: Mapping[str, Any]) -> JobEvent:
    """Return an event of the log. Raises ValueError or TypeError for fields that are none of such an event."""
    texts = data.get("texts", {})
    kind = EVENT_TYPES.get(name)
    if kind is None:
        return UnknownJobEvent(at=at, texts=texts, name=name, data=data)
    return kind(at=at, texts=texts, **_values(kind, data))


def names_of(events: Collection[type[JobEvent]]) -> frozenset[str]:
    """Return the names in the log of classes of events."""
    return frozenset(event.type for event in events)


@cache
def _converters(kind: type) -> dict[str, _Convert | None]:
    """Return how each field of a class is made of a JSON value; None for one that is taken as it is."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.name not in ("at", "texts")]
    return {name: _converter(hints[name]) for name in names}


def _values(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: data[name] if convert is None else convert(data[name])
        for name, convert in _converters(kind).items()
        if name in data
    }


def _converter(hint: Any) -> _Convert | None:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    if hint is datetime:
        return _time
    if get_origin(hint) is tuple:
        inner = _converter(get_args(hint)[0])
        return tuple if inner is None else lambda value: tuple(map(inner, value))
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value: hint(**_values(hint, value))
    return float if hint is float else None


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
