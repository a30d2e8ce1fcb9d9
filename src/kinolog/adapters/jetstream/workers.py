"""The registry of workers in JetStream: a key-value bucket whose entries the server drops after half a minute."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.codec.workers import decode_report, encode_report
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.workers import WorkerReport

logger = logging.getLogger(__name__)

GONE = "DEL"
"""The mark that the bucket keeps, for as long as it keeps anything, in place of a worker that left."""


class JetStreamWorkerRegistry:
    """Reports in the bucket `kinolog-workers`, one message per worker. `close` it before its connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.WORKERS_STREAM)

    async def report(self, worker: WorkerReport) -> None:
        await self._put(worker.name, encode_report(worker), {})

    async def deregister(self, name: str) -> None:
        await self._put(name, b"", {"KV-Operation": GONE})

    async def present_workers(self) -> Sequence[WorkerReport]:
        reports: dict[str, WorkerReport] = {}
        position, more = 0, True
        while more:
            batch = await self._reader.after(position)
            for stored in batch.messages:
                position = stored.position
                reports.pop(stored.subject, None)
                if stored.mark:
                    continue
                try:
                    reports[stored.subject] = decode_report(stored.data)
                except DecodeError:
                    logger.error("the message at %s cannot be read as a worker's report", stored.subject)
            more = batch.more
        return sorted(reports.values(), key=lambda report: report.name)

    async def close(self) -> None:
        """Give up the inbox for answers."""
        await self._reader.close()

    async def _put(self, name: str, data: bytes, headers: dict[str, str]) -> None:
        """Send one message; a report that gets lost is followed by the next one."""
        try:
            await self._client.publish(subjects.worker(name), data, headers=headers or None)
        except NO_ANSWER as error:
            raise LogUnavailable(f"reporting {name}: {str(error) or type(error).__name__}") from error
