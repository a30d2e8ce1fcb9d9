"""Messages of webhooks as other services send them, read with the libraries and types of those services."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from kinolog_gateway.fal.queued_request import FalFile
from kinolog_gateway.replicate.prediction import ReplicatePrediction
from kinolog_gateway.responses.webhooks import WebhookMessage
from openai import InvalidWebhookSignatureError, OpenAI
from replicate.prediction import Prediction
from replicate.webhook import Webhooks, WebhookSigningSecret

from kinolog.job.state import Job
from kinolog.webhooks.events import WebhookEvent
from kinolog.webhooks.foreign_messages import body_in
from kinolog.webhooks.formats import WebhookFormat
from kinolog.webhooks.messages import JobNews, news_of
from kinolog.webhooks.signature import secret_text, signed_headers
from tests.builders.memory_jobs import MemoryJobs

ROOT = "https://kinolog.example"
SECRET = secret_text(bytes(32))


async def told(*, completes: bool) -> dict[WebhookEvent, tuple[JobNews, Job]]:
    """Return the events of a job that webhooks can be told of, each with the job after it."""
    jobs = MemoryJobs()
    job_id = await jobs.submit("a red circle")
    await (jobs.complete(job_id) if completes else jobs.fail(job_id))
    return {
        news.type: (news, recorded.commit.state)
        async for batch in jobs.store.read(0)
        for recorded in batch
        for news in news_of(recorded.commit)
    }


def message_in(form: WebhookFormat, news: JobNews, job: Job) -> dict[str, Any]:
    """Return a message, signed and read as a client of OpenAI and of Replicate reads it."""
    body = body_in(form, news, job, ROOT)
    assert body is not None
    assert b"circle" not in body
    headers = signed_headers([SECRET], news.message_id, int(datetime.now(UTC).timestamp()), body)
    Webhooks.validate(headers=dict(headers), body=body.decode(), secret=WebhookSigningSecret(key=SECRET))
    found: dict[str, Any] = json.loads(body)
    return found


async def test_openai() -> None:
    """`client.webhooks.unwrap` verifies and reads the event; a changed one is none."""
    news, job = (await told(completes=True))[WebhookEvent.COMPLETED]
    body = body_in(WebhookFormat.OPENAI, news, job, ROOT)
    assert body is not None
    headers = signed_headers([SECRET], news.message_id, int(datetime.now(UTC).timestamp()), body)
    client = OpenAI(api_key="none", webhook_secret=SECRET)
    event = client.webhooks.unwrap(body, headers)
    assert (str(event.type), event.object, event.created_at) == (
        "video.completed",
        "event",
        int(news.at.timestamp()),
    )
    assert event.to_dict()["data"] == {"id": job.id}
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.unwrap(body + b" ", headers)
    failed = (await told(completes=False))[WebhookEvent.FAILED]
    assert message_in(WebhookFormat.OPENAI, *failed)["type"] == "video.failed"


async def test_replicate() -> None:
    """The prediction when it starts and ends, as its client and the gateway's own routes have it."""
    found = await told(completes=True)
    started = message_in(WebhookFormat.REPLICATE, *found[WebhookEvent.STARTED])
    assert (started["status"], started["output"], started["completed_at"]) == ("processing", None, None)
    news, job = found[WebhookEvent.COMPLETED]
    message = message_in(WebhookFormat.REPLICATE, news, job)
    ReplicatePrediction.model_validate(message)
    prediction = Prediction(**message)
    assert (prediction.id, prediction.status, prediction.model) == (
        job.id,
        "succeeded",
        "kinolog/kinolog-tiny",
    )
    assert prediction.output == f"{ROOT}/api/v1/result/{job.id}/video"
    assert prediction.urls == {
        "get": f"{ROOT}/replicate/v1/predictions/{job.id}",
        "cancel": f"{ROOT}/replicate/v1/predictions/{job.id}/cancel",
    }
    failed = message_in(WebhookFormat.REPLICATE, *(await told(completes=False))[WebhookEvent.FAILED])
    assert (failed["status"], failed["error"]) == ("failed", "OUT_OF_MEMORY")


async def test_fal() -> None:
    """OK with the file, or ERROR with the reason."""
    news, job = (await told(completes=True))[WebhookEvent.COMPLETED]
    message = message_in(WebhookFormat.FAL, news, job)
    assert (message["request_id"], message["status"]) == (job.id, "OK")
    file = FalFile.model_validate(message["payload"]["video"])
    assert (file.url, file.content_type) == (f"{ROOT}/api/v1/result/{job.id}/video", "video/mp4")
    failed = message_in(WebhookFormat.FAL, *(await told(completes=False))[WebhookEvent.FAILED])
    assert (failed["status"], failed["error"]) == ("ERROR", "OUT_OF_MEMORY")


async def test_the_document_has_the_messages_of_kinolog() -> None:
    """Those that are sent fit the model, with every field."""
    for news, job in [*(await told(completes=True)).values(), *(await told(completes=False)).values()]:
        message = message_in(WebhookFormat.KINOLOG, news, job)
        read = WebhookMessage.model_validate(message)
        assert read.model_dump(mode="json", exclude_none=True)["data"] == message["data"]


async def test_what_a_service_has_no_message_about() -> None:
    """Nothing is sent then."""
    news, job = (await told(completes=True))[WebhookEvent.STARTED]
    erased = replace(news, type=WebhookEvent.ERASED)
    for form, silent in (
        (WebhookFormat.OPENAI, (news, erased)),
        (WebhookFormat.REPLICATE, (erased,)),
        (WebhookFormat.FAL, (news, erased)),
        (WebhookFormat.KINOLOG, ()),
    ):
        sent = [one for one in (news, erased) if body_in(form, one, job, ROOT) is not None]
        assert sent == [one for one in (news, erased) if one not in silent]
