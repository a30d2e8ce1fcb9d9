"""Stores facts about API keys, webhooks and schedules, which are in one stream."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable
from datetime import datetime
from secrets import token_bytes
from typing import Protocol

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import AccessCommit, AccessEvent
from kinolog.ids import new_id
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict
from kinolog_api.api_keys.key_directory import KeyDirectory

TRIES = 5
"""How often a command is decided again when another one about the same thing was faster."""
ID_BYTES = 10
"""Random bytes of an id: 16 letters and digits."""


class StatedThing(Protocol):
    """What facts are about, with the position and the hash of the last commit about it."""

    @property
    def position(self) -> int: ...

    @property
    def hash(self) -> bytes: ...


class FactLog:
    """Appends commits, and waits until this api knows them."""

    def __init__(self, log: AccessLog, directory: KeyDirectory, clock: Clock) -> None:
        self._log = log
        self._directory = directory
        self._clock = clock

    async def append(
        self,
        thing_id: str,
        command: str,
        fact: AccessEvent,
        actor: str,
        before: StatedThing | None = None,
        at: datetime | None = None,
    ) -> None:
        """Append a fact about a thing, whose state was `before`; None if it is new. Raises `AppendConflict`.

        `at` is when it was decided: now, unless the caller has compared that time with others.
        """
        commit = AccessCommit(
            key_id=thing_id,
            command=command,
            command_id=new_id(),
            actor=actor,
            events=(fact,),
            at=at or self._clock(),
            previous_position=before.position if before else 0,
            previous_hash=before.hash if before else b"",
        )
        await self._directory.reached(await self._log.append(commit))

    async def decide(
        self, thing_id: str, command: str, fact: AccessEvent, actor: str, state: Callable[[], StatedThing]
    ) -> None:
        """Append a fact about a thing. Raises what `state` raises, which looks the thing up for each try."""
        for remaining in reversed(range(TRIES)):
            try:
                await self.append(thing_id, command, fact, actor, state())
                return
            except AppendConflict:
                if not remaining:
                    raise
                await self._directory.load()


def new_thing_id(prefix: str) -> str:
    """Return the id of a new thing."""
    return f"{prefix}{random_text(token_bytes(ID_BYTES))}"


def random_text(data: bytes) -> str:
    """Return random bytes, as ids have them."""
    return b32encode(data).decode().lower()
