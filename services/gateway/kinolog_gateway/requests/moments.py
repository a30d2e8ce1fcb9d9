"""A moment of the log in a query: a position or a time."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.requests.filters import to_timestamp
from kinolog_gateway.requests.value_types import Rfc3339Time

_time_adapter: TypeAdapter[datetime] = TypeAdapter(Rfc3339Time)


def fill_moment(request: audit.GetHistoryRequest | audit.GetQueueAtRequest, as_of: str | None) -> None:
    """Set the moment of a request. Raises `HttpProblemError` for a text that is neither a position nor a time."""
    if as_of is not None and as_of.isdecimal() and as_of.isascii():
        if int(as_of) >= 2**63:
            raise invalid("as_of", "must be a position of the log, or a time")
        request.position = int(as_of)
    elif as_of is not None:
        try:
            time = to_timestamp(_time_adapter.validate_python(as_of))
        except ValidationError:
            raise invalid("as_of", "must be a position, or a time such as 2026-11-22T15:00:00Z") from None
        request.time.CopyFrom(time)
