"""The language of questions: `actor=alice since=7d event=cancelled`.

    query     = condition *( blank condition )            all of them hold
    condition = field operator value *( "," value )       one of the values
    operator  = "=" | "!="; for `position` also ">=", "<="
    value     = letters without blank, comma and quote, or a text in double quotes, where \\" is a quote

docs/audit.md has the fields. Every surface passes the text on to the api, which parses it here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import get_args

from kinolog.event_query.query import Condition, EventQuery, QueryField
from kinolog.event_query.words import (
    Word,
    WrittenCondition,
    checked_addresses,
    checked_job_ids,
    known_names,
    written_conditions,
)
from kinolog.job import commands, events
from kinolog.job.names import stored_name

MAX_POSITION = 2**63 - 1

EVENT_NAMES = tuple(stored_name(kind) for kind in get_args(events.Event))
COMMAND_NAMES = tuple(stored_name(kind) for kind in get_args(commands.Command))
OUTCOMES = ("completed", "failed", "cancelled")
_RUNTIME_EVENTS = frozenset({"attempt_started", "runtime_recorded"})
"""Events that state the revision of a model and the worker."""

FIELDS = ("tenant", *QueryField, "outcome", "since", "until", "position")
"""The words before an operator."""


def parse_query(text: str, now: datetime) -> EventQuery:
    """Return what a question asks for; `now` is what `7d` counts back from. Raises `InvalidQuery`."""
    found = _Found(now)
    for condition in written_conditions(text, FIELDS, _EXAMPLES):
        found.take(condition)
    return found.query()


class _Found:
    """What the words of a question said so far."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._conditions: list[tuple[Word, Condition]] = []
        self._tenant = ""
        self._since: datetime | None = None
        self._until: datetime | None = None
        self._first = 1
        self._last: int | None = None

    def take(self, written: WrittenCondition) -> None:
        """Take a condition. Raises `InvalidQuery`."""
        word, name, values = written.word, written.name, written.values
        if name == "position":
            self._take_position(word, written.operator, values)
            return
        written.check_equality()
        match name:
            case "since" | "until":
                self._take_time(name, written.time(self._now, _EXAMPLES[name]))
            case "tenant":
                self._tenant = written.tenant(self._tenant)
            case "outcome":
                known = known_names(word, values, OUTCOMES, "outcome")
                self._add(word, Condition(QueryField.EVENT, known, written.excludes))
            case _:
                field = QueryField(name)
                check = _CHECKS.get(field)
                values = check(word, values) if check else values
                self._add(word, Condition(field, values, written.excludes))

    def query(self) -> EventQuery:
        """Return the question. Raises `InvalidQuery` if no commit can meet its conditions together."""
        self._check_revision()
        return EventQuery(
            conditions=tuple(condition for _, condition in self._conditions),
            tenant=self._tenant,
            since=self._since,
            until=self._until,
            first_position=self._first,
            last_position=self._last,
        )

    def _add(self, word: Word, condition: Condition) -> None:
        self._conditions.append((word, condition))

    def _check_revision(self) -> None:
        wanted = [one for _, one in self._conditions if one.field is QueryField.EVENT and not one.excludes]
        for word, condition in self._conditions:
            stated = condition.field is QueryField.REVISION and not condition.excludes
            if stated and any(not _RUNTIME_EVENTS & set(one.values) for one in wanted):
                raise word.wrong(
                    "only attempt_started and runtime_recorded state a revision: leave the condition on events out, "
                    "and ask about the jobs that are found"
                )

    def _take_position(self, word: Word, operator: str, values: tuple[str, ...]) -> None:
        if (
            len(values) > 1
            or not values[0].isascii()
            or not values[0].isdigit()
            or int(values[0]) > MAX_POSITION
        ):
            raise word.wrong("a position is one number, such as position>=1000")
        position = int(values[0])
        match operator:
            case "=":
                self._first, self._last = max(self._first, position), self._least(position)
            case ">=":
                self._first = max(self._first, position)
            case "<=":
                self._last = self._least(position)
            case _:
                raise word.wrong("position is compared with =, >= or <=")

    def _least(self, position: int) -> int:
        return position if self._last is None else min(self._last, position)

    def _take_time(self, name: str, at: datetime) -> None:
        if name == "since":
            self._since = at if self._since is None else max(self._since, at)
        else:
            self._until = at if self._until is None else min(self._until, at)


def _events(word: Word, values: tuple[str, ...]) -> tuple[str, ...]:
    return known_names(word, values, EVENT_NAMES, "event")


def _commands(word: Word, values: tuple[str, ...]) -> tuple[str, ...]:
    return known_names(word, values, COMMAND_NAMES, "command")


_CHECKS: dict[QueryField, Callable[[Word, tuple[str, ...]], tuple[str, ...]]] = {
    QueryField.EVENT: _events,
    QueryField.COMMAND: _commands,
    QueryField.ADDRESS: checked_addresses,
    QueryField.JOB: checked_job_ids,
}

_EXAMPLES = dict.fromkeys(FIELDS, "NAME") | {
    "actor": "alice",
    "address": "192.0.2.7",
    "client": "curl",
    "command": "cancel",
    "event": "cancelled",
    "error": "OUT_OF_MEMORY",
    "outcome": "failed",
    "since": "7d",
    "until": "2026-11-01",
    "position": "1000",
    "job": "ID",
    "key": "ID",
}
