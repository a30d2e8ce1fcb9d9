"""Forms as values, and any body for the routes of other services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinolog_gateway.compatibility.form_fields import form_values, from_json
from kinolog_gateway.http.problems import HttpProblemError

from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.test_any_input import OBJECTS, VALUES

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ([("a", "1"), ("a", "2")], {"a": "2"}),
        ([("meta[k]", "true"), ("meta[l][m]", "x")], {"meta": {"k": "true", "l": {"m": "x"}}}),
        ([("tags[]", "a"), ("tags[]", "b")], {"tags": ["a", "b"]}),
        ([("s[0][p]", "a"), ("s[1][p]", "b"), ("s[0][q]", "c")], {"s": [{"p": "a", "q": "c"}, {"p": "b"}]}),
        ([("s[][p]", "a"), ("s[][p]", "b"), ("s[][q]", "1"), ("s[][q]", "2")],
         {"s": [{"p": "a", "q": "1"}, {"p": "b", "q": "2"}]}),
    ],
)  # fmt: skip
def test_brackets(fields: list[tuple[str, str]], values: dict[str, Any]) -> None:
    """Objects, lists, and lists of objects in both spellings."""
    assert form_values(fields) == values


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("s[][p]", "a"), ("s[][p]", "b"), ("s[][q]", "1")], "send it as JSON"),
        ([("a", "1"), ("a[k]", "2")], "as a value and as an object"),
        ([("a[]", "1"), ("a[k]", "2")], "as a value and as an object"),
        ([("a[][b][c]", "1")], "nested too deeply"),
        ([("a[b", "1")], "is no name of a field"),
        ([("a[b][c][d][e][f]", "1")], "is no name of a field"),
        ([(f"a{index}", "1") for index in range(401)], "at most 400 fields"),
    ],
)
def test_names_that_mean_nothing(fields: list[tuple[str, str]], words: str) -> None:
    """They are refused, and none is guessed."""
    with pytest.raises(HttpProblemError, match=words):
        form_values(fields)


def test_texts_are_values() -> None:
    """Only what is JSON, and no constant that JSON lacks."""
    assert [from_json(text) for text in ("7", "true", '{"a": 1}', "x", "NaN", "7x", "")] == [
        7,
        True,
        {"a": 1},
        "x",
        "NaN",
        "7x",
        "",
    ]


async def test_any_body(gateway: RunningGateway) -> None:
    """Any JSON and any form is served, or refused with an error in the shape of the SDKs below 500."""
    names = st.from_regex(r"[a-z]{1,3}(\[[a-z0-9]{0,2}\]?){0,3}", fullmatch=True)
    own = st.sampled_from(["prompt", "seconds", "size", "loras[][name]", "extra_body", "input_reference"])
    forms = st.lists(st.tuples(names | own, st.text(max_size=9) | VALUES.map(json.dumps)), max_size=5)

    cases: list[tuple[Any, list[tuple[str, str]], str]] = []

    @given(body=VALUES | OBJECTS, fields=forms, path=st.sampled_from(["", "/edits", "/extensions"]))
    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.nested_given])
    def draw(body: Any, fields: list[tuple[str, str]], path: str) -> None:
        cases.append((body, fields, path))

    draw()
    for body, fields, path in cases:
        form = {name: (None, text.encode("utf-8", "replace")) for name, text in fields or [("a", "")]}
        for sent in ({"content": json.dumps(body), "headers": JSON}, {"files": form}):
            response = await gateway.client.post(f"/v1/videos{path}", **sent)
            assert response.status_code < 500, (body, fields, response.text)
            assert response.status_code == 200 or response.json()["error"]["message"]
