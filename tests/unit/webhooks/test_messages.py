"""Messages of webhooks: their words, their signatures, and their retries."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from kinolog.job.values import Status
from kinolog.webhooks.events import WebhookEvent
from kinolog.webhooks.messages import JobNews, message_body
from kinolog.webhooks.retries import RETRY_SECONDS, pause_seconds
from kinolog.webhooks.signature import secret_text, signed_headers

NEWS = JobNews(
    message_id="msg_j_7",
    type=WebhookEvent.COMPLETED,
    at=datetime(2026, 5, 1, 12, 0, 0, 5000, tzinfo=UTC),
    job_id="j",
    tenant="studio",
    actor="ada",
    status=Status.COMPLETED,
    attempt=1,
)


def test_the_message_about_a_finished_job() -> None:
    """It has links, and no word of a user."""
    assert json.loads(message_body(NEWS, "https://kinolog.example/")) == {
        "id": "msg_j_7",
        "type": "job.completed",
        "timestamp": "2026-05-01T12:00:00.005Z",
        "data": {
            "job_id": "j",
            "status": "completed",
            "attempt": 1,
            "links": {
                "status": "https://kinolog.example/api/v1/status/j",
                "page": "https://kinolog.example/jobs/j",
                "result": "https://kinolog.example/api/v1/result/j",
                "video": "https://kinolog.example/api/v1/result/j/video",
            },
        },
    }
    failed = replace(NEWS, type=WebhookEvent.FAILED, status=Status.FAILED, error_code="OUT_OF_MEMORY")
    data = json.loads(message_body(failed, ""))["data"]
    assert data["error_code"] == "OUT_OF_MEMORY"
    assert data["links"] == {"status": "/api/v1/status/j", "page": "/jobs/j"}


def test_receivers_verify_with_the_library_of_the_standard() -> None:
    """Each of two secrets verifies, another one does not, nor does a changed message."""
    now = int(datetime.now(UTC).timestamp())
    secrets = [secret_text(bytes([number]) * 32) for number in range(3)]
    body = message_body(NEWS, "")
    headers = dict(signed_headers(secrets[:2], NEWS.message_id, now, body))
    for secret in secrets[:2]:
        assert Webhook(secret).verify(body.decode(), headers)["id"] == NEWS.message_id
    for secret, sent in ((secrets[2], body), (secrets[0], body + b" ")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(sent.decode(), headers)


def test_retries_last_three_days() -> None:
    """Pauses grow, vary a little, and end."""
    pauses = [pause_seconds(RETRY_SECONDS, attempts, 0.5) for attempts in range(1, 11)]
    assert pauses[0] == pytest.approx(5.25)
    assert pauses[-1] is None
    assert sum(RETRY_SECONDS) / 3600 == pytest.approx(75.6, abs=0.1)
