"""Messages of webhooks in the forms of other services. No message has a word of a user."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from kinolog.job.state import Job
from kinolog.job.values import ArtifactKind, Status
from kinolog.webhooks.events import WebhookEvent
from kinolog.webhooks.formats import WebhookFormat
from kinolog.webhooks.messages import JobNews, message_body

_OWNER = "kinolog"
_PREDICTION_STATUSES = {
    Status.QUEUED: "starting",
    Status.PROCESSING: "processing",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELLED: "canceled",
}


def body_in(form: str, news: JobNews, job: Job, public_url: str) -> bytes | None:
    """Return the message about an event in a format; None if that service has none about it.

    `job` is the job after the event. Links begin with `public_url`; without it they are paths.
    """
    build = _FOREIGN.get(form)
    if build is None:
        return message_body(news, public_url)
    message = build(news, job, public_url.rstrip("/"))
    return None if message is None else json.dumps(message, separators=(",", ":")).encode()


def _openai(news: JobNews, job: Job, root: str) -> Mapping[str, object] | None:
    kinds = {
        WebhookEvent.COMPLETED: "video.completed",
        WebhookEvent.FAILED: "video.failed",
        WebhookEvent.CANCELLED: "video.failed",
    }
    if news.type not in kinds:
        return None
    return {
        "id": news.message_id.replace("msg_", "evt_", 1),
        "object": "event",
        "type": kinds[news.type],
        "created_at": int(news.at.timestamp()),
        "data": {"id": news.job_id},
    }


def _replicate(news: JobNews, job: Job, root: str) -> Mapping[str, object] | None:
    if news.type is WebhookEvent.ERASED:
        return None
    is_completed = news.type is WebhookEvent.COMPLETED
    own_url = f"{root}/replicate/v1/predictions/{job.id}"
    return {
        "id": job.id,
        "model": job.spec.model if "/" in job.spec.model else f"{_OWNER}/{job.spec.model}",
        "version": job.spec.model,
        "status": _PREDICTION_STATUSES[news.status],
        "input": {
            "size": f"{job.spec.width}x{job.spec.height}",
            "seed": job.spec.seed,
            "num_frames": job.spec.frames,
            "fps": job.spec.fps,
        },
        "output": _video_url(root, job) if is_completed else None,
        "logs": "",
        "error": news.error_code or None,
        "metrics": {"predict_time": job.gpu_seconds} if is_completed else {},
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "completed_at": None if news.type is WebhookEvent.STARTED else _time(news.at),
        "urls": {"get": own_url, "cancel": f"{own_url}/cancel"},
    }


def _fal(news: JobNews, job: Job, root: str) -> Mapping[str, object] | None:
    if news.type in (WebhookEvent.STARTED, WebhookEvent.ERASED):
        return None
    request = {"request_id": job.id, "gateway_request_id": job.id}
    if news.type is not WebhookEvent.COMPLETED:
        reason = news.error_code or news.status.value.upper()
        return {**request, "status": "ERROR", "error": reason, "payload": {"detail": reason}}
    video = next((one for one in job.artifacts if one.kind is ArtifactKind.VIDEO), None)
    file = {
        "url": _video_url(root, job),
        "content_type": video.media_type if video else "video/mp4",
        "file_name": f"{job.id}.mp4",
        "file_size": video.size_bytes if video else None,
    }
    return {**request, "status": "OK", "payload": {"video": file, "seed": job.spec.seed}}


def _video_url(root: str, job: Job) -> str:
    return f"{root}/api/v1/result/{job.id}/video"


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


_FOREIGN: Mapping[str, Callable[[JobNews, Job, str], Mapping[str, object] | None]] = {
    WebhookFormat.OPENAI: _openai,
    WebhookFormat.REPLICATE: _replicate,
    WebhookFormat.FAL: _fal,
}
