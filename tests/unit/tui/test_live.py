"""The dashboard's feed against a gateway on a real port that comes and goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from kinolog_tui.session.live_feed import SETTINGS, FeedEvent, LiveFeed, LiveUpdates
from websockets.asyncio.server import ServerConnection, serve
from websockets.protocol import State

from kinolog.process.backoff import Backoff
from kinolog_client import AsyncKinologClient, JobUpdated, LinkState, LiveUpdate, QueueCounted
from tests.fixtures.waits import WAIT_SECONDS, until_true
from tests.snapshot.replay import Replay, replay

COUNTS = {"total": 1, "queued": 1, "processing": 0, "completed": 0, "failed": 0, "cancelled": 0}
QUICK = replace(SETTINGS, reconnect=Backoff(first_seconds=0.01, longest_seconds=0.01))


def state_of(percent: float, events: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the data of a progress message."""
    return {"status": "processing", "percent": percent, "events": list(events)}


@pytest.fixture
async def gateway() -> AsyncIterator[Replay]:
    """A gateway with recorded responses."""
    async with replay() as running:
        yield running


@pytest.fixture
async def feed(gateway: Replay) -> AsyncIterator[LiveFeed]:
    """A feed that reconnects at once."""
    async with AsyncKinologClient(gateway.url, retries=0) as client:
        yield LiveFeed(client, QUICK)


async def until(events: AsyncIterator[FeedEvent], state: str) -> None:
    """Read events until the connection has this state."""
    async for one in events:
        if isinstance(one, LinkState) and one.state == state:
            return
    raise AssertionError("the feed ended")


async def batch(events: AsyncIterator[FeedEvent]) -> LiveUpdates:
    """Return the next batch."""
    async for one in events:
        if isinstance(one, LiveUpdates):
            return one
    raise AssertionError


async def test_it_comes_back_where_it_was(gateway: Replay, feed: LiveFeed) -> None:
    """After an outage it subscribes with the last position that it received."""
    events = feed.events()
    await until(events, "live")
    await gateway.until(lambda: len(gateway.received) == 2)
    assert all("after" not in message for message in gateway.received)
    await gateway.send("job_status_update", 41, state_of(1, ("queued",)), "a")
    await gateway.send("queue_updated", 42, COUNTS)
    assert {message.position for message in (await batch(events)).messages} <= {41, 42}
    while feed.position < 42:
        await batch(events)
    await gateway.stop()
    await until(events, "offline")
    gateway.received.clear()
    await gateway.start(gateway.port)
    await until(events, "live")
    await gateway.until(lambda: len(gateway.received) == 2)
    assert [message["after"] for message in gateway.received] == [42, 42]
    await events.aclose()


async def test_no_outage_ends_it(gateway: Replay) -> None:
    """The server may be away for longer than a watch waits: the feed says so again and again, and comes back."""
    impatient = replace(QUICK, give_up_seconds=0.0, poll_seconds=0.01)
    async with AsyncKinologClient(gateway.url, retries=0) as client:
        events = LiveFeed(client, impatient).events()
        await until(events, "live")
        await gateway.stop()
        for _ in range(5):
            await until(events, "offline")
        await gateway.start(gateway.port)
        await until(events, "live")
        await events.aclose()


async def test_where_there_is_no_socket_it_polls(gateway: Replay, feed: LiveFeed) -> None:
    """A gateway without a WebSocket is polled."""
    gateway.with_socket = False
    events = feed.events()
    await until(events, "polling")
    await until(events, "polling")
    gateway.with_socket = True
    await until(events, "live")
    await events.aclose()


async def test_of_progress_only_the_newest_is_told(gateway: Replay, feed: LiveFeed) -> None:
    """Of progress and counts that arrive together only the last is delivered; every commit is, in order."""
    events = feed.events()
    await until(events, "live")
    await gateway.until(lambda: len(gateway.received) == 2)
    await gateway.send("job_status_update", 1, state_of(0, ("attempt_started",)), "a")
    await batch(events)
    for percent in range(1, 50):
        await gateway.send("job_status_update", 2, state_of(percent), "a")
        await gateway.send("queue_updated", 2, COUNTS)
    await gateway.send("job_status_update", 3, state_of(50, ("stage_started",)), "a")
    messages: list[LiveUpdate] = []
    while not messages or messages[-1].position < 3:
        messages += (await batch(events)).messages
    progress = [message.state.percent for message in messages if isinstance(message, JobUpdated)]
    assert progress == sorted(progress)
    assert progress[-2:] == [49, 50]
    assert len(messages) < 99
    assert any(isinstance(message, QueueCounted) for message in messages)
    await events.aclose()


async def test_a_replaced_log_is_followed_without_a_position(gateway: Replay, feed: LiveFeed) -> None:
    """If the position is ahead of the log, the feed subscribes without one."""
    events = feed.events()
    await until(events, "live")
    await gateway.until(lambda: len(gateway.received) == 2)
    await gateway.send("queue_updated", 900, COUNTS)
    await batch(events)
    assert feed.position == 900
    ahead = {"reason": "POSITION_AHEAD", "message": "the log ends before", "channel": "jobs"}
    await gateway.send("error", 3, ahead)
    await batch(events)
    await gateway.until(lambda: len(gateway.received) == 3)
    assert gateway.received[2] == {"type": "subscribe", "channel": "jobs"}
    await events.aclose()


async def test_a_watched_job_brings_its_lines(gateway: Replay, feed: LiveFeed) -> None:
    """Lines of a watched job are subscribed to after the last known one."""
    await feed.watch("a", line=7)
    events = feed.events()
    await until(events, "live")
    await gateway.until(lambda: len(gateway.received) == 4)
    assert gateway.received[3] == {"type": "subscribe", "channel": "logs:a", "after": 7}
    await feed.watch(None)
    await gateway.until(lambda: len(gateway.received) == 6)
    assert [message["type"] for message in gateway.received[4:]] == ["unsubscribe", "unsubscribe"]
    await events.aclose()


async def test_an_end_that_is_not_answered_leaves_no_connection() -> None:
    """Whoever ends the feed cancels it again after a while: then it waits no longer for the gateway."""

    async def answer_once(socket: ServerConnection) -> None:
        async for text in socket:
            if json.loads(text)["type"] == "ping":
                await socket.send('{"type": "pong"}')
                socket.transport.pause_reading()  # as a machine that stands still
                await socket.wait_closed()

    async with (
        serve(answer_once, "127.0.0.1", 0, close_timeout=0) as server,
        AsyncKinologClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", retries=0) as client,
    ):
        feed = client.live_feed(QUICK)
        is_live = asyncio.Event()

        async def follow() -> None:
            async for event in feed.events():
                if isinstance(event, LinkState) and event.state == "live":
                    is_live.set()

        following = asyncio.create_task(follow())
        async with asyncio.timeout(WAIT_SECONDS):
            await is_live.wait()
        socket = feed._socket
        assert socket is not None
        following.cancel()
        await until_true(lambda: socket.state is State.CLOSING, "it waits for the answer")
        following.cancel()
        await asyncio.wait([following])
        assert socket.transport.is_closing()
