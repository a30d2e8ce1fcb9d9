"""Columns as array literals: Postgres reads back what was written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinolog_projector.bulk.array_literals import ArrayColumn, json_element, json_text, text_element
from sqlalchemy import Column, Double, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from kinolog.readmodel.trigrams import trigrams


def test_plain_words_stay_bare_and_others_are_quoted() -> None:
    """Texts with quotes, backslashes or braces, the word NULL and the empty text are quoted."""
    assert text_element("worker-1.example:8/a_b") == "worker-1.example:8/a_b"
    assert text_element("") == '""'
    assert text_element("null") == '"null"'
    assert text_element('a "b" \\ {c,d}') == '"a \\"b\\" \\\\ {c,d}"'


def test_characters_that_postgres_cannot_store_are_left_out() -> None:
    """NUL is removed from texts and JSON: one prompt must not stop the projector."""
    assert text_element("a\0b") == '"ab"'
    assert "\\u0000" not in json_element({"message": "a\0b"})


def test_an_escaped_character_is_not_the_character() -> None:
    """A text with the escape of NUL keeps its characters, and stays valid JSON."""
    assert json.loads(json_text({"spelled\0": ["\\u0000", "\0"]})) == {"spelled": ["\\u0000", ""]}


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (Column("x", Integer, nullable=False), [1, -2], "{1,-2}"),
        (Column("x", Double), [1.5, None], "{1.5,NULL}"),
        (Column("x", LargeBinary, nullable=False), [b"\x00\xff"], '{"\\\\x00ff"}'),
        (
            Column("x", TIMESTAMP(timezone=True)),
            [datetime(2026, 1, 2, tzinfo=UTC)],
            "{2026-01-02T00:00:00+00:00}",
        ),
        (Column("x", ARRAY(Integer), nullable=False), [[1, 2], []], '{"{1,2}","{}"}'),
    ],
)
def test_each_type_is_spelled_as_postgres_reads_it(
    column: Column[object], values: list[object], expected: str
) -> None:
    """Numbers, bytes, times and arrays are in the syntax of Postgres."""
    assert ArrayColumn(column).literal(values) == expected


@given(st.text(), st.text(min_size=3, max_size=8))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_text_within_a_text_has_no_other_trigrams(around: str, text: str) -> None:
    """Every prompt that contains a text has all of its trigrams."""
    if (around + text + around).lower() == around.lower() + text.lower() + around.lower():
        assert trigrams(text) <= trigrams(around + text + around)
    assert all(0 <= number < 2**31 for number in trigrams(text))


def test_any_text_comes_back(database_url: str) -> None:
    """Postgres reads back exactly what was written, for any characters."""
    texts = ["", "null", "NULL", " a ", "ä€🎬", "line\nbreak\ttab", '"', "\\", "{}", "a,b", "\u2028", "'; --"]
    column, document = ArrayColumn(Column("x", Text)), ArrayColumn(Column("x", JSONB))
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT %s::text[]", [column.literal([*texts, None])]).fetchone()
        assert row is not None
        assert row[0] == [*texts, None]
        objects = [{"message": text} for text in texts]
        row = connection.execute("SELECT %s::jsonb[]::text[]", [document.literal(objects)]).fetchone()
        assert row is not None
        assert [json.loads(one) for one in row[0]] == objects
