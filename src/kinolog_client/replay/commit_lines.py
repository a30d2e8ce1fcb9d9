"""Lines of an export, gathered into commits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kinolog_client.replay.event_decoding import TYPE_PREFIX, event_of
from kinolog_client.replay.job_events import JobEvent
from kinolog_client.replay.replayed_commit import ReplayedCommit

_TYPE_BYTES = 250
"""The type of an event is among its first bytes, as an export writes it."""


class CommitLines:
    """Makes a commit of the lines of its events: when the first line of another one comes, or at the end.

    Lines of events that are not `wanted` are passed over without being parsed; None for all events.
    """

    def __init__(self, wanted: frozenset[str] | None = None) -> None:
        self._wanted = (
            None if wanted is None else tuple(f'"type":"{TYPE_PREFIX}{name}"'.encode() for name in wanted)
        )
        self._gathered: list[Mapping[str, Any]] = []

    def add(self, line: bytes) -> list[ReplayedCommit]:
        """Take a line. Return the commit before, if it is whole now.

        Raises ValueError for a line that is no event of an export.
        """
        if self._is_passed_over(line):
            return []
        event = _parsed(line)
        done = self.end() if self._gathered and self._gathered[-1]["position"] != event["position"] else []
        self._gathered.append(event)
        return done

    def end(self) -> list[ReplayedCommit]:
        """Return the commit that no other follows, if there is one. Raises ValueError."""
        lines, self._gathered = self._gathered, []
        try:
            return [_commit(lines)] if lines else []
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"this is no event of an export: {type(error).__name__} {error} in {lines[-1]!s:.120}"
            ) from error

    def _is_passed_over(self, line: bytes) -> bool:
        if not line.strip():
            return True
        start = line[:_TYPE_BYTES]
        return (
            self._wanted is not None
            and b'"type":"' in start
            and not any(name in start for name in self._wanted)
        )


def _parsed(line: bytes) -> Mapping[str, Any]:
    try:
        event: dict[str, Any] = json.loads(line)
        int(event["position"])
        return event
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"this is no event of an export: {line[:80]!r}") from error


def _commit(lines: list[Mapping[str, Any]]) -> ReplayedCommit:
    last = lines[-1]
    return ReplayedCommit(
        position=int(last["position"]),
        job_id=last["subject"],
        tenant=last.get("tenant", ""),
        actor=last.get("actor", ""),
        command=last.get("command", ""),
        command_id=last.get("commandid", ""),
        at=datetime.fromisoformat(last["recordedtime"]),
        version=last["jobversion"],
        hash=last.get("commithash", ""),
        events=tuple(map(_event, lines)),
    )


def _event(line: Mapping[str, Any]) -> JobEvent:
    name = line["type"].removeprefix(TYPE_PREFIX)
    return event_of(name, datetime.fromisoformat(line["time"]), line.get("data", {}))
