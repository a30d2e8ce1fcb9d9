"""The dashboard while its gateway is killed and started again: it receives every commit of the outage once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from kinolog_tui.app import KinologApp
from kinolog_tui.screens.jobs import JobsPage
from kinolog_tui.session.live_feed import LiveUpdates
from kinolog_tui.session.messages import FeedEventReceived
from kinolog_tui.session.preferences import PreferenceStore
from kinolog_tui.widgets.frame import LinkBanner

from kinolog_client import JobEnded, JobUpdated, KinologClient
from kinolog_stack.stack import Stack
from kinolog_stack.tcp_ports import free_port
from tests.fixtures.waits import WAIT_SECONDS
from tests.snapshot.dashboard_pilot import linked, press, running, settled, until, until_text
from tests.snapshot.environment import fixed_environment, settings_file

Commits = list[tuple[str, int, tuple[str, ...]]]


class RecordingApp(KinologApp):
    """Records every commit of the live feed: job, position, events."""

    def __init__(self, url: str, store: PreferenceStore) -> None:
        super().__init__(url, store=store)
        self.commits: Commits = []

    def on_feed_event_received(self, message: FeedEventReceived) -> None:
        """Record commits. The application's own handler runs as well."""
        if isinstance(message.event, LiveUpdates):
            for one in message.event.messages:
                if isinstance(one, JobUpdated | JobEnded) and one.state.events:
                    self.commits.append((one.job_id, one.position, one.state.events))

    def commits_of(self, job_id: str) -> list[tuple[int, tuple[str, ...]]]:
        """Return position and events of each commit of a job, in the order of arrival."""
        return [(position, events) for job, position, events in self.commits if job == job_id]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[None]:
    """What the caller's shell sets does not change what is drawn."""
    with fixed_environment(tmp_path):
        yield


@asynccontextmanager
async def gateway(stack: Stack, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a separate gateway in front of the stack's api; it is killed at the end."""
    env = dict(os.environ) | {
        "KINOLOG_API_TARGET": stack.addresses["api"],
        "KINOLOG_GATEWAY_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kinolog_gateway"),
        env=env,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def submit(http: httpx.AsyncClient, **fields: Any) -> str:
    """Submit a job as another client. Return its id."""
    answer = await http.post("/api/v1/generate", json=fields)
    return str(answer.raise_for_status().json()["job_id"])


def end_of(stack: Stack, job_id: str) -> str:
    """Wait for the end of a job as another client. Return its last status."""
    with KinologClient(stack.addresses["gateway"]) as client:
        for _ in client.watch(job_id):
            pass
        return client.status(job_id).status


async def history(http: httpx.AsyncClient, job_id: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return position and events of each commit in the log."""
    commits = (await http.get(f"/api/v1/events/{job_id}")).raise_for_status().json()["commits"]
    return [(commit["position"], tuple(event["type"] for event in commit["events"])) for commit in commits]


async def test_commits_of_an_outage_are_received_once(stack: Stack, tmp_path: Path) -> None:
    """A banner reports a killed gateway and keys still work. After its restart every missed commit arrives once."""
    port = free_port()
    app = RecordingApp(f"http://127.0.0.1:{port}", PreferenceStore(settings_file(tmp_path)))
    async with (
        httpx.AsyncClient(base_url=stack.addresses["gateway"], timeout=WAIT_SECONDS) as others,
        running(app) as pilot,
    ):
        async with gateway(stack, port) as process:
            await linked(pilot, "live")
            await press(pilot, "2")
            before = await submit(others, prompt="a slow ring", model="endless-card")
            await until(
                pilot, lambda: any("attempt_started" in events for _, events in app.commits_of(before))
            )
            process.kill()
            await process.wait()
            await linked(pilot, "offline")
            await until_text(pilot, "The server is away")
            await pilot.press("j", "1", "2")
            assert isinstance(pilot.app.screen, JobsPage)
            received = len(app.commits)
            (await others.post(f"/api/v1/cancel/{before}")).raise_for_status()
            meanwhile = await submit(others, prompt="nobody saw this square", model="card")
            assert await asyncio.to_thread(end_of, stack, before) == "cancelled"
            assert await asyncio.to_thread(end_of, stack, meanwhile) == "completed"
            assert len(app.commits) == received
        async with gateway(stack, port):
            await until(pilot, lambda: "completed" in str(app.commits_of(meanwhile)))
            await until(pilot, lambda: "'cancelled'" in str(app.commits_of(before)))
            await linked(pilot, "live")
            for job_id in (before, meanwhile):
                assert app.commits_of(job_id) == await history(others, job_id)
            await until_text(pilot, "nobody saw this square")
            await settled(pilot)
            assert not pilot.app.screen.query_one(LinkBanner).display
