"""The words of questions about commits and about reads: conditions, values and times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

MAX_QUERY_CHARACTERS = 4_000
MAX_CONDITIONS = 32
MAX_VALUES = 100

_WORD = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+')
_CONDITION = re.compile(r"([A-Za-z_]*)(!=|>=|<=|=|<|>)?(.*)", re.DOTALL)
_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",]+)')
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_JOB_ID = re.compile(r"[a-z0-9]{26}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class InvalidQuery(ValueError):
    """The text is no question. `word` is the part that is wrong, `column` where it begins, counted from 1."""

    def __init__(self, word: str, column: int, problem: str) -> None:
        super().__init__(f"at column {column}, `{word}`: {problem}" if word else problem)
        self.word = word
        self.column = column


@dataclass(frozen=True, slots=True)
class Word:
    """A condition as it is written, and where."""

    text: str
    column: int

    def wrong(self, problem: str) -> InvalidQuery:
        """Return the error that says what is wrong with it."""
        return InvalidQuery(self.text, self.column, problem)


@dataclass(frozen=True, slots=True)
class WrittenCondition:
    """A condition in its parts: the field, the operator and the values."""

    word: Word
    name: str
    operator: str
    values: tuple[str, ...]

    @property
    def excludes(self) -> bool:
        """Whether what has one of the values is left out."""
        return self.operator == "!="

    def check_equality(self) -> None:
        """Raise `InvalidQuery` unless it compares with = or !=."""
        if self.operator not in ("=", "!="):
            raise self.word.wrong(f"{self.name} is compared with = or !=")

    def tenant(self, earlier: str) -> str:
        """Return the tenant that it names; `earlier` is that of an earlier condition. Raises `InvalidQuery`."""
        if self.operator != "=" or len(self.values) > 1 or earlier:
            raise self.word.wrong("a question is about one tenant: tenant=NAME, once")
        if not _TENANT.fullmatch(self.values[0]):
            raise self.word.wrong("this is no name of a tenant")
        return self.values[0]

    def time(self, now: datetime, example: str) -> datetime:
        """Return the time that it names. Raises `InvalidQuery`."""
        if self.operator != "=" or len(self.values) > 1:
            raise self.word.wrong(f"{self.name} takes one time: {self.name}={example}")
        return _time(self.word, self.values[0], now)


def written_conditions(
    text: str, fields: Sequence[str], examples: Mapping[str, str]
) -> list[WrittenCondition]:
    """Return the conditions of a question with one of the fields each. Raises `InvalidQuery`."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise InvalidQuery("", 1, f"the question has more than {MAX_QUERY_CHARACTERS} characters")
    words = list(_words(text))
    if len(words) > MAX_CONDITIONS:
        raise words[MAX_CONDITIONS].wrong(f"a question has at most {MAX_CONDITIONS} conditions")
    return [_written(word, fields, examples) for word in words]


def _written(word: Word, fields: Sequence[str], examples: Mapping[str, str]) -> WrittenCondition:
    match = _CONDITION.fullmatch(word.text)
    if match is None:  # the pattern matches every text
        raise AssertionError(word.text)
    name, operator, rest = match.groups()
    name = name.lower()
    if name not in fields:
        raise word.wrong(_unknown(name, fields, has_operator=bool(operator)))
    if operator is None:
        raise word.wrong(f"a condition is a field, an operator and a value, such as {name}={examples[name]}")
    if not rest:
        raise word.wrong(f"a value is missing, such as {name}{operator}{examples[name]}")
    return WrittenCondition(word, name, operator, _values(word, rest))


def _unknown(name: str, fields: Sequence[str], *, has_operator: bool) -> str:
    if not has_operator:
        return "a condition is a field, an operator and a value, such as actor=alice"
    return f"there is no field {name or 'before the operator'}; the fields are {', '.join(fields)}"


def _words(text: str) -> Iterator[Word]:
    end = 0
    for match in _WORD.finditer(text):
        if gap := text[end : match.start()].strip():
            raise InvalidQuery(gap, text.index(gap, end) + 1, "a quote is not closed")
        yield Word(match.group(), match.start() + 1)
        end = match.end()
    if rest := text[end:].strip():
        raise InvalidQuery(rest, text.index(rest, end) + 1, "a quote is not closed")


def _values(word: Word, text: str) -> tuple[str, ...]:
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


def _time(word: Word, text: str, now: datetime) -> datetime:
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


def known_names(word: Word, values: tuple[str, ...], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return stored names. `JobCancelled`, `job_cancelled` and `Cancelled` are `cancelled`. Raises `InvalidQuery`."""
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


def checked_addresses(word: Word, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return IP addresses, each in the one way to write it. Raises `InvalidQuery`."""
    plain = []
    for value in values:
        try:
            address = ip_address(value.partition("%")[0])
        except ValueError:
            raise word.wrong(f"{value} is no IP address; networks cannot be searched for") from None
        plain.append(str(getattr(address, "ipv4_mapped", None) or address))
    return tuple(plain)


def checked_job_ids(word: Word, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return ids of jobs. Raises `InvalidQuery`."""
    for value in values:
        if not _JOB_ID.fullmatch(value):
            raise word.wrong(f"{value} is no id of a job: it has 26 lower-case letters and digits")
    return values
