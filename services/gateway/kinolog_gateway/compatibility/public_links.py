"""Addresses of the gateway as the client of a request reaches it."""

from __future__ import annotations

from fastapi import Request

from kinolog.v1 import job_pb2
from kinolog_gateway.http.edge.path_aliases import API_PREFIX
from kinolog_gateway.http.edge.public_path import public_path


def public_url(request: Request, path: str) -> str:
    """Return the address of a path of the gateway."""
    return f"{str(request.base_url).rstrip('/')}{public_path(path)}"


def video_url(request: Request, job: job_pb2.Job) -> str | None:
    """Return the address of the video of a job; None until it is completed."""
    if job.status != job_pb2.STATUS_COMPLETED:
        return None
    return public_url(request, f"{API_PREFIX}/result/{job.id}/video")
