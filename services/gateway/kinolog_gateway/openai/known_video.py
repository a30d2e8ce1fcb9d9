"""The job of a video id. One that is erased is no video any more."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from fastapi import Path

from kinolog.ids import JOB_ID_PATTERN
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.upstream import Upstream

_JOB_ID = re.compile(JOB_ID_PATTERN)

VideoIdPath: TypeAlias = Annotated[
    str,
    Path(description="The video: 26 lower-case letters and digits.", examples=["abcdefghijklmnopqrstuvwxyz"]),
]


async def known_job(api: Upstream, caller: HttpCaller, video_id: str, *, erased: bool = False) -> job_pb2.Job:
    """Return the job of a video. With `erased` also one that is erased. Raises `HttpProblemError`, `AioRpcError`."""
    if not _JOB_ID.fullmatch(video_id):
        raise _unknown()
    job = (await api.call(api.jobs.GetJob, pb.GetJobRequest(job_id=video_id), caller)).job
    if job.erased and not erased:
        raise _unknown()
    return job


def _unknown() -> HttpProblemError:
    return HttpProblemError(404, "JOB_NOT_FOUND", "there is no such video")
