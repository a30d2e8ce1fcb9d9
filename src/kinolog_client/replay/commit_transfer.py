"""An export of events that arrives as typed commits."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from kinolog_client.errors import UnexpectedAnswer
from kinolog_client.exports.transfer import EventPlace, EventTransfer, place_of
from kinolog_client.http.operation import Operation
from kinolog_client.http.retry import RetryPolicy
from kinolog_client.models.results import FileInfo
from kinolog_client.replay.commit_lines import CommitLines
from kinolog_client.replay.event_decoding import names_of
from kinolog_client.replay.job_events import JobEvent
from kinolog_client.replay.replayed_commit import ReplayedCommit

_PLACE = re.compile(
    rb'\{"specversion":"1\.0","id":"(\d+)-(\d+)",[^{}]*?"tenant":("(?:[^"\\]|\\.)*"),.*\}', re.DOTALL
)


class CommitTransfer(EventTransfer):
    """Makes commits of the lines that arrive. Each is whole once the next one begins."""

    def __init__(
        self,
        url: str,
        operation: Operation[FileInfo],
        policy: RetryPolicy,
        events: Collection[type[JobEvent]] = (),
    ) -> None:
        super().__init__(url, operation, policy)
        self._lines = CommitLines(names_of(events) if events else None)

    def commits(self, chunk: bytes) -> list[ReplayedCommit]:
        """Return the commits that a chunk completes. Raises `UnexpectedAnswer`."""
        try:
            return [commit for line in self.lines(chunk) for commit in self._lines.add(line)]
        except ValueError as error:
            raise UnexpectedAnswer(self._url, str(error)) from error

    def last_commit(self) -> list[ReplayedCommit]:
        """Return the commit that no other follows. Raises `UnexpectedAnswer`."""
        try:
            return self._lines.end()
        except ValueError as error:
            raise UnexpectedAnswer(self._url, str(error)) from error

    def _place(self, line: bytes) -> EventPlace:
        """Return the place of an event without parsing it, if the line begins as those of an export do."""
        found = _PLACE.fullmatch(line)
        if found is None:
            return place_of(line)
        return EventPlace(int(found[1]), int(found[2]), json.loads(found[3]))
