"""Checkpoints of jobs that no worker ends: deleted by the api."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from kinolog_api.inputs.live_video_sweep import LiveVideoSweep
from kinolog_api.inputs.store_sweep import StoreSweep
from kinolog_api.inputs.uploads import Uploads

from kinolog.ids import new_id
from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.commands import FailAttempt, RecordCheckpoint
from kinolog.job.values import JobError
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import LIMITS, RunningApi, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def _interrupted(api: RunningApi, *steps: int) -> tuple[str, list[str]]:
    """Submit a job whose attempt stores checkpoints of these steps. Return its id and their keys."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    keys = []
    for step in steps:

        async def content(text: bytes = b"step %d" % step) -> AsyncIterator[bytes]:
            yield text

        staged = await api.artifacts.stage(content(), await api.folder(job_id))
        keys.append((await api.artifacts.commit(staged, ".sealed", keep_staged=True)).key)
        checkpoint = StoredCheckpoint(attempt=1, scene=0, step=step, key=keys[-1], size_bytes=6)
        await api.work(job_id, RecordCheckpoint(id=new_id(), actor="w1", attempt=1, checkpoint=checkpoint))
    return job_id, keys


async def test_one_that_its_job_does_not_go_on_from_is_swept(api: RunningApi) -> None:
    """It is of a worker that died. The one that the next attempt needs stays."""
    api.artifacts._clock = api.clock
    _, keys = await _interrupted(api, 1, 2)
    api.clock.now += timedelta(days=1, hours=1)
    uploads = Uploads(api.uploads, api.keys, LIMITS, api.clock)
    live_videos = LiveVideoSweep(api.artifacts.live_videos, api.store)
    await StoreSweep(uploads, api.artifacts, live_videos, api.store, api.clock).sweep()
    assert list(api.artifacts._artifacts) == keys[1:]


async def test_a_queued_job_that_is_cancelled_has_none(api: RunningApi) -> None:
    """A job that is rendered again keeps it until then."""
    job_id, keys = await _interrupted(api, 1)
    error = JobError(code="WORKER_CRASHED", message="it exited", retryable=True)
    failed = FailAttempt(id=new_id(), actor="w1", attempt=1, error=error, retry_at=api.clock())
    await api.work(job_id, failed)
    assert list(api.artifacts._artifacts) == keys
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    assert list(api.artifacts._artifacts) == []
