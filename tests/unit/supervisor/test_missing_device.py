"""A worker whose device is not there: its trouble, and no job's."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_worker.inference.messages import FailedMessage, PrefetchedMessage, RenderJob
from kinolog_worker.reporting.device_trouble import DEVICE_ALARM

from kinolog.job.values import DEVICE_MISSING, Status
from kinolog.ports.workers import WorkerReport
from tests.builders.memory_worker import ME, MemoryWorker, issued, supervised
from tests.builders.scripted_inference import failing
from tests.fixtures.waits import until

GONE = "this machine has no device cuda:0"


class UnpluggedDevice:
    """Answers instead of the inference process that loads a model, until the device is `plugged` in again."""

    def __init__(self, worker: MemoryWorker) -> None:
        self._prefetch = worker.inference.prefetch
        self.plugged = False

    async def prefetch(self, job: RenderJob) -> PrefetchedMessage | FailedMessage:
        if self.plugged:
            return await self._prefetch(job)
        return FailedMessage(job_id=job.job_id, code=DEVICE_MISSING, message=GONE, retryable=True)


async def test_a_worker_without_its_device_takes_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why in its status, in an alarm and in its readiness. Once the device is there, it goes on by itself."""
    worker = MemoryWorker(tmp_path)
    device = UnpluggedDevice(worker)
    monkeypatch.setattr(worker.inference, "prefetch", device.prefetch)
    worker.inference.alive = False
    async with supervised(worker) as supervisor:
        job_id = await issued(worker)

        async def reports() -> list[WorkerReport]:
            return [report for report in await worker.workers.present_workers() if report.problem]

        (report,) = await until(reports, "the report")
        assert (report.name, report.problem) == (ME, GONE)
        (alarm,) = await until(worker.alarms.current, "the alarm")
        assert alarm.name == DEVICE_ALARM
        assert "this machine has no device cuda:0. Make it work" in alarm.text
        assert GONE in supervisor.missing()
        assert (await worker.job(job_id)).attempt == 0
        device.plugged = True
        await worker.until(job_id, lambda job: job.status is Status.COMPLETED)
        assert not await worker.alarms.current()
        assert GONE not in supervisor.missing()
    assert (await worker.job(job_id)).attempt == 1


async def test_an_attempt_that_meets_it_is_not_counted(tmp_path: Path) -> None:
    """The job goes back to the queue, for other workers."""
    worker = MemoryWorker(tmp_path)
    worker.inference.script = failing(DEVICE_MISSING, retryable=True)
    job = await worker.work(await worker.submit())
    assert (job.status, job.last_attempt) == (Status.QUEUED, job.max_attempts + 1)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == DEVICE_MISSING
    assert worker.dependencies.status.attempts_failed == 0
