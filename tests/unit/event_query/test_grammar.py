"""The language of questions about commits: what it understands, and what it says of the rest."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.event_query.grammar import FIELDS, parse_query
from kinolog.event_query.query import Condition, EventQuery, QueryField
from kinolog.event_query.words import InvalidQuery

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
JOB = "abcdefghijklmnopqrstuvwxyz"
DOCS = Path(__file__).parents[3] / "docs" / "audit.md"


def parsed(text: str) -> EventQuery:
    """Return a question, asked at noon."""
    return parse_query(text, NOW)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("actor=alice", Condition(QueryField.ACTOR, ("alice",))),
        ("Actor=alice,bob", Condition(QueryField.ACTOR, ("alice", "bob"))),
        ('actor="Ada L, x","a \\"q\\""', Condition(QueryField.ACTOR, ("Ada L, x", 'a "q"'))),
        ("client!=curl", Condition(QueryField.CLIENT, ("curl",), excludes=True)),
        ("event=JobCancelled", Condition(QueryField.EVENT, ("cancelled",))),
        ("event=cancelled,attempt-started", Condition(QueryField.EVENT, ("cancelled", "attempt_started"))),
        ("command=Submit", Condition(QueryField.COMMAND, ("submit",))),
        ("outcome!=completed", Condition(QueryField.EVENT, ("completed",), excludes=True)),
        ("address=2001:DB8:0::1", Condition(QueryField.ADDRESS, ("2001:db8::1",))),
        ("address=fe80::1%eth0", Condition(QueryField.ADDRESS, ("fe80::1",))),
        ("address=::ffff:192.0.2.7", Condition(QueryField.ADDRESS, ("192.0.2.7",))),
        (f"job={JOB}", Condition(QueryField.JOB, (JOB,))),
        ("model=a=b", Condition(QueryField.MODEL, ("a=b",))),
    ],
)
def test_conditions(text: str, condition: Condition) -> None:
    """A condition is a field, an operator and values; names of events and commands may be written as they are shown."""
    assert parsed(text) == EventQuery(conditions=(condition,))


def test_times_positions_and_the_tenant() -> None:
    """Bounds of several conditions meet; a time without a zone is UTC."""
    assert parsed("  ") == EventQuery()
    assert parsed("tenant=lab since=7d until=2026-11-27T10:00+01:00") == EventQuery(
        tenant="lab",
        since=NOW - timedelta(days=7),
        until=datetime(2026, 11, 27, 10, tzinfo=timezone(timedelta(hours=1))),
    )
    assert parsed("since=2026-11-01").since == datetime(2026, 11, 1, tzinfo=UTC)
    assert parsed("since=1d since=1h until=2m until=1w") == EventQuery(
        since=NOW - timedelta(hours=1), until=NOW - timedelta(weeks=1)
    )
    assert parsed("position>=3 position<=9 position>=5") == EventQuery(first_position=5, last_position=9)
    assert parsed("position=4") == EventQuery(first_position=4, last_position=4)


@pytest.mark.parametrize(
    ("text", "word", "column", "problem"),
    [
        ("actor=a colour=red", "colour=red", 9, "there is no field colour; the fields are tenant, actor"),
        ("alice", "alice", 1, "a condition is a field, an operator and a value"),
        ("since", "since", 1, "such as since=7d"),
        ("actor=", "actor=", 1, "a value is missing, such as actor=alice"),
        ("actor=a,,b", "actor=a,,b", 1, "separated by single commas"),
        ("actor=a,", "actor=a,", 1, "separated by single commas"),
        ('event=failed actor="x', '"', 20, "a quote is not closed"),
        ("actor>a", "actor>a", 1, "actor is compared with = or !="),
        ("since=yesterday", "since=yesterday", 1, "this is no time: write 2026-11-01"),
        ("since!=7d", "since!=7d", 1, "since takes one time"),
        ("until=99999999d", "until=99999999d", 1, "this is no time"),
        ("until=999999w", "until=999999w", 1, "this is too long ago"),
        ("position>5", "position>5", 1, "position is compared with =, >= or <="),
        ("position=x", "position=x", 1, "a position is one number"),
        ("position=9223372036854775808", "position=9223372036854775808", 1, "a position is one number"),
        ("event=lost", "event=lost", 1, "lost is not an event; there are submitted"),
        ("command=win", "command=win", 1, "win is not a command; there are submit"),
        ("outcome=ok", "outcome=ok", 1, "ok is not an outcome; there are completed, failed, cancelled"),
        ("address=10.0.0.0/8", "address=10.0.0.0/8", 1, "10.0.0.0/8 is no IP address"),
        ("job=x", "job=x", 1, "x is no id of a job"),
        ("tenant=a tenant=b", "tenant=b", 10, "a question is about one tenant"),
        ("tenant=*", "tenant=*", 1, "this is no name of a tenant"),
        ("revision=r1 event=completed", "revision=r1", 1, "only attempt_started and runtime_recorded state"),
    ],
)
def test_errors_name_the_word(text: str, word: str, column: int, problem: str) -> None:
    """An error says which word is wrong, where it begins, and what to write instead."""
    with pytest.raises(InvalidQuery, match=re.escape(problem)) as raised:
        parsed(text)
    assert (raised.value.word, raised.value.column) == (word, column)
    assert str(raised.value).startswith(f"at column {column}, `{word}`: ")


def test_limits() -> None:
    """A question has an end: characters, conditions and values."""
    for text in ("a" * 4_001, "actor=a " * 33, "actor=" + ",".join(["a"] * 101)):
        with pytest.raises(InvalidQuery, match=r"more than|at most"):
            parsed(text)


@given(st.text(max_size=60))
def test_any_text_is_a_question_or_an_error(text: str) -> None:
    """No text raises anything else, and the word of an error is part of the text."""
    wrong = ""
    try:
        parsed(text)
    except InvalidQuery as error:
        wrong = error.word
    assert wrong in text


@given(st.text(min_size=1, max_size=30))
def test_every_value_can_be_written(value: str) -> None:
    """A text in double quotes, with quotes and backslashes escaped, is that value."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parsed(f'actor="{escaped}"') == EventQuery(conditions=(Condition(QueryField.ACTOR, (value,)),))


def test_every_field_is_documented() -> None:
    """The page about questions has a line for each field."""
    text = DOCS.read_text()
    assert [field for field in FIELDS if f"| `{field}` |" not in text] == []
