"""The limits of the gateway are those of the wire contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import protovalidate
import pytest
from google.protobuf.message import Message
from kinolog_gateway.http.request_errors import violation
from kinolog_gateway.requests.filters import SeriesQuery
from kinolog_gateway.requests.generate import GenerateRequest
from kinolog_gateway.requests.keys import NewKeyRequest
from kinolog_gateway.requests.queries import BulkRequest, JobsQuery
from kinolog_gateway.requests.queue import PauseQueueBody
from kinolog_gateway.requests.schedules import NewScheduleRequest
from kinolog_gateway.requests.value_types import RequestModel
from kinolog_gateway.requests.webhooks import NewWebhookRequest
from pydantic import ValidationError

from kinolog.v1 import access_service_pb2 as ac
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import schedule_service_pb2 as sc
from kinolog.v1 import webhook_service_pb2 as wh

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
validator = protovalidate.Validator()

EDGES: list[tuple[str, Any, Any]] = [
    ("prompt", "x" * 4000, "x" * 4001),
    ("negative_prompt", "x" * 4000, "x" * 4001),
    ("model", "m" * 200, "m" * 201),
    ("style", "s" * 50, "s" * 51),
    ("duration", 600, 600.001),
    ("frames", 36_000, 36_001),
    ("frames", 1, 0),
    ("size", "16x8192", "16x8193"),
    ("size", "8192x16", "8192x15"),
    ("fps", 120, 121),
    ("fps", 1, 0),
    ("steps", 1000, 1001),
    ("guidance", 100, 100.001),
    ("guidance", 0, -0.001),
    ("seed", 9_007_199_254_740_991, 9_007_199_254_740_992),
    ("request_id", "r" * 128, "r" * 129),
    ("request_id", "aZ0._:-", "a/b"),
    ("webhook", "https://" + "w" * 1992, "https://" + "w" * 1993),
    ("max_attempts", 10, 11),
    ("crf", 63, 64),
    ("crf", 1, 0),
    ("title", "t" * 200, "t" * 201),
]


def violations_of(message: Message) -> list[str]:
    """Return the violations that the contract finds in a message."""
    return [violation.proto.message for violation in validator.collect_violations(message)]


@pytest.mark.parametrize(("field", "inside", "outside"), EDGES)
def test_limits_of_a_submission(field: str, inside: Any, outside: Any) -> None:
    """A value just inside a limit is accepted by both; one just outside, by neither."""
    accepted = GenerateRequest.model_validate({"prompt": "x", field: inside})
    assert violations_of(accepted.to_proto(accepted.request_id or "r")) == []
    with pytest.raises(ValidationError):
        GenerateRequest.model_validate({"prompt": "x", field: outside})
    loose = GenerateRequest.model_construct(**{**dict(GenerateRequest(prompt="x")), field: outside})
    assert violations_of(loose.to_proto(loose.request_id or "r"))


@pytest.mark.parametrize(
    "query",
    [
        {
            "limit": 100,
            "offset": 10_000_000,
            "text": "x" * 200,
            "model": ["m" * 200] * 20,
            "style": ["s" * 50] * 20,
        },
        {"cursor": "c" * 1000, "sort": "priority", "order": "asc"},
        {"status": "queued,processing,completed,failed,cancelled", "priority": "low,medium,high,critical"},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
    ],
)
def test_limits_of_a_list(query: dict[str, Any]) -> None:
    """The widest query that the gateway accepts is one that the contract accepts."""
    accepted = JobsQuery.model_validate(query)
    request = pb.ListJobsRequest(
        filter=accepted.to_proto(NOW),
        order_by=f"{accepted.sort} {accepted.order}",
        page_size=accepted.limit,
        page_token=accepted.page_token,
        offset=accepted.offset,
    )
    assert violations_of(request) == []


def test_limits_of_a_bulk_command() -> None:
    """A thousand jobs are accepted by both, one more by neither."""
    ids = ["a" * 26] * 1000
    assert BulkRequest.model_validate({"action": "cancel", "job_ids": ids}).job_ids == ids
    assert violations_of(pb.BulkCancelJobsRequest(selection=pb.JobSelection(job_ids=ids))) == []
    assert violations_of(pb.BulkCancelJobsRequest(selection=pb.JobSelection(job_ids=[*ids, ids[0]])))
    with pytest.raises(ValidationError):
        BulkRequest.model_validate({"action": "cancel", "job_ids": [*ids, ids[0]]})


def test_spans_of_charts() -> None:
    """Every named span is one that the contract accepts."""
    for name in (
        "today",
        "this_week",
        "this_month",
        "last_24_hours",
        "last_7_days",
        "last_30_days",
        "all_time",
    ):
        query = SeriesQuery.model_validate({"date_range": name, "bucket_seconds": 2_678_400})
        assert violations_of(query.to_proto(NOW)) == []


NAME = "n" * 64
JOB = {"prompt": "a fox"}
HOOK = "https://example.org/"
BODIES: list[tuple[type[RequestModel], dict[str, Any], str, type[Message]]] = [
    (NewScheduleRequest, {"cron": "0 * * * *", "job": JOB, "name": NAME}, "name", sc.CreateScheduleRequest),
    (
        NewScheduleRequest,
        {"cron": "0 * * * *", "job": JOB, "zone": "z" * 64},
        "zone",
        sc.CreateScheduleRequest,
    ),
    (NewScheduleRequest, {"cron": "c" * 200, "job": JOB}, "cron", sc.CreateScheduleRequest),
    (NewWebhookRequest, {"address": f"{HOOK:h<2000}"}, "address", wh.CreateWebhookRequest),
    (NewWebhookRequest, {"address": HOOK, "name": NAME}, "name", wh.CreateWebhookRequest),
    (NewKeyRequest, {"actor": "ada", "name": NAME}, "name", ac.CreateKeyRequest),
    (PauseQueueBody, {"reason": "r" * 200}, "reason", pb.PauseQueueRequest),
]
"""Bodies with a text that cannot be longer, and the message that it goes into, in a field of the same name."""


@pytest.mark.parametrize(("body", "widest", "field", "message"), BODIES)
def test_lengths_of_bodies(
    body: type[RequestModel], widest: dict[str, Any], field: str, message: type[Message]
) -> None:
    """A text of the greatest length is accepted by both; a longer one by neither. The gateway counts characters."""

    text = widest[field]
    assert getattr(body.model_validate(widest), field) == text
    others = violations_of(message(**{field: "x"}))
    assert violations_of(message(**{field: text})) == others
    assert len(violations_of(message(**{field: text + "x"}))) == len(others) + 1
    with pytest.raises(ValidationError) as refused:
        body.model_validate({**widest, field: text + "x"})
    (error,) = refused.value.errors()
    problem = violation({**error, "loc": ("body", *error["loc"])})
    assert (problem.field, problem.message) == (field, f"must have at most {len(text)} characters")


def test_every_limited_text_is_measured_in_characters() -> None:
    """No text of a request is counted in items, whatever is checked before its length."""
    found = {}
    for model in (
        GenerateRequest,
        JobsQuery,
        BulkRequest,
        NewScheduleRequest,
        NewWebhookRequest,
        NewKeyRequest,
    ):
        for name, field in model.model_fields.items():
            values = {field.alias or name: "x" * 5_000}
            with pytest.raises(ValidationError) as refused:
                model.model_validate(values)
            for error in refused.value.errors():
                if error["type"] in ("too_long", "string_too_long") and error["loc"][-1] == (
                    field.alias or name
                ):
                    found[f"{model.__name__}.{name}"] = violation(
                        {**error, "loc": ("body", *error["loc"])}
                    ).message
    assert {
        "GenerateRequest.prompt",
        "GenerateRequest.title",
        "JobsQuery.text",
        "NewScheduleRequest.name",
    } <= set(found)
    assert all(message.endswith(" characters") for message in found.values()), found
