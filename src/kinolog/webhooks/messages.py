"""What webhooks are told of: the events of jobs, and the message about each. No message has a word of a user."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kinolog.job import events as e
from kinolog.job.commit import Commit
from kinolog.job.names import stored_name
from kinolog.job.values import Status
from kinolog.webhooks.events import WebhookEvent

_TYPES: dict[type, WebhookEvent] = {
    e.AttemptStarted: WebhookEvent.STARTED,
    e.Completed: WebhookEvent.COMPLETED,
    e.Failed: WebhookEvent.FAILED,
    e.Cancelled: WebhookEvent.CANCELLED,
    e.Erased: WebhookEvent.ERASED,
}
ANNOUNCED_EVENTS = tuple(map(stored_name, _TYPES))
"""Stored names of the events of jobs that webhooks are called for."""
_STATUSES = {
    WebhookEvent.STARTED: Status.PROCESSING,
    WebhookEvent.COMPLETED: Status.COMPLETED,
    WebhookEvent.FAILED: Status.FAILED,
    WebhookEvent.CANCELLED: Status.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNews:
    """An event of a job that webhooks are called for. `message_id` is the same in every call about it."""

    message_id: str
    type: WebhookEvent
    at: datetime
    job_id: str
    tenant: str
    actor: str
    status: Status
    attempt: int
    error_code: str = ""


def news_of(commit: Commit) -> Iterator[JobNews]:
    """Yield the events of a commit that webhooks are called for."""
    first = commit.version - len(commit.events) + 1
    for number, event in enumerate(commit.events, first):
        kind = _TYPES.get(type(event))
        if kind is None:
            continue
        job = commit.state
        yield JobNews(
            message_id=f"msg_{job.id}_{number}",
            type=kind,
            at=event.at,
            job_id=job.id,
            tenant=job.tenant,
            actor=job.actor,
            status=_STATUSES.get(kind, job.status),
            attempt=getattr(event, "attempt", job.attempt),
            error_code=event.error.code if isinstance(event, e.Failed) else "",
        )


def message_body(news: JobNews, public_url: str) -> bytes:
    """Return the message about an event as JSON. Links begin with `public_url`; without it they are paths."""
    root = f"{public_url.rstrip('/')}/api/v1"
    links = {"status": f"{root}/status/{news.job_id}", "page": f"{public_url.rstrip('/')}/jobs/{news.job_id}"}
    if news.type is WebhookEvent.COMPLETED:
        links |= {"result": f"{root}/result/{news.job_id}", "video": f"{root}/result/{news.job_id}/video"}
    data: dict[str, object] = {
        "job_id": news.job_id,
        "status": news.status.value,
        "attempt": news.attempt,
        "links": links,
    }
    if news.error_code:
        data["error_code"] = news.error_code
    message = {
        "id": news.message_id,
        "type": news.type.value,
        "timestamp": news.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": data,
    }
    return json.dumps(message, separators=(",", ":")).encode()
