"""The live feed against a gateway on a real port that comes and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kinolog_client import LinkState
from kinolog_tui.session.live_feed import LiveFeed
from kinolog_tui.session.live_feed import LiveUpdates
from kinolog_tui.session.live_feed import FeedEvent
from kinolog_client import JobUpdated
from kinolog_client import QueueCounted
from kinolog_client import AsyncKinologClient
from tests.snapshot.replay import Replay, replay

COUNTS = {"total": 1, "queued": 1, "processing": 0, "completed": 0, "failed": 0, "cancelled": 0}
PAUSES = (0.01,)


def moved(percent: float, events: tuple[str, ...] = ()) -> dict[str, Any]:
    """How a job stands."""
    return {"status": "processing", "percent": percent, "events": list(events)}


@pytest.fixture
async def gateway() -> AsyncIterator[Replay]:
    """A gateway."""
    async with replay() as running:
        yield running


@pytest.fixture
async def feed(gateway: Replay) -> AsyncIterator[LiveFeed]:
    """A feed that tries again at once."""
    rest = AsyncKinologClient(gateway.url)
    yield LiveFeed(gateway.url, {}, rest.counts, PAUSES)
    await rest.close()


async def until(told: AsyncIterator[FeedEvent], state: str) -> None:
    """Read until the feed is connected like this."""
    async for one in told:
        if isinstance(one, LinkState) and one.state == state:
            return


async def batch(told: AsyncIterator[FeedEvent]) -> LiveUpdates:
    """The next batch."""
    async for one in told:
        if isinstance(one, LiveUpdates):
            return one
    raise AssertionError


async def test_it_comes_back_where_it_was(gateway: Replay, feed: LiveFeed) -> None:
    """After the gateway was away, it subscribes with the greatest position it has received."""
    told = feed.told()
    await until(told, "live")
    await gateway.until(lambda: len(gateway.said) == 2)
    assert all("after" not in said for said in gateway.said)
    await gateway.say("job_status_update", 41, moved(1, ("queued",)), "a")
    await gateway.say("queue_updated", 42, COUNTS)
    assert {message.position for message in (await batch(told)).messages} <= {41, 42}
    while feed.position < 42:
        await batch(told)
    await gateway.stop()
    await until(told, "offline")
    gateway.said.clear()
    await gateway.start(gateway.port)
    await until(told, "live")
    await gateway.until(lambda: len(gateway.said) == 2)
    assert [said["after"] for said in gateway.said] == [42, 42]
    await told.aclose()  # type: ignore[attr-defined]  # a generator


async def test_where_there_is_no_socket_it_polls(gateway: Replay, feed: LiveFeed) -> None:
    """A gateway that answers REST alone is polled, again and again."""
    gateway.with_socket = False
    told = feed.told()
    await until(told, "polling")
    await until(told, "polling")
    gateway.with_socket = True
    await until(told, "live")
    await told.aclose()  # type: ignore[attr-defined]  # a generator


async def test_of_progress_only_the_newest_is_told(gateway: Replay, feed: LiveFeed) -> None:
    """Progress and counts that come together are told once; commits are all told, in order."""
    told = feed.told()
    await until(told, "live")
    await gateway.until(lambda: len(gateway.said) == 2)
    await gateway.say("job_status_update", 1, moved(0, ("attempt_started",)), "a")
    await batch(told)
    for percent in range(1, 50):
        await gateway.say("job_status_update", 2, moved(percent), "a")
        await gateway.say("queue_updated", 2, COUNTS)
    await gateway.say("job_status_update", 3, moved(50, ("stage_started",)), "a")
    heard: list[object] = []
    while feed.position < 3:
        heard += (await batch(told)).messages
    progress = [message.moved.percent for message in heard if isinstance(message, JobUpdated)]
    assert progress == sorted(progress)
    assert progress[-2:] == [49, 50]
    assert len(heard) < 99
    assert any(isinstance(message, QueueCounted) for message in heard)
    await told.aclose()  # type: ignore[attr-defined]  # a generator


async def test_a_replaced_log_is_begun_anew(gateway: Replay, feed: LiveFeed) -> None:
    """When the gateway says that the position is ahead of its log, the feed subscribes without one."""
    feed.position = 900
    told = feed.told()
    await until(told, "live")
    await gateway.until(lambda: len(gateway.said) == 2)
    ahead = {"reason": "POSITION_AHEAD", "message": "the log ends before", "channel": "jobs"}
    await gateway.say("error", 3, ahead)
    await batch(told)
    await gateway.until(lambda: len(gateway.said) == 3)
    assert gateway.said[2] == {"type": "subscribe", "channel": "jobs"}
    await told.aclose()  # type: ignore[attr-defined]  # a generator


async def test_a_watched_job_brings_its_lines(gateway: Replay, feed: LiveFeed) -> None:
    """The lines of a watched job are subscribed to after the last one that is known."""
    await feed.watch("a", line=7)
    told = feed.told()
    await until(told, "live")
    await gateway.until(lambda: len(gateway.said) == 4)
    assert gateway.said[3] == {"type": "subscribe", "channel": "logs:a", "after": 7}
    await feed.watch(None)
    await gateway.until(lambda: len(gateway.said) == 6)
    assert [said["type"] for said in gateway.said[4:]] == ["unsubscribe", "unsubscribe"]
    await told.aclose()  # type: ignore[attr-defined]  # a generator
