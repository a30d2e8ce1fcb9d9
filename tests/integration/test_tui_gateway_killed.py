"""The dashboard while its gateway is killed and started again: what happened meanwhile is told, all of it and once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from kinolog_tui.app import KinologApp
from kinolog_tui.screens.jobs import JobsPage
from kinolog_tui.session.messages import FeedEventReceived
from kinolog_tui.session.preferences import PreferenceStore
from kinolog_tui.widgets.frame import LinkBanner

from kinolog_cli.gateway import Gateway
from kinolog_cli.job_progress import follow_job
from kinolog_client.live_feed import LiveUpdates
from kinolog_client.live_messages import JobEnded, JobUpdated
from kinolog_stack.stack import Stack
from kinolog_stack.tcp_ports import free_port
from tests.snapshot.driving import linked, press, settled, until, until_text

Told = list[tuple[str, int, tuple[str, ...]]]


class Listening(KinologApp):
    """Notes every commit that the feed tells: job, position, events."""

    def __init__(self, url: str, store: PreferenceStore) -> None:
        super().__init__(url, store=store)
        self.commits: Told = []

    def on_feed_event_received(self, message: FeedEventReceived) -> None:
        """The application's own handler is called beside it."""
        if isinstance(message.event, LiveUpdates):
            for one in message.event.messages:
                if isinstance(one, JobUpdated | JobEnded) and one.moved.events:
                    self.commits.append((one.job_id, one.position, one.moved.events))

    def told_of(self, job_id: str) -> list[tuple[int, tuple[str, ...]]]:
        """Position and events of each commit of a job, in the order in which they came."""
        return [(position, events) for job, position, events in self.commits if job == job_id]


@asynccontextmanager
async def gateway(stack: Stack, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A gateway of its own before the stack's api; killed at the end, if not before."""
    env = dict(os.environ) | {
        "KINOLOG_API_TARGET": stack.addresses["api"],
        "KINOLOG_GATEWAY_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kinolog_gateway.app"),
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


async def submit(http: httpx.AsyncClient, **asked: Any) -> str:
    """A job that another client wants."""
    answer = await http.post("/mcp/generate", json=asked)
    return str(answer.raise_for_status().json()["job_id"])


def end_of(stack: Stack, job_id: str) -> str:
    """Wait for the end of a job, as another client sees it; how it ended."""
    with Gateway(stack.addresses["gateway"]) as client:
        *_, last = follow_job(client, job_id)
    return str(last["data"]["status"])


async def history(http: httpx.AsyncClient, job_id: str) -> list[tuple[int, tuple[str, ...]]]:
    """Position and events of each commit, as the log has them."""
    commits = (await http.get(f"/mcp/events/{job_id}")).raise_for_status().json()["commits"]
    return [(commit["position"], tuple(event["type"] for event in commit["events"])) for commit in commits]


async def test_what_happened_while_the_gateway_was_dead_is_told(stack: Stack, tmp_path: Path) -> None:
    """A killed gateway is said in a banner and keys work on; back again, every commit of meanwhile is told once."""
    port = free_port()
    app = Listening(f"http://127.0.0.1:{port}", PreferenceStore(tmp_path / "tui.json"))
    app.animation_level = "none"
    async with (
        httpx.AsyncClient(base_url=stack.addresses["gateway"], timeout=30) as others,
        app.run_test(size=(120, 40), notifications=False) as pilot,
    ):
        async with gateway(stack, port) as process:
            await linked(pilot, "live")
            await press(pilot, "2")
            before = await submit(others, prompt="a slow ring", model="slow-card", steps=900)
            await until(pilot, lambda: any("attempt_started" in events for _, events in app.told_of(before)))
            process.kill()
            await process.wait()
            await linked(pilot, "offline")
            await until_text(pilot, "The server is away")
            await pilot.press("j", "1", "2")
            assert isinstance(pilot.app.screen, JobsPage)
            told = len(app.commits)
            (await others.post(f"/mcp/cancel/{before}")).raise_for_status()
            meanwhile = await submit(others, prompt="nobody saw this square", model="card")
            assert await asyncio.to_thread(end_of, stack, before) == "cancelled"
            assert await asyncio.to_thread(end_of, stack, meanwhile) == "completed"
            assert len(app.commits) == told
        async with gateway(stack, port):
            await until(pilot, lambda: "completed" in str(app.told_of(meanwhile)))
            await until(pilot, lambda: "'cancelled'" in str(app.told_of(before)))
            await linked(pilot, "live")
            for job_id in (before, meanwhile):
                assert app.told_of(job_id) == await history(others, job_id)
            await until_text(pilot, "nobody saw this square")
            await settled(pilot)
            assert not pilot.app.screen.query_one(LinkBanner).display
