"""Watched jobs while the gateway and the api are killed: `python -m tests.chaos.watched_jobs 200` prints a report.

Over server-sent events, WebSocket and gRPC one client each watches all jobs, and resumes after its last position when
its connection ends. At the end each must have received every commit of the log once, in order.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import grpc
import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from kinolog.v1 import audit_service_pb2, audit_service_pb2_grpc, job_service_pb2_grpc
from kinolog.v1 import job_service_pb2 as pb
from kinolog_stack.stack import Stack
from tests.fixtures.servers import temporary_folder
from tests.fixtures.waits import WAIT_SECONDS, until_true
from tests.fixtures.whole_stack import whole_stack

MODEL = "card"
RETRY_SECONDS = 0.2
KILLS = ("gateway", "api", "gateway", "api")
_TERMINAL = {"job_completed", "job_failed", "job_cancelled"}

Watch = Callable[[int], AsyncIterator[tuple[int, bool]]]
"""Yields position and whether the job has ended, of each commit after a position, until the connection ends."""


@dataclass
class WatchingClient:
    """What one client has received."""

    name: str
    watch: Watch
    positions: list[int] = field(default_factory=list)
    ended: int = 0
    connections: int = 0

    async def run(self, jobs: int) -> None:
        """Receive until so many jobs have ended."""
        while self.ended < jobs:
            self.connections += 1
            try:
                async for position, has_ended in self.watch(self.positions[-1] if self.positions else 0):
                    self.positions.append(position)
                    self.ended += has_ended
                    if self.ended == jobs:
                        return
            except (
                OSError,
                httpx.HTTPError,
                grpc.RpcError,
                ConnectionClosed,
                InvalidHandshake,
                InvalidMessage,
            ):
                pass
            await asyncio.sleep(RETRY_SECONDS)

    def problems(self, commits: list[int]) -> list[str]:
        """Return what is missing, repeated or out of order, compared with the commits of the log."""
        found = []
        if self.positions != sorted(self.positions):
            found.append("out of order")
        if len(self.positions) != len(set(self.positions)):
            found.append("something twice")
        if missing := {position for position in commits if position <= self.positions[-1]} - {
            *self.positions
        }:
            found.append(f"{len(missing)} commits missing, such as {min(missing)}")
        return found


def _commit_of(text: str | bytes) -> tuple[int, bool] | None:
    """Return position and end of a message of the gateway; None if it is not about a commit."""
    message = json.loads(text)
    if not (message.get("data") or {}).get("job"):
        return None
    return message["position"], message["type"] in _TERMINAL


def _over_events(url: str) -> Watch:
    async def watch(after: int) -> AsyncIterator[tuple[int, bool]]:
        headers = {"Last-Event-ID": str(after)} if after else {}
        path = f"{url}/api/v1/live?channel=jobs{'' if after else '&after=0'}"
        async with (
            httpx.AsyncClient(timeout=WAIT_SECONDS) as client,
            client.stream("GET", path, headers=headers) as stream,
        ):
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                if line.startswith("data: ") and (commit := _commit_of(line[6:])):
                    yield commit

    return watch


def _over_websocket(url: str) -> Watch:
    async def watch(after: int) -> AsyncIterator[tuple[int, bool]]:
        async with connect(f"{url.replace('http', 'ws', 1)}/ws", max_queue=None) as socket:
            await socket.send(json.dumps({"type": "subscribe", "channel": "jobs", "after": after}))
            async for message in socket:
                if commit := _commit_of(message):
                    yield commit

    return watch


def _over_grpc(target: str) -> Watch:
    async def watch(after: int) -> AsyncIterator[tuple[int, bool]]:
        async with grpc.aio.insecure_channel(target) as channel:
            stub: job_service_pb2_grpc.JobServiceAsyncStub = job_service_pb2_grpc.JobServiceStub(channel)
            async for message in stub.WatchJobs(pb.WatchJobsRequest(after=after, progress=True)):
                if message.HasField("job"):
                    yield message.position, message.job.HasField("finished_at")

    return watch


async def _submit(url: str, number: int) -> None:
    """Submit one job, and repeat until it is accepted."""
    body = {"prompt": f"clip {number}", "model": MODEL, "request_id": f"watched-{number}"}
    while True:
        try:
            async with httpx.AsyncClient(timeout=WAIT_SECONDS) as client:
                if (await client.post(f"{url}/api/v1/generate", json=body)).is_success:
                    return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(RETRY_SECONDS)


async def _commits(target: str) -> list[int]:
    """Return the positions of all commits in the log."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub: audit_service_pb2_grpc.AuditServiceAsyncStub = audit_service_pb2_grpc.AuditServiceStub(channel)
        request = audit_service_pb2.ReplayLogRequest(until_now=True)
        return [message.position async for message in stub.ReplayLog(request)]


async def _drill(stack: Stack, jobs: int) -> list[str]:
    url, target = stack.addresses["gateway"], stack.addresses["api"]
    watchers = [
        WatchingClient("server-sent events", _over_events(url)),
        WatchingClient("WebSocket", _over_websocket(url)),
        WatchingClient("gRPC", _over_grpc(target)),
    ]
    report = []
    async with asyncio.TaskGroup() as group:
        for watcher in watchers:
            group.create_task(watcher.run(jobs))
        submits = [group.create_task(_submit(url, number)) for number in range(jobs)]
        for number, victim in enumerate(KILLS, start=1):
            due = number * jobs // (len(KILLS) + 1)
            await until_true(partial(_have_seen, watchers, due), f"{due} jobs have ended")
            await asyncio.to_thread(stack.process(victim).kill)
        await asyncio.gather(*submits)
    commits = await _commits(target)
    for watcher in watchers:
        verdict = "; ".join(watcher.problems(commits)) or "no gap, nothing twice"
        report.append(
            f"{watcher.name}: {len(watcher.positions)} commits of {watcher.ended} jobs over {watcher.connections} "
            f"connections: {verdict}"
        )
    return report


def _have_seen(watchers: list[WatchingClient], jobs: int) -> bool:
    return max(watcher.ended for watcher in watchers) >= jobs


def run_watched_jobs(folder: Path, jobs: int) -> list[str]:
    """Run the drill against a kinolog of its own. Return a line for each client."""
    with whole_stack(folder, workers=2) as stack:
        return asyncio.run(_drill(stack, jobs))


if __name__ == "__main__":
    with temporary_folder() as place:
        lines = run_watched_jobs(place / "data", int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    print("\n".join(lines))
    sys.exit(not all(line.endswith("no gap, nothing twice") for line in lines))
