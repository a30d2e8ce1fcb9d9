"""The language of questions about reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kinolog.event_query.words import InvalidQuery
from kinolog.reads.address_keys import address_key, current_address_keys, ended_address_keys
from kinolog.reads.read_query import ReadCondition, ReadField, parse_read_query

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JOB = "a" * 26


def test_conditions_are_understood() -> None:
    """Values, exclusions, times and addresses, as in questions about commits."""
    query = parse_read_query(
        f"actor=alice,bob kind!=Other address=::ffff:192.0.2.7 job={JOB} since=7d until=2026-11-21 tenant=studio",
        NOW,
    )
    assert query.conditions == (
        ReadCondition(ReadField.ACTOR, ("alice", "bob")),
        ReadCondition(ReadField.KIND, ("other",), excludes=True),
        ReadCondition(ReadField.ADDRESS, ("192.0.2.7",)),
        ReadCondition(ReadField.JOB, (JOB,)),
    )
    assert query.address_conditions == query.conditions[2:3]
    assert (query.since, query.until) == (NOW - timedelta(days=7), datetime(2026, 11, 21, tzinfo=UTC))
    assert query.tenant == "studio"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model=large", "there is no field model; the fields are tenant, actor, key"),
        ("actor", "a condition is a field, an operator and a value, such as actor=alice"),
        ("kind=videos", "videos is not a kind of read; there are file, text, record, other"),
        ("address=10.0.0.0/8", "is no IP address"),
        ("job=abc", "abc is no id of a job"),
        ("since!=7d", "since takes one time"),
        ("actor>=b", "actor is compared with = or !="),
        ("tenant=a tenant=b", "a question is about one tenant"),
    ],
)
def test_what_is_not_understood_is_said(text: str, problem: str) -> None:
    """The error names the word and what is wrong with it."""
    with pytest.raises(InvalidQuery, match="at column") as raised:
        parse_read_query(text, NOW)
    assert problem in str(raised.value)


def test_keys_of_addresses_end_when_no_read_of_their_month_is_kept() -> None:
    """A key is of one month. It is not among the ended ones while any day of the month is kept."""
    assert address_key(NOW) == "reads-2026-11"
    ended = ended_address_keys(NOW, 21)
    assert ended[:2] == ["reads-2026-10", "reads-2026-09"]
    assert ended_address_keys(NOW, 22)[0] == "reads-2026-09"
    assert len(set(ended)) == len(ended) == 24


def test_each_month_is_kept_or_has_ended() -> None:
    """The keys of the months that are kept end where the others begin."""
    for days in (1, 21, 22, 90, 365):
        kept, ended = current_address_keys(NOW, days), ended_address_keys(NOW, days)
        assert kept[0] == address_key(NOW)
        months = [*kept, *ended]
        assert months == sorted(set(months), reverse=True)
        years = [12 * int(month[6:10]) + int(month[11:]) for month in months]
        assert years == list(range(years[0], years[0] - len(years), -1))
