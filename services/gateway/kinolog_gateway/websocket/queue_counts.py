"""`queue_updated`: the numbers of jobs by status, asked for only when something changed and somebody wants them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from grpc.aio import AioRpcError

from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.websocket import outgoing_message
from kinolog_gateway.websocket.channels import Channel

if TYPE_CHECKING:
    from kinolog_gateway.websocket.client import WebSocketClient
    from kinolog_gateway.websocket.hub import TenantBroadcast

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
"""The shortest time between two messages."""
CHANNEL = Channel("queue")


class QueueCounts:
    """Asks for the counts and hands them out, at most twice a second."""

    def __init__(self, hub: TenantBroadcast) -> None:
        self._hub = hub
        self._known: pb.SummarizeJobsResponse | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._keep_asking())

    def close(self) -> None:
        """Stop."""
        self._task.cancel()

    def changed(self) -> None:
        """A commit came: the counts may be others now."""
        if self._hub.subscribers(CHANNEL):
            self._changed.set()
        else:
            self._known = None

    def learn(self, counts: pb.SummarizeJobsResponse) -> None:
        """Take counts that were asked for anyway."""
        self._known = counts

    def welcome(self, client: WebSocketClient) -> None:
        """Tell a client that just subscribed."""
        if self._known is not None:
            client.offer_latest(outgoing_message.queue(self._known.position, self._known))
        else:
            self._changed.set()

    async def _keep_asking(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._ask()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self) -> None:
        hub = self._hub
        request = pb.SummarizeJobsRequest(min_position=hub.now)
        try:
            counts = await hub.upstream.call(hub.upstream.jobs.SummarizeJobs, request, hub.caller)
        except AioRpcError as error:
            log.warning("counts could not be read", extra=fields("queue_counts", code=error.code().name))
            self._changed.set()
            return
        if self._known is None or _numbers(counts) != _numbers(self._known):
            message = outgoing_message.queue(hub.now, counts)
            for client in list(hub.subscribers(CHANNEL)):
                client.offer_latest(message)
        self._known = counts


def _numbers(counts: pb.SummarizeJobsResponse) -> tuple[int, ...]:
    return counts.total, counts.queued, counts.processing, counts.completed, counts.failed, counts.cancelled
