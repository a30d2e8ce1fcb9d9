"""Operations that read jobs: lists, and the parts of one. Pure."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.http.operation import (
    API_PREFIX,
    M,
    Operation,
    model_of,
)
from kinolog_client.models.history import HistoryInfo, LogPageInfo, ProofInfo
from kinolog_client.models.jobs import JobInfo, JobPageInfo, StoryboardInfo
from kinolog_client.models.results import ManifestInfo, ResultInfo
from kinolog_client.models.selection import JobSelection

PROOF_SECONDS = 90.0
"""How long a proof may take: the service reads every file of the job to its end."""


def _job(kind: type[M], route: str, job_id: str, params: dict[str, str] | None = None) -> Operation[M]:
    return Operation(
        method="GET",
        route=API_PREFIX + route,
        path_values={"job_id": job_id},
        params=params or {},
        read=model_of(kind),
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


def result(job_id: str, *, signed_links: bool = False) -> Operation[ResultInfo]:
    """Return the facts of a result. Raises `Conflict` until the job is completed.

    With `signed_links` a browser reads the linked files without a key, for ten minutes.
    """
    params = {"signed_links": "true"} if signed_links else {}
    return _job(ResultInfo, "/result/{job_id}", job_id, params)


def manifest(job_id: str) -> Operation[ManifestInfo]:
    """Return what is needed to check a video against the log, and to make it again."""
    return _job(ManifestInfo, "/result/{job_id}/manifest", job_id)
