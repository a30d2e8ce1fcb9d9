"""Jobs as predictions of Replicate's interface."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import Request
from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.compatibility.public_links import public_url, video_url
from kinolog_gateway.enum_names import StatusName, status_name, time_field, to_datetime
from kinolog_gateway.responses.job_parts import ResponseModel

PREFIX = "/replicate/v1"
OWNER = "kinolog"
"""Replicate's names of models have an owner. Those without a slash get this one."""

PredictionStatusName = Literal["starting", "processing", "succeeded", "failed", "canceled"]

_STATUSES: dict[StatusName, PredictionStatusName] = {
    "queued": "starting",
    "processing": "processing",
    "completed": "succeeded",
    "failed": "failed",
    "cancelled": "canceled",
}
_BAR_CELLS = 10


class ReplicatePrediction(ResponseModel):
    """A video, finished or not."""

    id: str = Field(description="The job: 26 lower-case letters and digits.")
    model: str = Field(description="Owner and name of the model.")
    version: str = Field(description="Name of the model.")
    status: PredictionStatusName
    input: dict[str, Any] = Field(description="The prompt and main settings.")
    output: str | None = Field(description="Address of the video; null until it is completed.")
    logs: str = Field(description="Its progress, in the form of a progress bar.")
    error: str | None = Field(description="Why it failed, if it did.")
    metrics: dict[str, float] = Field(description="predict_time: device time in seconds.")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    urls: dict[str, str] = Field(description="get and cancel.")


class ReplicatePage(ResponseModel):
    """A page of predictions, the newest first."""

    previous: str | None = Field(None, description="Always null.")
    next: str | None = Field(description="Address of the next page; null on the last.")
    results: list[ReplicatePrediction]


class ReplicateFile(ResponseModel):
    """An uploaded picture or clip."""

    id: str
    name: str = Field(description="Its id: names of files are not kept.")
    content_type: str
    size: int = Field(description="Bytes.")
    etag: str
    checksums: dict[str, str] = Field(description="sha256, in hexadecimal.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Always empty.")
    created_at: datetime
    expires_at: datetime
    urls: dict[str, str] = Field(description="get: what inputs of predictions name.")


class ReplicateWebhookSecret(ResponseModel):
    """What verifies the calls of webhooks."""

    key: str = Field(description="whsec_ and base64, as Standard Webhooks writes it.")


def prediction(request: Request, job: pb.Job) -> ReplicatePrediction:
    """Return a job as a prediction."""
    spec, status = job.spec, status_name(job.status)
    own_url = public_url(request, f"{PREFIX}/predictions/{job.id}")
    percent = 100 if status == "completed" else min(99, int(job.percent))
    bar = "#" * (percent * _BAR_CELLS // 100)
    return ReplicatePrediction(
        id=job.id,
        model=spec.model if "/" in spec.model else f"{OWNER}/{spec.model}",
        version=spec.model,
        status=_STATUSES[status],
        input={
            "prompt": spec.prompt,
            "size": f"{spec.width}x{spec.height}",
            "seed": spec.seed,
            "num_frames": spec.frames,
            "fps": spec.fps,
        },
        output=video_url(request, job),
        logs=f"{percent}%|{bar:{_BAR_CELLS}}| {percent}/100",
        error=job.error.message if status == "failed" else None,
        metrics={"predict_time": job.gpu_seconds} if status == "completed" else {},
        created_at=to_datetime(job.created_at),
        started_at=time_field(job, "started_at"),
        completed_at=time_field(job, "finished_at"),
        urls={"get": own_url, "cancel": f"{own_url}/cancel"},
    )
