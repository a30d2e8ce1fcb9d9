"""Forms as values, and any body for the routes of other services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinolog_gateway.compatibility.form_fields import form_values, from_json
from kinolog_gateway.compatibility.frame_size import frame_size
from kinolog_gateway.compatibility.model_choice import foreign_model
from kinolog_gateway.http.problems import HttpProblemError, Violation, make_problem
from kinolog_gateway.openai.error_shape import openai_error
from kinolog_gateway.veo.error_shape import google_error

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.test_any_input import OBJECTS, VALUES

VEO = "/veo/v1/publishers/google/models/veo-3:predictLongRunning"
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


def sized(sizes: list[str], **fields: str) -> str | None:
    """Return the size that fields get for a model whose usual size is 832x480."""
    values: dict[str, Any] = dict(fields)
    model = pb.Model(name="wan", sizes=sizes, defaults=pb.JobSpec(width=832, height=480))
    frame_size(values, "aspect_ratio", "resolution", model)
    assert values.keys() <= {"size"}
    return values.get("size")


def test_sizes_of_ratios() -> None:
    """A size of the model, or one of about as many pixels whose sides are multiples of 16."""
    own = ["832x480", "480x832", "1280x720"]
    assert sized(own) is None
    assert sized(own, aspect_ratio="16:9") == "832x480"
    assert sized(own, aspect_ratio="9:16") == "480x832"
    assert sized(own, aspect_ratio="16:9", resolution="720p") == "1280x720"
    assert sized([], aspect_ratio="1:1") == "624x624"
    assert sized([], aspect_ratio="9:16", resolution="480p") == "480x848"
    assert sized([], resolution="240p") == "416x240"
    for wrong in (
        {"aspect_ratio": "1:1"},
        {"resolution": "1080p"},
        {"aspect_ratio": "wide"},
        {"resolution": "hd"},
    ):
        with pytest.raises(HttpProblemError):
            sized(own, **wrong)


@pytest.mark.parametrize(
    ("status", "openai_type", "google_status", "headers"),
    [
        (400, "invalid_request_error", "INVALID_ARGUMENT", {}),
        (401, "invalid_request_error", "UNAUTHENTICATED", {}),
        (403, "permission_error", "PERMISSION_DENIED", {}),
        (404, "invalid_request_error", "NOT_FOUND", {}),
        (409, "invalid_request_error", "FAILED_PRECONDITION", {"x-should-retry": "false"}),
        (429, "rate_limit_error", "RESOURCE_EXHAUSTED", {}),
        (500, "server_error", "INTERNAL", {}),
        (503, "server_error", "UNAVAILABLE", {}),
        (507, "server_error", "INTERNAL", {"x-should-retry": "false"}),
    ],
)
def test_errors_in_the_shapes_of_others(
    status: int, openai_type: str, google_status: str, headers: dict[str, str]
) -> None:
    """What clients tell errors apart by."""
    shaped = openai_error(
        make_problem(status, "SOME_REASON", "why", (Violation(field="seed", message="no"),))
    )
    assert shaped.headers == headers
    assert shaped.body.model_dump() == {
        "error": {"message": "why", "type": openai_type, "param": "seed", "code": "some_reason"}
    }
    other = google_error(make_problem(status, "SOME_REASON", "why"))
    assert other.body.model_dump() == {"error": {"code": status, "message": "why", "status": google_status}}


def test_models_by_their_names() -> None:
    """A name that no model has is refused, also if a part of it is empty: the default model is asked for by name."""
    models = [pb.Model(name="wan"), pb.Model(name="usual", is_default=True)]
    assert [foreign_model(models, *names).name for names in (("x", "wan"), ("default",))] == ["wan", "usual"]
    for names in ((), ("",), ("no-such", "")):
        with pytest.raises(HttpProblemError, match="no such model"):
            foreign_model(models, *names)


async def test_halves_of_characters(gateway: RunningGateway) -> None:
    """JSON can hold them, and no message of the api can: they are wrong fields, in names and in values."""
    for path, body in (
        ("/v1/videos", r'{"prompt": "x", "input_reference": {"file_id": "\ud800"}}'),
        ("/replicate/v1/predictions", r'{"version": "default", "input": {"prompt": "x"}, "\ud800": 1}'),
    ):
        response = await gateway.client.post(path, content=body, headers=JSON)
        assert response.status_code == 400, (path, response.text)


async def test_many_values(gateway: RunningGateway) -> None:
    """A body of small values, which would take far more memory than it has bytes, is refused before it is parsed."""
    body = '{"prompt": "x", "scenes": [' + "[]," * 60_000 + "[]]}"
    response = await gateway.client.post("/v1/videos", content=body, headers=JSON)
    assert (response.status_code, "too many values" in response.text) == (400, True)


async def test_deep_values(gateway: RunningGateway) -> None:
    """Lists within lists, up to what JSON can be parsed with, are wrong values."""
    nested = "[" * 700 + "1" + "]" * 700
    for sent in (
        {"content": f'{{"prompt": "x", "seed": {nested}}}', "headers": JSON},
        {"files": {"prompt": (None, "x"), "loras": (None, nested)}},
    ):
        assert (await gateway.client.post("/v1/videos", **sent)).status_code == 400


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
        nested = json.dumps({"input": body, "version": "default", "instances": [body], "parameters": body})
        for route, sent in (
            (f"/v1/videos{path}", {"content": json.dumps(body), "headers": JSON}),
            (f"/v1/videos{path}", {"files": form}),
            ("/fal/default", {"content": json.dumps(body), "headers": JSON}),
            ("/replicate/v1/predictions", {"content": nested, "headers": JSON}),
            (
                "/veo/v1/publishers/google/models/veo-3:predictLongRunning",
                {"content": nested, "headers": JSON},
            ),
        ):
            response = await gateway.client.post(route, **sent)
            assert response.status_code < 500, (route, body, fields, response.text)
            problem = response.json() | {"message": response.json().get("detail")}
            assert response.is_success or problem.get("error", problem)["message"]
