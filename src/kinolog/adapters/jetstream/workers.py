"""The registry of workers in JetStream: a key-value bucket whose entries expire after half a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from google.protobuf.message import DecodeError
from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, log_unavailable
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.codec.workers import decode_report, encode_report
from kinolog.ports.workers import PRESENT_SECONDS, WorkerReport

logger = logging.getLogger(__name__)

DELETED = "DEL"
"""`KV-Operation` of the message that takes the place of a deregistered worker until it expires."""


class JetStreamWorkerRegistry:
    """Reports in the bucket `kinolog-workers`, one message per worker. `close` it before its connection."""

    def __init__(self, client: Client, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.WORKERS_STREAM)
        self._now = now
        self._first_read: dict[str, tuple[int, float]] = {}
        """When the last report of each worker was first read, on the monotonic clock, with its position."""

    async def report(self, worker: WorkerReport) -> None:
        await self._put(worker.name, encode_report(worker), {})

    async def deregister(self, name: str) -> None:
        await self._put(name, b"", {"KV-Operation": DELETED})

    async def is_deregistered(self, name: str) -> bool:
        last = await self._reader.last(subjects.worker(name))
        return last is not None and bool(last.kv_operation)

    async def present_workers(self) -> Sequence[WorkerReport]:
        reports: dict[str, WorkerReport] = {}
        positions: dict[str, int] = {}
        async for stored in self._reader.all_messages():
            reports.pop(stored.subject, None)
            positions[stored.subject] = stored.position
            if stored.kv_operation:
                continue
            try:
                reports[stored.subject] = decode_report(stored.data)
            except DecodeError:
                logger.error("the message at %s is not a worker's report", stored.subject)
        present = [
            report for subject, report in reports.items() if self._is_fresh(subject, positions[subject])
        ]
        self._first_read = {name: read for name, read in self._first_read.items() if name in positions}
        return sorted(present, key=lambda report: report.name)

    def _is_fresh(self, subject: str, position: int) -> bool:
        """Return whether a report is not known for too long.

        The server removes old reports by its wall clock: when that is set back, they stay for as long as it was ahead.
        """
        known, read_at = self._first_read.get(subject, (0, 0.0))
        if known != position:
            self._first_read[subject] = (position, self._now())
            return True
        return self._now() - read_at < PRESENT_SECONDS

    async def close(self) -> None:
        """Close the inbox."""
        await self._reader.close()

    async def _put(self, name: str, data: bytes, headers: dict[str, str]) -> None:
        """Publish one message without an acknowledgement: the next report follows soon."""
        try:
            await self._client.publish(subjects.worker(name), data, headers=headers or None)
        except NO_ANSWER as error:
            raise log_unavailable(f"reporting {name}", error) from error
