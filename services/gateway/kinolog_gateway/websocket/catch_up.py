"""Making a client's subscriptions whole: what it missed is read from the api, as fast as the client takes it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator

import grpc
from grpc.aio import AioRpcError

from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.websocket import outgoing_message
from kinolog_gateway.websocket.client import ChannelSubscription, WebSocketClient

log = logging.getLogger(__name__)

LINES_PER_CALL = 1_000
FIRST_LINES = 20
"""Log lines that a client gets which does not say where to begin."""
LONGEST_PAUSE_SECONDS = 2.0

_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class CatchUp:
    """Works through one client's subscriptions, one after the other."""

    def __init__(self, client: WebSocketClient) -> None:
        self._client = client
        self._hub = client.hub
        self._jobs = client.hub.upstream.jobs

    async def run(self) -> None:
        """Make subscriptions whole, for ever."""
        while True:
            subscription = await self._client.todo.get()
            if self._wanted(subscription):
                await self._make_whole(subscription)
            self._client.release(subscription)

    def _wanted(self, subscription: ChannelSubscription) -> bool:
        return self._client.subscriptions.get(subscription.channel) is subscription

    async def _make_whole(self, subscription: ChannelSubscription) -> None:
        """Read what is missing; wait for an api that is away, and give up what it refuses."""
        failures = 0
        while self._wanted(subscription):
            try:
                await self._read(subscription)
                return
            except AioRpcError as error:
                if error.code() not in _PASSING:
                    self._give_up(subscription, error)
                    return
                failures += 1
                log.info("catching up goes on later", extra=fields("catch_up", code=error.code().name))
            pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2**failures)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, keeps no secret

    def _give_up(self, subscription: ChannelSubscription, error: AioRpcError) -> None:
        self._client.unsubscribe(subscription.channel)
        problem = grpc_errors.from_call(error).problem
        self._client.say(problem.reason, problem.detail, subscription.channel)

    async def _read(self, subscription: ChannelSubscription) -> None:
        match subscription.channel.kind:
            case "logs":
                await self._read_lines(subscription)
            case "job":
                await self._read_job(subscription)
            case _:
                await self._read_jobs(subscription)

    async def _read_job(self, subscription: ChannelSubscription) -> None:
        """A job as it stands, or its commits up to that."""
        job_id = subscription.channel.job_id
        request = pb.GetJobRequest(job_id=job_id)
        job = (await self._hub.upstream.call(self._jobs.GetJob, request, self._hub.caller)).job
        if not self._client.holds(subscription):
            self._client.put(outgoing_message.commit(job.position, job, []))
            return
        if job.position <= subscription.floor:
            # Nothing was missed. What comes lies behind the job's last commit, whatever the client said.
            subscription.floor = job.position
            return
        if self._client.replay(subscription):
            return
        watch = pb.WatchJobRequest(job_id=job_id, after=subscription.floor)
        await self._send_until(self._updates(self._jobs.WatchJob, watch), subscription, job.position)

    async def _read_jobs(self, subscription: ChannelSubscription) -> None:
        """All commits up to where those begin that the client is kept back."""
        if self._client.replay(subscription):
            return
        watch = pb.WatchJobsRequest(after=subscription.floor, progress=True)
        await self._send_until(self._updates(self._jobs.WatchJobs, watch), subscription, None)

    async def _updates(self, method: object, request: object) -> AsyncIterator[pb.WatchJobsResponse]:
        call = method(request, metadata=self._hub.caller.metadata)  # type: ignore[operator]  # two streams, one shape
        self._hub.counts.upstream_streams += 1
        try:
            async for update in call:
                yield update
        finally:
            self._hub.counts.upstream_streams -= 1
            call.cancel()

    async def _send_until(
        self,
        updates: AsyncIterator[pb.WatchJobsResponse],
        subscription: ChannelSubscription,
        until: int | None,
    ) -> None:
        """Send commits until one reaches `until`, or the commits that are kept back for the client.

        Progress is not sent, but its position says that every commit up to there was.
        """
        try:
            async for update in updates:
                if not self._wanted(subscription):
                    return
                if update.WhichOneof("update") == "job":
                    await self._client.outbox.room()
                    self._client.deliver(
                        outgoing_message.commit(update.position, update.job, list(update.events))
                    )
                    subscription.floor = max(subscription.floor, update.position)
                if update.position >= (self._client.mark if until is None else until):
                    return
        finally:
            await updates.aclose()  # type: ignore[attr-defined]  # an async generator

    async def _read_lines(self, subscription: ChannelSubscription) -> None:
        """Log lines that were written before, then those that came meanwhile."""
        client, last_only = self._client, subscription.sequence < 0
        while True:
            request = pb.ListLogEntriesRequest(
                job_id=subscription.channel.job_id,
                page_size=FIRST_LINES if last_only else LINES_PER_CALL,
                after_sequence=max(0, subscription.sequence),
            )
            answer = await self._hub.upstream.call(self._jobs.ListLogEntries, request, self._hub.caller)
            for entry in answer.entries:
                await client.outbox.room()
                client.put_line(subscription, outgoing_message.log(client.position, entry))
            if last_only or len(answer.entries) < LINES_PER_CALL:
                break
        waiting, subscription.lines = subscription.lines or [], None
        for line in waiting:
            client.put_line(subscription, line)
