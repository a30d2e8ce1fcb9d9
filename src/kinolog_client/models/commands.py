"""Answers to commands."""

from __future__ import annotations

from typing import Any

from kinolog_client.models.base import ClientModel
from kinolog_client.models.jobs import JobInfo


class CommandInfo(ClientModel):
    """The job after a command. Lists that are read with `min_position=position` show the command's effect."""

    job_id: str
    status: str
    position: int
    job: JobInfo
    created: bool = True
    """False if the request id of a submission found a job that was there before."""
    variants: tuple[JobInfo, ...] = ()
    """All jobs of a submission with variants, in the order of their seeds; the first is `job`."""


class BulkResultInfo(ClientModel):
    """The result for one job of a bulk command. `error` is the problem of a job that was refused."""

    job_id: str
    ok: bool
    status: str | None = None
    position: int | None = None
    error: dict[str, Any] | None = None


class BulkInfo(ClientModel):
    """A result per job, in the order of the request. `position` is 0 if nothing was changed.

    `remaining` further jobs match the filter beyond the 1,000 that it selects.
    """

    results: tuple[BulkResultInfo, ...]
    succeeded: int
    failed: int
    remaining: int = 0
    position: int = 0
