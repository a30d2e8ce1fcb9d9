"""One export of events as it arrives: whole lines, in order, none twice and none missing. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kinolog_client.errors import UnexpectedAnswer
from kinolog_client.exports.commit_selection import CommitSelection
from kinolog_client.http.file_transfer import FileTransfer
from kinolog_client.http.operation import API_PREFIX, HttpAnswer, Operation
from kinolog_client.http.retry import RetryPolicy
from kinolog_client.models.results import FileInfo

MEDIA_TYPE = "application/x-ndjson"
EXPORT_SECONDS = 90.0
"""How long the gateway may send nothing: it gives up after a minute itself."""
POSITION_HEADER, SOURCE_HEADER = "x-kinolog-position", "x-kinolog-log"


@dataclass(frozen=True, slots=True, order=True)
class EventPlace:
    """Where an event is in the log: the position of its commit, and its index there. And whose it is."""

    position: int
    index: int
    tenant: str = field(default="", compare=False)


def place_of(line: bytes) -> EventPlace:
    """Return the place of the event of a line. Raises ValueError for a line that is no event of an export."""
    try:
        event = json.loads(line)
        tenant = str(event.get("tenant", ""))
        return EventPlace(int(event["position"]), int(event["eventindex"]), tenant)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no event of an export: {line[:80]!r}") from error


def events_operation(selection: CommitSelection, prompts: bool = False) -> Operation[FileInfo]:
    """Return the operation that exports events."""
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/audit/export",
        params=selection.params() | ({"prompts": "true"} if prompts else {}),
        read=_facts,
        timeout_seconds=EXPORT_SECONDS,
    )


def _facts(answer: HttpAnswer) -> FileInfo:
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    position = answer.headers.get(POSITION_HEADER, "")
    if media_type != MEDIA_TYPE or not position.isdecimal():
        raise ValueError(f"HTTP {answer.status} with {media_type or 'no media type'} is no export of events")
    return FileInfo(size_bytes=None, sha256=None, media_type=media_type)


class EventTransfer(FileTransfer):
    """Takes whole lines out of what arrives, and goes on after the last of them when the connection is lost.

    `after` is the place of the last event that is there already, `last_position` where that export ends.
    """

    chunk_bytes = None

    def __init__(
        self,
        url: str,
        operation: Operation[FileInfo],
        policy: RetryPolicy,
        *,
        after: EventPlace | None = None,
        source: str = "",
        last_position: int | None = None,
    ) -> None:
        super().__init__(url, operation, policy)
        self.after = after
        self.source = source
        self.last_position = last_position
        self._incomplete = b""

    def headers(self) -> dict[str, str]:
        """Return the headers of the next request, which is for the events after the last one."""
        params = dict(self.operation.params)
        if self.after is not None:
            params["from"] = str(self.after.position)
            if self.after.tenant:  # else a key of another tenant would go on with that one
                params.setdefault("tenant", self.after.tenant)
        if self.last_position is not None:
            params["to"] = str(self.last_position)
        if self.last_position != 0:  # else the log was empty, and has no last position to name
            self.operation = replace(self.operation, params=params)
        return dict(self.operation.headers)

    def on_answer(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of a successful answer. Raises `UnexpectedAnswer` for that of another log or range."""
        self.operation.result(self._url, HttpAnswer(status, headers, b""))
        position, source = int(headers[POSITION_HEADER]), headers.get(SOURCE_HEADER, "")
        if self.last_position not in (None, position) or (self.after is not None and source != self.source):
            raise UnexpectedAnswer(
                self._url, "the export goes on with another log than it began with", status
            )
        self.last_position, self.source = position, source
        self._incomplete = b""

    def on_chunk(self, chunk: bytes) -> None:
        """Count what arrived."""
        self.received_bytes += len(chunk)
        self._failures = 0

    def lines(self, chunk: bytes) -> list[bytes]:
        """Return the new lines that a chunk completes. Raises `UnexpectedAnswer` for what is no line of an export."""
        *whole, self._incomplete = (self._incomplete + chunk).split(b"\n")
        new = []
        for line in whole:
            if not line:
                continue
            try:
                place = self._place(line)
            except ValueError as error:
                raise UnexpectedAnswer(self._url, str(error)) from error
            if self.after is None or place > self.after:
                self.after = place
                new.append(line + b"\n")
        return new

    def _place(self, line: bytes) -> EventPlace:
        """Return the place of the event of a line. Raises ValueError for a line that is no event."""
        return place_of(line)

    def on_end(self) -> None:
        """Check that the last line is whole. Raises `UnexpectedAnswer`."""
        if self._incomplete:
            raise UnexpectedAnswer(self._url, "the export ends within a line")


def parsed(line: bytes) -> dict[str, Any]:
    """Return the event of a line."""
    event: dict[str, Any] = json.loads(line)
    return event
