"""Looks whether the key of a job is stored while the worker still reads the job: the answer crosses two processes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self

from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.keys import JobKeys
from kinolog.process.tasks import end_tasks

FRESH_SECONDS = 1.0
"""How long an answer counts. A job may wait for its device, and its key is looked for again after that."""


class EarlyKeyLook:
    """Asks for the key of one job when it is entered, and again if that did not find it.

    A key that is deleted meanwhile does no harm: its job has ended before, so that no attempt at it can start.
    """

    def __init__(self, keys: JobKeys, job_id: str) -> None:
        self._keys = keys
        self._job_id = job_id

    async def __aenter__(self) -> Self:
        self._asked_at = monotonic()
        self._asking = asyncio.create_task(self._keys.is_stored(self._job_id))
        return self

    async def is_stored(self) -> bool:
        """Return whether the key is stored. Raises `LogUnavailable`."""
        if monotonic() - self._asked_at <= FRESH_SECONDS:
            with suppress(LogUnavailable):
                if await self._asking:
                    return True
        return await self._keys.is_stored(self._job_id)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_tasks((self._asking,))
