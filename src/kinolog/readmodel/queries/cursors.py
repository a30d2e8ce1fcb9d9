"""Cursors: where a page ended, and of which list. Opaque to clients, and of no use to another list."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from kinolog.ports.read_model import InvalidCursor, JobFilter, SortField, SortOrder

_TIMES = (SortField.CREATED_AT, SortField.UPDATED_AT)


@dataclass(frozen=True, slots=True)
class CursorPosition:
    """A place in a list: the value that it is ordered by, and the job's number."""

    value: Any
    number: int


def write_cursor(tenant: str, wanted: JobFilter, order: SortOrder, mark: CursorPosition) -> str:
    """The cursor of the page that begins behind `mark`."""
    value = mark.value.isoformat() if order.field in _TIMES else mark.value
    text = json.dumps([_list_name(tenant, wanted, order), value, mark.number], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(tenant: str, wanted: JobFilter, order: SortOrder, cursor: str) -> CursorPosition:
    """The mark in a cursor. Raises `InvalidCursor`."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        name, value, number = json.loads(text)
        if order.field in _TIMES:
            value = datetime.fromisoformat(value)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidCursor("the cursor is damaged; begin with the first page") from error
    if name != _list_name(tenant, wanted, order):
        raise InvalidCursor("the cursor belongs to another list; keep filter and order as they were")
    well_formed = isinstance(number, int) and 0 <= number < 1 << 63
    if not well_formed or not isinstance(value, datetime | int | float) or isinstance(value, bool):
        raise InvalidCursor("the cursor is damaged; begin with the first page")
    return CursorPosition(value, number)


def _list_name(tenant: str, wanted: JobFilter, order: SortOrder) -> str:
    facts = json.dumps([tenant, asdict(wanted), asdict(order)], default=str, sort_keys=True)
    return sha256(facts.encode()).hexdigest()[:16]
