"""Operations of commands: to one job, and to many. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from kinolog_client.http.operation import (
    API_PREFIX,
    Operation,
    model_of,
)
from kinolog_client.http.request_ids import new_request_id
from kinolog_client.http.sendable import IDEMPOTENCY_HEADER
from kinolog_client.models.commands import BulkInfo, CommandInfo
from kinolog_client.models.jobs import JobPlanInfo
from kinolog_client.models.selection import JobSelection, VideoInput, VideoLora, VideoRequest, VideoScene

BULK_SECONDS = 90.0
COPY_SECONDS = 150.0
"""How long a submit with inputs may take: the service copies them."""


def _command(
    method: str, route: str, job_id: str, request_id: str | None, body: dict[str, Any] | None = None
) -> Operation[CommandInfo]:
    return Operation(
        method=method,
        route=API_PREFIX + route,
        path_values={"job_id": job_id},
        headers={IDEMPOTENCY_HEADER: request_id or new_request_id()},
        body=body,
        read=model_of(CommandInfo),
    )


def submit(request: VideoRequest, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Submit a video. The same `request_id` with the same request makes one job.

    Raises `InvalidRequest`, and `Conflict` if the request id was used for another request.
    """
    return Operation(
        method="POST",
        route=f"{API_PREFIX}/generate",
        body=request.body() | {"request_id": request_id or new_request_id()},
        timeout_seconds=COPY_SECONDS if request.inputs else None,
        read=model_of(CommandInfo),
    )


def plan(request: VideoRequest) -> Operation[JobPlanInfo]:
    """Return what a job would be: its scenes, its size and an estimate. Nothing is stored.

    Raises what `submit` raises for a request that is refused.
    """
    return Operation(
        method="POST", route=f"{API_PREFIX}/plan", body=request.body(), read=model_of(JobPlanInfo)
    )


def generate(
    prompt: str = "",
    *,
    shots: str | None = None,
    scenes: Sequence[VideoScene] | None = None,
    enhance_prompt: bool | None = None,
    chained: bool | None = None,
    upscaler: str | None = None,
    interpolate_fps: int | None = None,
    inputs: Sequence[VideoInput] | None = None,
    loras: Sequence[VideoLora] | None = None,
    profile: str | None = None,
    negative_prompt: str | None = None,
    priority: str | None = None,
    style: str | None = None,
    model: str | None = None,
    size: str | None = None,
    duration: float | None = None,
    frames: int | None = None,
    fps: int | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    seed: int | None = None,
    variants: int | None = None,
    max_attempts: int | None = None,
    webhook: str | None = None,
    webhook_format: str | None = None,
    webhook_events: Sequence[str] | None = None,
    codec: str | None = None,
    crf: int | None = None,
    title: str | None = None,
    start_after: datetime | str | None = None,
    start_timeout_seconds: int | None = None,
    request_id: str | None = None,
) -> Operation[CommandInfo]:
    """Submit a video by its prompt. The arguments are those of `VideoRequest`; see `submit`."""
    request = VideoRequest(
        prompt=prompt,
        shots=shots,
        scenes=scenes,
        enhance_prompt=enhance_prompt,
        chained=chained,
        upscaler=upscaler,
        interpolate_fps=interpolate_fps,
        inputs=inputs,
        loras=loras,
        profile=profile,
        negative_prompt=negative_prompt,
        priority=priority,
        style=style,
        model=model,
        size=size,
        duration=duration,
        frames=frames,
        fps=fps,
        steps=steps,
        guidance=guidance,
        seed=seed,
        variants=variants,
        max_attempts=max_attempts,
        webhook=webhook,
        webhook_format=webhook_format,
        webhook_events=webhook_events,
        codec=codec,
        crf=crf,
        title=title,
        start_after=start_after,
        start_timeout_seconds=start_timeout_seconds,
    )
    return submit(request, request_id=request_id)


def cancel(
    job_id: str, *, reason: str | None = None, request_id: str | None = None
) -> Operation[CommandInfo]:
    """Cancel a job: at once if it waits, at the next step if it runs. The history keeps the reason."""
    body = {"reason": reason} if reason else {}
    return _command("POST", "/cancel/{job_id}", job_id, request_id, body)


def retry(job_id: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Put a failed or cancelled job into the queue again. Raises `Conflict` in another status."""
    return _command("POST", "/retry/{job_id}", job_id, request_id)


def reproduce(job_id: str, *, priority: str = "low", request_id: str | None = None) -> Operation[CommandInfo]:
    """Render a completed job again from what is on record. The answer's job is the new one.

    Once it is completed, its `reproduction` says how the two videos compare. Raises `Conflict` for a job that is not
    completed, is erased, or cannot be rendered as it was.
    """
    command = _command("POST", "/reproduce/{job_id}", job_id, request_id, {"priority": priority})
    return replace(command, timeout_seconds=COPY_SECONDS)


def reprioritize(job_id: str, priority: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Change the priority of a job that has not ended: low, medium, high or critical."""
    return _command("POST", "/priority/{job_id}", job_id, request_id, {"priority": priority})


def pause(job_id: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Pause a job that has not ended: no attempt starts, and a running one ends at its next step with a checkpoint."""
    return _command("POST", "/pause/{job_id}", job_id, request_id)


def resume(job_id: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """End the pause of a job. It goes on where it was, before other jobs of its priority."""
    return _command("POST", "/resume/{job_id}", job_id, request_id)


def prefetch(job_id: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Prefetch a queued job: load its model and encode its prompts before it starts."""
    return _command("POST", "/prefetch/{job_id}", job_id, request_id)


def erase(job_id: str, *, erasure_id: str = "", request_id: str | None = None) -> Operation[CommandInfo]:
    """Erase the prompts and files of a job that has ended, for good. Its history without them stays.

    Jobs that are erased with one `erasure_id`, of 26 lower-case letters and digits, have common certificates.
    """
    operation = _command("DELETE", "/jobs/{job_id}", job_id, request_id)
    return (
        replace(operation, params={**operation.params, "erasure_id": erasure_id}) if erasure_id else operation
    )


def bulk(
    action: str,
    job_ids: Sequence[str] | None = None,
    *,
    selection: JobSelection | None = None,
    priority: str | None = None,
    reason: str | None = None,
    erasure_id: str | None = None,
    dry_run: bool = False,
) -> Operation[BulkInfo]:
    """Cancel, retry, reprioritize, pause, resume or erase jobs: by ids, or the first 1,000 of the selection.

    Requests to erase with one `erasure_id` have common certificates; a `dry_run` erases nothing, and `remaining` says
    how many jobs would be erased. A refused job does not affect the others. The request has no id, so it is sent once
    only.
    """
    body = {
        "action": action,
        "job_ids": None if job_ids is None else list(job_ids),
        "filter": None if selection is None else selection.body(),
        "priority": priority,
        "reason": reason,
        "erasure_id": erasure_id,
        "dry_run": dry_run or None,
    }
    return Operation(
        method="POST",
        route=f"{API_PREFIX}/bulk",
        body={name: value for name, value in body.items() if value is not None},
        read=model_of(BulkInfo),
        repeatable=False,
        timeout_seconds=BULK_SECONDS,
    )
