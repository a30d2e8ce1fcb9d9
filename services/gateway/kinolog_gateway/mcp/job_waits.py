"""Waits for the end of jobs: live, bounded per caller, and ended early when the gateway stops."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import TERMINAL
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.live.channels import Channel
from kinolog_gateway.live.outgoing_message import MessageKind, OutgoingMessage
from kinolog_gateway.live.send_queue import SendQueue
from kinolog_gateway.live.subscriber import ChannelSubscription, Subscriber
from kinolog_gateway.live.tenant_broadcast import TenantBroadcast
from kinolog_gateway.live.tenant_broadcasts import TenantBroadcasts
from kinolog_gateway.upstream import Upstream

MAX_WAITS_PER_TENANT = 16
MAX_WAITS = 512
"""Waits of all tenants together."""
RECHECK_SECONDS = 10.0
"""A job is read again at least so often: the live stream may be broken, and the key of the caller revoked."""
REPORT_SECONDS = 1.0
"""Shortest time between two reports of progress."""
STALLED_SECONDS = 30.0
"""A client that takes longer than this to read a report is not waited for."""

Report = Callable[[float, str], Awaitable[None]]
"""Reports the percent of a job, and a sentence about it."""


async def _send_nothing(_: str, __: OutgoingMessage) -> None:
    """Drop a message: a follower reads none."""


class JobFollower(Subscriber):
    """Takes the live updates of one job. It keeps only that something changed, and the newest progress."""

    def __init__(
        self, broadcast: TenantBroadcast, broadcasts: TenantBroadcasts, job_id: str, caller: HttpCaller
    ) -> None:
        super().__init__(broadcast, SendQueue(_send_nothing, broadcasts.counts), caller)
        channel = Channel("job", job_id)
        self.subscriptions[channel] = ChannelSubscription(channel)
        broadcast.add_subscriber(channel, self)
        self._changed = asyncio.Event()
        self._progress: OutgoingMessage | None = None
        self._is_committed = False

    def on_commit(self, message: OutgoingMessage) -> None:
        """Note that the job changed."""
        self._is_committed, self._progress = True, None
        self._changed.set()

    def on_latest(self, message: OutgoingMessage) -> None:
        """Note progress. Previews are dropped."""
        if message.kind is MessageKind.PROGRESS:
            self._progress = message
            self._changed.set()

    def send_error(self, reason: str, message: str, channel: Channel | None = None) -> None:
        """Drop an error of the stream: the job is read again from time to time."""

    def request_close(self, code: int, reason: str) -> None:
        """Read the job again: the api refuses this caller, or has another log."""
        self.wake()

    def wake(self) -> None:
        """End the current `change` as if the job changed."""
        self._is_committed = True
        self._changed.set()

    async def change(self, seconds: float) -> OutgoingMessage | None:
        """Wait for a change. Return the newest progress, or None if the job has to be read again."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return None
        if self._is_committed:
            self._is_committed = False
            if self._progress is None:
                self._changed.clear()
            return None
        progress, self._progress = self._progress, None
        self._changed.clear()
        return progress


class JobWaits:
    """The waits of this gateway."""

    def __init__(self, upstream: Upstream, broadcasts: TenantBroadcasts) -> None:
        self._upstream = upstream
        self._broadcasts = broadcasts
        self._by_tenant: Counter[str] = Counter()
        self.followers: set[JobFollower] = set()
        self.is_stopping = False
        """Whether the gateway stops: nothing waits any more."""

    def stop(self) -> None:
        """End all waits. The jobs go on."""
        self.is_stopping = True
        for follower in self.followers:
            follower.wake()

    def has_room(self, caller: HttpCaller) -> bool:
        """Return whether one more call of this caller may wait."""
        return (
            self._by_tenant[caller.tenant_key] < MAX_WAITS_PER_TENANT and self._by_tenant.total() < MAX_WAITS
        )

    async def wait(self, caller: HttpCaller, job_id: str, seconds: float, report: Report) -> pb.Job:
        """Wait until a job has ended, at most `seconds`. Return it as it is then. Raises grpc.aio.AioRpcError."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        reports = _ProgressReports(report, loop.time)
        with self._follower(caller, job_id) as follower:
            job = await self._upstream.job(job_id, caller)
            while job.status not in TERMINAL and not self.is_stopping and loop.time() < ends_at:
                is_read = await reports.send(job.percent, queue_sentence(job))
                if not is_read or not await _follow(follower, reports, ends_at):
                    break
                job = await self._upstream.job(job_id, caller)
        return job

    @contextmanager
    def _follower(self, caller: HttpCaller, job_id: str) -> Iterator[JobFollower]:
        """Follow the live updates of a job. What happens before the job is read is in it."""
        follower = JobFollower(self._broadcasts.for_caller(caller), self._broadcasts, job_id, caller)
        self.followers.add(follower)
        self._by_tenant[caller.tenant_key] += 1
        try:
            with self._broadcasts.connected(follower):
                yield follower
        finally:
            self._by_tenant[caller.tenant_key] -= 1
            if not self._by_tenant[caller.tenant_key]:
                del self._by_tenant[caller.tenant_key]
            self.followers.discard(follower)


async def _follow(follower: JobFollower, reports: _ProgressReports, ends_at: float) -> bool:
    """Report progress until the job has to be read again. Return False if the client does not read reports."""
    clock = asyncio.get_running_loop().time
    ends_at = min(ends_at, clock() + RECHECK_SECONDS)
    while (left := ends_at - clock()) > 0:
        progress = await follower.change(left)
        if progress is None:
            break
        data = json.loads(progress.text)["data"]
        if not await reports.send(data["percent"], progress_sentence(data)):
            return False
    return True


class _ProgressReports:
    """Reports of one wait: increasing, as the protocol demands, and not too many."""

    def __init__(self, report: Report, clock: Callable[[], float]) -> None:
        self._report = report
        self._clock = clock
        self._percent = -1.0
        self._not_before = 0.0

    async def send(self, percent: float, sentence: str) -> bool:
        """Report unless it is too early or no progress. Return False if the client does not read reports."""
        if percent <= self._percent or self._clock() < self._not_before:
            return True
        self._percent, self._not_before = percent, self._clock() + REPORT_SECONDS
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._report(percent, sentence)
        except TimeoutError:
            return False
        return True


def queue_sentence(job: pb.Job) -> str:
    """Return what a job that has not ended waits for."""
    if job.status != pb.STATUS_QUEUED:
        return "rendering"
    if not job.HasField("queue_position"):
        return "in the queue"
    return "next in the queue" if not job.queue_position else f"in the queue, {job.queue_position} before it"


def progress_sentence(data: dict[str, Any]) -> str:
    """Return the progress of a job, such as `denoise, scene 1 of 2, step 3 of 20, about 40 s left`."""
    parts = [str(data["stage"] or "rendering").replace("_", " ")]
    if (data["scenes"] or 0) > 1 and data["scene"] is not None:
        parts.append(f"scene {data['scene'] + 1} of {data['scenes']}")
    if data["steps"]:
        parts.append(f"step {data['step']} of {data['steps']}")
    if data["eta_seconds"] is not None:
        parts.append(f"about {data['eta_seconds']:.0f} s left")
    return ", ".join(parts)
