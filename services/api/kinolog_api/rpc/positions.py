"""Positions in requests, checked against the end of the log."""

from __future__ import annotations

from grpc import StatusCode

from kinolog.ports.event_store import EventStore
from kinolog_api.rpc.errors import RpcError

MAX_POSITION = 2**63 - 1
"""Greatest position or sequence that the database can store."""


async def require_position_in_log(store: EventStore, position: int, field: str) -> int:
    """Return the last position of the log. Raises OUT_OF_RANGE if the log has not reached `position`."""
    last = await store.last_position()
    if position > last:
        message = f"{field}: {position} is not in the log, which ends at {last}"
        raise RpcError(
            StatusCode.OUT_OF_RANGE, "POSITION_AHEAD", message, metadata={"last_position": str(last)}
        )
    return last
