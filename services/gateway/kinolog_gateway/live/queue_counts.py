"""`queue_updated`: job counts by status, read only after a change and only for subscribers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from grpc.aio import AioRpcError

from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks, keep_running
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.live import outgoing_message
from kinolog_gateway.live.channels import QUEUE

if TYPE_CHECKING:
    from kinolog_gateway.live.subscriber import Subscriber
    from kinolog_gateway.live.tenant_broadcast import TenantBroadcast

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.5
"""The shortest time between two reads of the counts."""


class QueueCounts:
    """Reads the counts after a change and sends them to subscribers, at most twice a second."""

    def __init__(self, broadcast: TenantBroadcast) -> None:
        self._broadcast = broadcast
        self._counts: pb.SummarizeJobsResponse | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(
            keep_running("reading the job counts", self._run, INTERVAL_SECONDS), name="job counts"
        )

    async def close(self) -> None:
        """Stop reading."""
        await end_tasks((self._task,))

    def on_commit(self) -> None:
        """Read the counts again if there is a subscriber: a commit may have changed them."""
        if self._broadcast.subscribers(QUEUE):
            self._changed.set()
        else:
            self._counts = None

    def set_counts(self, counts: pb.SummarizeJobsResponse) -> None:
        """Take counts that were read for another purpose."""
        self._counts = counts

    def on_subscribe(self, client: Subscriber) -> None:
        """Send the counts to a client that just subscribed; read them first if they are unknown.

        While updates pause none are sent: to clients they mean that updates go on.
        """
        if self._counts is not None and not self._broadcast.paused:
            client.on_counts(outgoing_message.queue(self._broadcast.position, self._counts))
        else:
            self._changed.set()

    def on_stream_works(self) -> None:
        """Send the counts after a pause, changed or not, so that subscribers know that it has ended."""
        self.on_commit()
        self._counts = None

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._refresh()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _refresh(self) -> None:
        broadcast = self._broadcast
        request = pb.SummarizeJobsRequest(min_position=broadcast.log_end)
        # The key of a subscriber is checked while it is connected. That of the stream may have ended.
        caller = next((client.caller for client in broadcast.subscribers(QUEUE)), broadcast.caller)
        try:
            counts = await broadcast.upstream.call(broadcast.upstream.jobs.SummarizeJobs, request, caller)
        except AioRpcError as error:
            logger.warning(
                "the job counts could not be read", extra=fields("queue_counts", code=error.code().name)
            )
            self._changed.set()
            return
        if broadcast.paused:
            return  # they are read again at its end
        if self._counts is None or _numbers(counts) != _numbers(self._counts):
            message = outgoing_message.queue(broadcast.position, counts)
            for client in list(broadcast.subscribers(QUEUE)):
                client.on_counts(message)
        self._counts = counts


def _numbers(counts: pb.SummarizeJobsResponse) -> tuple[int, ...]:
    return counts.total, counts.queued, counts.processing, counts.completed, counts.failed, counts.cancelled
