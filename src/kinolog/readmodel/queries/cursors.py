"""Cursors: the position where a page ended, and its list. Opaque to clients, and invalid in other lists."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from kinolog.ports.read_model import InvalidCursor, JobFilter, SortField, SortOrder
from kinolog.readmodel.priority_order import PRIORITY_ORDERS

_BIGINT_END = 1 << 63
_TIMES = (SortField.CREATED_AT, SortField.UPDATED_AT)


@dataclass(frozen=True, slots=True)
class CursorPosition:
    """A position in a list: the value that it is ordered by, and the job's number."""

    value: Any
    number: int


def write_cursor(tenant: str, job_filter: JobFilter, order: SortOrder, after: CursorPosition) -> str:
    """Return the cursor of the page that begins after a position."""
    value = after.value.isoformat() if order.field in _TIMES else after.value
    text = json.dumps([_list_id(tenant, job_filter, order), value, after.number], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(tenant: str, job_filter: JobFilter, order: SortOrder, cursor: str) -> CursorPosition:
    """Return the position in a cursor. Raises `InvalidCursor`."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        list_id, value, number = json.loads(text)
        if order.field in _TIMES:
            value = datetime.fromisoformat(value)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise InvalidCursor("the cursor is damaged; begin with the first page") from error
    if list_id != _list_id(tenant, job_filter, order):
        raise InvalidCursor("the cursor belongs to another list; keep filter and order as they were")
    if not _is_number(number, _BIGINT_END) or not _is_value(order.field, value):
        raise InvalidCursor("the cursor is damaged; begin with the first page")
    return CursorPosition(value, number)


def _is_number(value: object, end: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < end


def _is_value(field: SortField, value: object) -> bool:
    """Return whether the column that the list is ordered by can hold a value."""
    if field in _TIMES:
        return isinstance(value, datetime) and value.tzinfo is not None
    if field is SortField.PRIORITY:
        return _is_number(value, len(PRIORITY_ORDERS))
    # The comparison is false for what is no number, too.
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and -_BIGINT_END < value < _BIGINT_END
    )


def _list_id(tenant: str, job_filter: JobFilter, order: SortOrder) -> str:
    """Return what names a list. Jobs that may start are one list, whatever the time of the page."""
    fixed = asdict(job_filter) | {"startable_at": job_filter.startable_at is not None}
    facts = json.dumps([tenant, fixed, asdict(order)], default=str, sort_keys=True)
    return sha256(facts.encode()).hexdigest()[:16]
