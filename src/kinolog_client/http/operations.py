"""Every operation of the gateway: what to send, and what the answer holds. Pure.

The clients take their methods from here: a function `f(...) -> Operation[T]` becomes the method `f(...) -> T` of
`KinologClient` and the method `async f(...) -> T` of `AsyncKinologClient`. A method raises `GatewayUnreachable` if no
answer comes, a `ProblemError` if the gateway refuses, and `UnexpectedAnswer` if the answer has another form.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from kinolog_client.http.operation import (
    API_PREFIX,
    HttpAnswer,
    M,
    Operation,
    model_of,
)
from kinolog_client.http.request_ids import new_request_id
from kinolog_client.http.sendable import IDEMPOTENCY_HEADER
from kinolog_client.models.catalogue import (
    AlarmListInfo,
    ApiKeyListInfo,
    HealthInfo,
    ModelListInfo,
    WorkerListInfo,
)
from kinolog_client.models.commands import BulkInfo, CommandInfo
from kinolog_client.models.history import HistoryInfo, LogPageInfo, ProofInfo
from kinolog_client.models.jobs import JobInfo, JobPageInfo, StoryboardInfo
from kinolog_client.models.results import ManifestInfo, ResultInfo
from kinolog_client.models.selection import JobSelection, VideoInput, VideoLora, VideoRequest, VideoScene

PROOF_SECONDS = 90.0
"""How long a proof may take: the service reads every file of the job to its end."""
BULK_SECONDS = 90.0
COPY_SECONDS = 150.0
"""How long a submit with inputs may take: the service copies them."""

_document: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any], config=ConfigDict(defer_build=True))


def _job(kind: type[M], route: str, job_id: str, params: dict[str, str] | None = None) -> Operation[M]:
    return Operation(
        method="GET",
        route=API_PREFIX + route,
        path_values={"job_id": job_id},
        params=params or {},
        read=model_of(kind),
    )


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
    max_attempts: int | None = None,
    webhook: str | None = None,
    codec: str | None = None,
    crf: int | None = None,
    title: str | None = None,
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
        max_attempts=max_attempts,
        webhook=webhook,
        codec=codec,
        crf=crf,
        title=title,
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


def reprioritize(job_id: str, priority: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Change the priority of a job that has not ended: low, medium, high or critical."""
    return _command("POST", "/priority/{job_id}", job_id, request_id, {"priority": priority})


def prefetch(job_id: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Prefetch a queued job: load its model and encode its prompts before it starts."""
    return _command("POST", "/prefetch/{job_id}", job_id, request_id)


def erase(job_id: str, *, request_id: str | None = None) -> Operation[CommandInfo]:
    """Erase the prompts and files of a job that has ended, for good. Its history without them stays."""
    return _command("DELETE", "/jobs/{job_id}", job_id, request_id)


def bulk(
    action: str,
    job_ids: Sequence[str] | None = None,
    *,
    selection: JobSelection | None = None,
    priority: str | None = None,
    reason: str | None = None,
) -> Operation[BulkInfo]:
    """Cancel, retry, reprioritize or erase many jobs: by ids, or the first 1,000 that match the selection.

    A refused job does not affect the others. The request has no id, so it is sent once only.
    """
    body = {
        "action": action,
        "job_ids": None if job_ids is None else list(job_ids),
        "filter": None if selection is None else selection.body(),
        "priority": priority,
        "reason": reason,
    }
    return Operation(
        method="POST",
        route=f"{API_PREFIX}/bulk",
        body={name: value for name, value in body.items() if value is not None},
        read=model_of(BulkInfo),
        repeatable=False,
        timeout_seconds=BULK_SECONDS,
    )


def status(job_id: str) -> Operation[JobInfo]:
    """Return a job with everything known of it. It is read from the log itself, so it is never stale."""
    return _job(JobInfo, "/status/{job_id}", job_id)


def jobs(
    selection: JobSelection | None = None,
    *,
    sort: str = "created_at",
    order: str = "desc",
    limit: int = 20,
    offset: int = 0,
    cursor: str | None = None,
    min_position: int = 0,
) -> Operation[JobPageInfo]:
    """Return a page of 1 to 100 jobs. `limit` is the size of the page, which `iterate_jobs` calls `page_size`. `cursor`
    is the `next_cursor` of the page before.

    `sort` is created_at, updated_at, progress, duration (how long a job ran) or priority; `order` is asc or desc. The
    page holds every commit up to `min_position`: the gateway waits for that.
    """
    params = (selection or JobSelection()).params() | {"sort": sort, "order": order, "limit": str(limit)}
    params |= {"offset": str(offset)} if offset else {}
    params |= {"cursor": cursor} if cursor else {}
    params |= {"min_position": str(min_position)} if min_position else {}
    return Operation(method="GET", route=f"{API_PREFIX}/jobs", params=params, read=model_of(JobPageInfo))


def storyboard(job_id: str) -> Operation[StoryboardInfo]:
    """Return the scenes of a job. They are planned already while it waits."""
    return _job(StoryboardInfo, "/storyboard/{job_id}", job_id)


def logs(
    job_id: str, *, limit: int = 20, after: int | None = None, level: str | None = None
) -> Operation[LogPageInfo]:
    """Return the last `limit` log lines, or the first ones after the sequence number `after`.

    `level` is the least severe one to return.
    """
    params = {"limit": str(limit)}
    params |= {} if after is None else {"after": str(after)}
    params |= {"level": level} if level else {}
    return _job(LogPageInfo, "/logs/{job_id}", job_id, params)


def history(job_id: str, *, as_of: int | datetime | str | None = None) -> Operation[HistoryInfo]:
    """Return the commits of a job, and its state after the last; `as_of` a position or a time; without it, all."""
    moment = as_of.isoformat() if isinstance(as_of, datetime) else as_of
    return _job(HistoryInfo, "/events/{job_id}", job_id, {} if moment is None else {"as_of": str(moment)})


def verify(job_id: str) -> Operation[ProofInfo]:
    """Check the record of a job: its commits, their copy in the archive, its key, and every byte of its files."""
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/audit/{{job_id}}",
        path_values={"job_id": job_id},
        read=model_of(ProofInfo),
        timeout_seconds=PROOF_SECONDS,
    )


def result(job_id: str) -> Operation[ResultInfo]:
    """Return the facts of a result. Raises `Conflict` until the job is completed."""
    return _job(ResultInfo, "/result/{job_id}", job_id)


def manifest(job_id: str) -> Operation[ManifestInfo]:
    """Return what is needed to check a video against the log, and to make it again."""
    return _job(ManifestInfo, "/result/{job_id}/manifest", job_id)


def models() -> Operation[ModelListInfo]:
    """Return the models that jobs can name, with limits and defaults."""
    return Operation(method="GET", route=f"{API_PREFIX}/models", read=model_of(ModelListInfo))


def workers() -> Operation[WorkerListInfo]:
    """Return the workers that reported recently."""
    return Operation(method="GET", route=f"{API_PREFIX}/workers", read=model_of(WorkerListInfo))


def alarms() -> Operation[AlarmListInfo]:
    """Return the troubles of the service that stand, such as a full disk."""
    return Operation(method="GET", route=f"{API_PREFIX}/alarms", read=model_of(AlarmListInfo))


def api_keys() -> Operation[ApiKeyListInfo]:
    """Return the API keys that the server issued. Raises `NotFound` if it issues none."""
    return Operation(method="GET", route=f"{API_PREFIX}/keys", read=model_of(ApiKeyListInfo))


def requires_key() -> Operation[bool]:
    """Return whether the gateway refuses requests that present no key."""
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/keys",
        read=_read_requires_key,
        with_key=False,
        accepted=frozenset({401, 403, 404, 405}),
    )


def health() -> Operation[HealthInfo]:
    """Return whether the gateway's process runs."""
    return Operation(method="GET", route="/health", read=model_of(HealthInfo))


def ready() -> Operation[bool]:
    """Return whether the gateway and its api serve."""
    return Operation(
        method="GET",
        route="/ready",
        read=_read_ready,
        accepted=frozenset({503}),
    )


def openapi() -> Operation[dict[str, Any]]:
    """Return the OpenAPI document of the gateway's routes."""
    return Operation(method="GET", route="/openapi.json", read=_read_document)


def asyncapi() -> Operation[dict[str, Any]]:
    """Return the AsyncAPI document of the gateway's WebSocket."""
    return Operation(method="GET", route="/asyncapi.json", read=_read_document)


def _read_requires_key(answer: HttpAnswer) -> bool:
    if answer.status < 400:
        ApiKeyListInfo.model_validate_json(answer.content)
    else:
        _document.validate_json(answer.content)  # the problem of a refusal
    return answer.status == 401


def _read_ready(answer: HttpAnswer) -> bool:
    return answer.status == 200 and HealthInfo.model_validate_json(answer.content).status == "ready"


def _read_document(answer: HttpAnswer) -> dict[str, Any]:
    return _document.validate_json(answer.content)
