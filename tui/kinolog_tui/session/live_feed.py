"""The client's live events for the screens, in batches with only the newest progress of each job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeAlias

from kinolog.process.backoff import Backoff
from kinolog.process.tasks import end_tasks
from kinolog_client import (
    AsyncKinologClient,
    LinkState,
    LiveEvent,
    LiveSettings,
    LiveUpdate,
    MessageReceived,
    PollDue,
    parse_update,
)
from kinolog_tui.session.request_failure import RequestFailure

GATHER_SECONDS = 0.4
"""Messages that arrive within this time become one batch."""
MAX_WAITING = 1_000
"""Messages that wait for the screens. When it is full nothing is received, and the gateway conflates."""
CONFLATED = frozenset({"queue_updated", "job_preview"})
"""Types of messages of which only the newest is shown."""
SETTINGS = LiveSettings(poll_seconds=8.0, reconnect=Backoff(first_seconds=0.5, longest_seconds=8.0))


@dataclass(frozen=True, slots=True)
class LiveUpdates:
    """A batch of updates in order, with only the newest progress, previews and counts."""

    messages: tuple[LiveUpdate, ...]


FeedEvent: TypeAlias = LinkState | LiveUpdates | PollDue


class LiveFeed:
    """Live events of every job, and log lines and previews of the watched one."""

    def __init__(self, client: AsyncKinologClient, settings: LiveSettings = SETTINGS) -> None:
        self._feed = client.live_feed(settings)
        self._watched: str | None = None
        self._previewed: frozenset[str] = frozenset()
        self._waiting: list[LiveEvent] = []
        self._ready = asyncio.Event()
        """An event waits, or the feed ended."""
        self._urgent = asyncio.Event()
        """An event waits that must not be delayed, or the feed ended."""
        self._room = asyncio.Event()

    @property
    def position(self) -> int:
        """The greatest position received. 0 before the first."""
        return self._feed.position or 0

    async def watch(self, job_id: str | None, line: int = 0) -> None:
        """Subscribe to the log lines after `line` and the previews of this job; None unsubscribes."""
        before, self._watched = self._watched, job_id
        if before is not None:
            await self._feed.unsubscribe(f"logs:{before}")
            if before not in self._previewed:
                await self._feed.unsubscribe(f"job:{before}")
        if job_id is not None:
            await self._feed.subscribe(f"job:{job_id}")
            await self._feed.subscribe(f"logs:{job_id}", line or None)

    async def preview(self, job_ids: frozenset[str]) -> None:
        """Subscribe to the previews of these jobs, and of no others but the watched one."""
        before, self._previewed = self._previewed, job_ids
        for job_id in before - job_ids - {self._watched}:
            await self._feed.unsubscribe(f"job:{job_id}")
        for job_id in job_ids - before - {self._watched}:
            await self._feed.subscribe(f"job:{job_id}")

    def reconnect_now(self) -> None:
        """End the pause before the next try."""
        self._feed.reconnect_now()

    async def events(self) -> AsyncGenerator[FeedEvent, None]:
        """Yield events without end."""
        reader = asyncio.create_task(self._read())
        try:
            while not (reader.done() and not self._waiting):
                await self._ready.wait()
                for event in self._take_waiting():
                    yield event
                with suppress(TimeoutError):
                    async with asyncio.timeout(GATHER_SECONDS):
                        await self._urgent.wait()
            reader.result()
        finally:
            await end_tasks((reader,))

    async def _read(self) -> None:
        try:
            async with aclosing(self._feed.events()) as events:
                async for event in events:
                    self._waiting.append(event)
                    self._ready.set()
                    if not isinstance(event, MessageReceived):
                        self._urgent.set()
                    if len(self._waiting) >= MAX_WAITING:
                        self._room.clear()
                        await self._room.wait()
        finally:
            self._ready.set()
            self._urgent.set()

    def _take_waiting(self) -> list[FeedEvent]:
        taken, self._waiting = self._waiting, []
        self._ready.clear()
        self._urgent.clear()
        self._room.set()
        return list(_gathered(taken))


def _gathered(events: list[LiveEvent]) -> Iterator[FeedEvent]:
    """Yield the events, neighbouring messages as one batch."""
    for is_message, group in groupby(events, lambda event: isinstance(event, MessageReceived)):
        if is_message:
            messages = [event.message for event in group if isinstance(event, MessageReceived)]
            updates = (parse_update(message) for message in _newest(messages))
            if batch := tuple(update for update in updates if update is not None):
                yield LiveUpdates(batch)
            continue
        for event in group:
            if isinstance(event, LinkState):
                yield _with_cause(event)
            elif isinstance(event, PollDue):
                yield event


def _with_cause(link: LinkState) -> LinkState:
    """Return the state with the error as a text for the screen."""
    return link if link.error is None else replace(link, cause=RequestFailure.of(link.error).text)


def _newest(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages without progress, previews and counts that a later message replaces."""
    newest: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for message in reversed(messages):
        kind, data = str(message.get("type")), message.get("data") or {}
        is_conflated = kind in CONFLATED or (
            kind == "job_status_update" and not data.get("events") and data.get("job") is None
        )
        key = (kind, str(message.get("job_id") or ""))
        if is_conflated and key in seen:
            continue
        if is_conflated:
            seen.add(key)
        newest.append(message)
    return newest[::-1]
