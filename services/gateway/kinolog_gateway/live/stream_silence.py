"""The silence of a stream from the api: one that brings not even a heartbeat is cancelled.

A frozen api keeps its connections open, so neither TCP nor gRPC tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Protocol

from kinolog.v1 import job_service_pb2 as pb

HEARTBEAT_SECONDS = 5
"""How often the api sends something, if only a heartbeat."""
SILENCE_SECONDS = 15.0
"""A stream that brings nothing for this long is broken, whatever the connection says."""
CHECKS = 4
"""Checks within the limit. No timer is moved for each message: thousands may arrive in a second."""


class SilentStream(Exception):
    """A stream brought nothing for too long."""


class UpdateStream(Protocol):
    """A call that brings updates and can be cancelled."""

    def __aiter__(self) -> AsyncIterator[pb.WatchJobsResponse]:
        """Yield the updates."""

    def cancel(self) -> bool:
        """End the call."""


async def unless_silent(
    call: UpdateStream, limit_seconds: float, is_heartbeat_due: Callable[[], bool]
) -> AsyncGenerator[pb.WatchJobsResponse, None]:
    """Yield what a call brings. Raises `SilentStream` after `limit_seconds` without anything, if heartbeats are due.

    An api of an older version sends none, and may be silent for long.
    """
    silence = StreamSilence(call, limit_seconds, is_heartbeat_due)
    try:
        async for update in call:
            silence.end()
            yield update
    except asyncio.CancelledError:
        if not silence.too_long:
            raise
        raise SilentStream from None
    finally:
        silence.close()


class StreamSilence:
    """Cancels `call` after `limit_seconds` without a message."""

    def __init__(
        self, call: UpdateStream, limit_seconds: float, is_heartbeat_due: Callable[[], bool]
    ) -> None:
        self.too_long = False
        """Whether the call was cancelled."""
        self._call = call
        self._is_heartbeat_due = is_heartbeat_due
        self._pause = limit_seconds / CHECKS
        self._silent_checks = 0
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._pause, self._check)

    def end(self) -> None:
        """Note that a message came."""
        self._silent_checks = 0

    def close(self) -> None:
        """Stop to check."""
        self._timer.cancel()

    def _check(self) -> None:
        """Count checks, not seconds: a gateway that was suspended itself blames no stream."""
        self._silent_checks += 1
        if self._silent_checks > CHECKS and self._is_heartbeat_due():
            self.too_long = True
            self._call.cancel()
        else:
            self._timer = self._loop.call_later(self._pause, self._check)
