"""The language of questions: `actor=alice since=7d event=cancelled`.

    query     = condition *( blank condition )            all of them hold
    condition = field operator value *( "," value )       one of the values
    operator  = "=" | "!="; for `position` also ">=", "<="
    value     = letters without blank, comma and quote, or a text in double quotes, where \\" is a quote

docs/audit.md has the fields. Every surface passes the text on to the api, which parses it here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import get_args

from kinolog.event_query.query import Condition, EventQuery, QueryField
from kinolog.job import commands, events
from kinolog.job.names import stored_name

MAX_QUERY_CHARACTERS = 4_000
MAX_CONDITIONS = 32
MAX_VALUES = 100
MAX_POSITION = 2**63 - 1

EVENT_NAMES = tuple(stored_name(kind) for kind in get_args(events.Event))
COMMAND_NAMES = tuple(stored_name(kind) for kind in get_args(commands.Command))
OUTCOMES = ("completed", "failed", "cancelled")
_RUNTIME_EVENTS = frozenset({"attempt_started", "runtime_recorded"})
"""Events that state the revision of a model and the worker."""

FIELDS = ("tenant", *QueryField, "outcome", "since", "until", "position")
"""The words before an operator."""

_WORD = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+')
_CONDITION = re.compile(r"([A-Za-z_]*)(!=|>=|<=|=|<|>)?(.*)", re.DOTALL)
_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",]+)')
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_JOB_ID = re.compile(r"[a-z0-9]{26}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class InvalidQuery(ValueError):
    """The text is no question. `word` is the part that is wrong, `column` where it begins, counted from 1."""

    def __init__(self, word: str, column: int, problem: str) -> None:
        super().__init__(f"at column {column}, `{word}`: {problem}" if word else problem)
        self.word = word
        self.column = column


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    column: int

    def wrong(self, problem: str) -> InvalidQuery:
        return InvalidQuery(self.text, self.column, problem)


def parse_query(text: str, now: datetime) -> EventQuery:
    """Return what a question asks for; `now` is what `7d` counts back from. Raises `InvalidQuery`."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise InvalidQuery("", 1, f"the question has more than {MAX_QUERY_CHARACTERS} characters")
    found = _Found(now)
    words = list(_words(text))
    if len(words) > MAX_CONDITIONS:
        raise words[MAX_CONDITIONS].wrong(f"a question has at most {MAX_CONDITIONS} conditions")
    for word in words:
        found.take(word)
    return found.query()


def _words(text: str) -> Iterator[_Word]:
    end = 0
    for match in _WORD.finditer(text):
        if gap := text[end : match.start()].strip():
            raise InvalidQuery(gap, text.index(gap, end) + 1, "a quote is not closed")
        yield _Word(match.group(), match.start() + 1)
        end = match.end()
    if rest := text[end:].strip():
        raise InvalidQuery(rest, text.index(rest, end) + 1, "a quote is not closed")


class _Found:
    """What the words of a question said so far."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._conditions: list[tuple[_Word, Condition]] = []
        self._tenant = ""
        self._since: datetime | None = None
        self._until: datetime | None = None
        self._first = 1
        self._last: int | None = None

    def take(self, word: _Word) -> None:
        """Take a condition. Raises `InvalidQuery`."""
        match = _CONDITION.fullmatch(word.text)
        if match is None:  # the pattern matches every text
            raise AssertionError(word.text)
        name, operator, rest = match.groups()
        name = name.lower()
        if name not in FIELDS:
            raise word.wrong(_unknown(name, bool(operator)))
        if operator is None:
            raise word.wrong(
                f"a condition is a field, an operator and a value, such as {name}={_EXAMPLES[name]}"
            )
        if not rest:
            raise word.wrong(f"a value is missing, such as {name}{operator}{_EXAMPLES[name]}")
        values = _values(word, rest)
        if name == "position":
            self._take_position(word, operator, values)
            return
        if operator not in ("=", "!="):
            raise word.wrong(f"{name} is compared with = or !=")
        match name:
            case "since" | "until":
                self._take_time(word, name, operator, values)
            case "tenant":
                self._take_tenant(word, operator, values)
            case "outcome":
                known = _known(word, values, OUTCOMES, "outcome")
                self._add(word, Condition(QueryField.EVENT, known, operator == "!="))
            case _:
                field = QueryField(name)
                check = _CHECKS.get(field)
                values = check(word, values) if check else values
                self._add(word, Condition(field, values, operator == "!="))

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

    def _add(self, word: _Word, condition: Condition) -> None:
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

    def _take_position(self, word: _Word, operator: str, values: tuple[str, ...]) -> None:
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

    def _take_time(self, word: _Word, name: str, operator: str, values: tuple[str, ...]) -> None:
        if operator != "=" or len(values) > 1:
            raise word.wrong(f"{name} takes one time: {name}={_EXAMPLES[name]}")
        at = _time(word, values[0], self._now)
        if name == "since":
            self._since = at if self._since is None else max(self._since, at)
        else:
            self._until = at if self._until is None else min(self._until, at)

    def _take_tenant(self, word: _Word, operator: str, values: tuple[str, ...]) -> None:
        if operator != "=" or len(values) > 1 or self._tenant:
            raise word.wrong("a question is about one tenant: tenant=NAME, once")
        if not _TENANT.fullmatch(values[0]):
            raise word.wrong("this is no name of a tenant")
        self._tenant = values[0]


def _values(word: _Word, text: str) -> tuple[str, ...]:
    values, end = list[str](), 0
    for match in _VALUE.finditer(text):
        if match.start() != end:
            break
        quoted, plain = match.groups()
        values.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        end = match.end()
        if text[end : end + 1] == ",":
            end += 1
        elif end < len(text):
            break
    if end < len(text) or text.endswith(",") or not values:
        raise word.wrong(
            "values are separated by single commas; one with a comma or a blank is in double quotes"
        )
    if len(values) > MAX_VALUES:
        raise word.wrong(f"a condition has at most {MAX_VALUES} values")
    return tuple(values)


def _unknown(name: str, has_operator: bool) -> str:
    if not has_operator:
        return "a condition is a field, an operator and a value, such as actor=alice"
    return f"there is no field {name or 'before the operator'}; the fields are {', '.join(FIELDS)}"


def _time(word: _Word, text: str, now: datetime) -> datetime:
    if span := _SPAN.fullmatch(text):
        number, unit = span.groups()
        try:
            return now - timedelta(**{_UNITS[unit]: int(number)})
        except OverflowError:
            raise word.wrong("this is too long ago") from None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise word.wrong(
            "this is no time: write 2026-11-01, 2026-11-01T09:30, 2026-11-01T09:30+01:00 (without a zone, UTC), "
            "or how long ago, such as 30m, 12h, 7d"
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _known(word: _Word, values: tuple[str, ...], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return stored names. `JobCancelled`, `job_cancelled` and `Cancelled` are `cancelled`."""
    plain = {name.replace("_", ""): name for name in known}
    names = []
    for value in values:
        key = value.lower().replace("_", "").replace("-", "")
        name = plain.get(key) or plain.get(key.removeprefix("job"))
        if name is None:
            article = "an" if what[0] in "aeiou" else "a"
            raise word.wrong(f"{value} is not {article} {what}; there are {', '.join(known)}")
        names.append(name)
    return tuple(names)


def _addresses(word: _Word, values: tuple[str, ...]) -> tuple[str, ...]:
    plain = []
    for value in values:
        try:
            address = ip_address(value.partition("%")[0])
        except ValueError:
            raise word.wrong(f"{value} is no IP address; networks cannot be searched for") from None
        plain.append(str(getattr(address, "ipv4_mapped", None) or address))
    return tuple(plain)


def _job_ids(word: _Word, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _JOB_ID.fullmatch(value):
            raise word.wrong(f"{value} is no id of a job: it has 26 lower-case letters and digits")
    return values


def _events(word: _Word, values: tuple[str, ...]) -> tuple[str, ...]:
    return _known(word, values, EVENT_NAMES, "event")


def _commands(word: _Word, values: tuple[str, ...]) -> tuple[str, ...]:
    return _known(word, values, COMMAND_NAMES, "command")


_CHECKS: dict[QueryField, Callable[[_Word, tuple[str, ...]], tuple[str, ...]]] = {
    QueryField.EVENT: _events,
    QueryField.COMMAND: _commands,
    QueryField.ADDRESS: _addresses,
    QueryField.JOB: _job_ids,
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
