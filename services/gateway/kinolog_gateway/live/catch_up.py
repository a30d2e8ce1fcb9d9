"""Catching up: reads what a client missed from the api, as fast as the client reads it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any

import grpc
from grpc.aio import AioRpcError

from kinolog.process.logs import fields
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.live import outgoing_message
from kinolog_gateway.live.stream_silence import (
    HEARTBEAT_SECONDS,
    SILENCE_SECONDS,
    SilentStream,
    unless_silent,
)
from kinolog_gateway.live.subscriber import ChannelSubscription, Subscriber
from kinolog_gateway.upstream import retry_pause_seconds

logger = logging.getLogger(__name__)

LINES_PER_CALL = 1_000
FIRST_LINES = 20
"""Log lines that a client receives first if it gives no `after`."""

PREVIEW_SECONDS = 5.0
"""How long a client's next channel waits for the preview of a job."""

_TRANSIENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class CatchUp:
    """Brings one client's subscriptions up to date, one after the other."""

    def __init__(self, client: Subscriber) -> None:
        self._client = client
        self._broadcast = client.broadcast
        self._jobs = client.broadcast.upstream.jobs

    async def run(self) -> None:
        """Bring subscriptions up to date until cancelled."""
        while True:
            subscription = await self._client.catch_up_queue.get()
            if self._is_active(subscription):
                await self._catch_up(subscription)
            self._client.release(subscription)
            if subscription.runs and self._is_active(subscription):
                await self._send_preview(subscription.channel.job_id)

    async def _send_preview(self, job_id: str) -> None:
        """Send the newest preview of a running job: the next one may be minutes away. Without an answer send none."""
        previews, read = self._broadcast.previews, None
        if job_id not in previews:
            watch = pb.WatchJobRequest(job_id=job_id, previews=True)
            call = self._jobs.WatchJob(watch, metadata=self._client.caller.metadata, timeout=PREVIEW_SECONDS)
            try:
                first = await call.read()
                if isinstance(first, pb.WatchJobResponse) and first.HasField("last_preview"):
                    read = first.last_preview
            except AioRpcError as error:
                logger.info("a preview is not read", extra=fields("preview", code=error.code().name))
            finally:
                call.cancel()
        # One that came meanwhile is newer.
        newest = previews.get(job_id, read)
        if newest is not None:
            self._client.on_latest(outgoing_message.preview(self._client.position, newest))

    def _is_active(self, subscription: ChannelSubscription) -> bool:
        return self._client.subscriptions.get(subscription.channel) is subscription

    async def _catch_up(self, subscription: ChannelSubscription) -> None:
        """Read what is missing. Retry while the api does not answer; end the subscription if the api refuses it."""
        failures = 0
        while self._is_active(subscription):
            try:
                await self._read(subscription)
                return
            except AioRpcError as error:
                if error.code() not in _TRANSIENT:
                    self._reject(subscription, error)
                    return
                failures += 1
                logger.info("catching up is retried", extra=fields("catch_up", code=error.code().name))
            except SilentStream:
                failures += 1
                logger.warning("catching up is retried", extra=fields("catch_up", code="SILENT"))
            await asyncio.sleep(retry_pause_seconds(failures))

    def _reject(self, subscription: ChannelSubscription, error: AioRpcError) -> None:
        self._client.unsubscribe(subscription.channel)
        problem = grpc_errors.from_call(error).problem
        self._client.send_error(problem.reason, problem.detail, subscription.channel)

    async def _read(self, subscription: ChannelSubscription) -> None:
        match subscription.channel.kind:
            case "logs":
                await self._read_lines(subscription)
            case "job":
                await self._read_job(subscription)
            case _:
                await self._read_jobs(subscription)

    async def _get_job(self, subscription: ChannelSubscription) -> job_pb2.Job:
        return await self._broadcast.upstream.job(subscription.channel.job_id, self._client.caller)

    async def _read_job(self, subscription: ChannelSubscription) -> None:
        """Send a job's current state or, for a client that resumes, its missed commits."""
        client, job = self._client, await self._get_job(subscription)
        subscription.runs = job.status == job_pb2.STATUS_PROCESSING
        if not client.is_holding(subscription):
            if self._broadcast.will_publish(job.position):
                # Sent now, it would overtake commits of other jobs, and a client that resumes would miss those.
                subscription.floor = job.position - 1
            else:
                client.send_commit(outgoing_message.commit(job.position, job, []))
        elif job.position <= subscription.floor:
            # Nothing was missed. Whatever the client's `after`, the next commit comes after the job's last one.
            subscription.floor = job.position
        elif _reaches(subscription.floor, client.held_after) or client.replay(subscription):
            return
        elif await self._is_any_behind(s for s in client.catching_up() if s is not subscription):
            await self._read_jobs(subscription)
        else:
            watch = pb.WatchJobRequest(
                job_id=job.id, after=subscription.floor, heartbeat_seconds=HEARTBEAT_SECONDS
            )
            updates = self._updates(self._jobs.WatchJob, watch)
            await self._send_commits(updates, subscription, [subscription], job.position)

    async def _is_any_behind(self, subscriptions: Iterable[ChannelSubscription]) -> bool:
        """Return whether one of these subscriptions has missed a commit, as far as the api knows its job."""
        for subscription in subscriptions:
            if subscription.channel.kind == "jobs":
                return True
            try:
                if (await self._get_job(subscription)).position > subscription.floor:
                    return True
            except AioRpcError as error:
                if error.code() in _TRANSIENT:
                    raise
        return False

    async def _read_jobs(self, subscription: ChannelSubscription) -> None:
        """Send what all subscriptions missed, in the order of the log, up to the commits that are held back.

        Each subscription by itself would send greater positions before smaller ones. A client that resumes after the
        greatest one would then miss the rest.
        """
        client = self._client
        group = client.catching_up()
        if subscription not in group:
            group = [subscription]  # its floor is ahead of the log, which the api refuses
        elif _reaches(subscription.floor, client.held_after) or client.replay(subscription):
            return
        watch = pb.WatchJobsRequest(
            after=min(s.floor for s in group), progress=True, heartbeat_seconds=HEARTBEAT_SECONDS
        )
        await self._send_commits(self._updates(self._jobs.WatchJobs, watch), subscription, group, None)

    async def _updates(
        self, method: Callable[..., Any], request: object
    ) -> AsyncGenerator[pb.WatchJobsResponse, None]:
        call = method(request, metadata=self._client.caller.metadata)
        self._broadcast.counts.upstream_streams += 1
        received = unless_silent(call, SILENCE_SECONDS, lambda: self._broadcast.api_sends_heartbeats)
        try:
            async with aclosing(received) as updates:
                async for update in updates:
                    yield update
        finally:
            self._broadcast.counts.upstream_streams -= 1
            call.cancel()

    async def _send_commits(
        self,
        updates: AsyncGenerator[pb.WatchJobsResponse, None],
        subscription: ChannelSubscription,
        group: list[ChannelSubscription],
        last: int | None,
    ) -> None:
        """Send commits to a group up to position `last`, if given, and at most up to those that are held back.

        Progress is not sent, but its position proves that every commit up to it was read.
        """
        client = self._client
        try:
            async for update in updates:
                if not self._is_active(subscription):
                    return
                is_held = client.held_after is not None and update.position > client.held_after
                if update.WhichOneof("update") == "job" and not is_held:
                    await client.send_queue.wait_for_room()
                    client.send_if_wanted(
                        outgoing_message.commit(update.position, update.job, list(update.events))
                    )
                if not is_held:
                    _raise_floors(group, update.position)
                if _reaches(update.position, client.held_after) or _reaches(update.position, last):
                    return
        finally:
            await updates.aclose()

    async def _read_lines(self, subscription: ChannelSubscription) -> None:
        """Send the log lines that are stored, then those that arrived meanwhile."""
        client, last_only = self._client, subscription.sequence < 0
        while True:
            request = pb.ListLogEntriesRequest(
                job_id=subscription.channel.job_id,
                page_size=FIRST_LINES if last_only else LINES_PER_CALL,
                after_sequence=max(0, subscription.sequence),
            )
            call = self._broadcast.upstream.call
            page = await call(self._jobs.ListLogEntries, request, self._client.caller)
            position = client.position
            for entry in page.entries:
                await client.send_queue.wait_for_room()
                client.send_line(subscription, outgoing_message.log_line(position, entry))
            if last_only or len(page.entries) < LINES_PER_CALL:
                break
        pending, subscription.pending_lines = subscription.pending_lines or [], None
        for line in pending:
            client.send_line(subscription, line)


def _reaches(position: int, limit: int | None) -> bool:
    return limit is not None and position >= limit


def _raise_floors(subscriptions: Iterable[ChannelSubscription], position: int) -> None:
    for subscription in subscriptions:
        subscription.floor = max(subscription.floor, position)
