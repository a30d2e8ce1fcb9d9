"""An inference process that cannot be used when a ticket arrives."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from kinolog_worker.inference.messages import Message, RenderJob

from kinolog.job.values import Status
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import ScriptedInference, rendering


async def test_a_process_that_does_not_start_uses_no_attempt(tmp_path: Path) -> None:
    """An inference process that cannot be started for a ticket that is there already fails no job, however often."""

    async def cannot_start(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        raise RuntimeError("the inference process ended with exit code 1 before it was ready")
        yield

    memory_worker = MemoryWorker(tmp_path)
    memory_worker.inference.script = cannot_start
    job_id = await memory_worker.submit()
    for number in range(1, 6):
        job = await memory_worker.work(job_id)
        assert (job.status, job.last_attempt) == (Status.QUEUED, job.max_attempts + number)
        memory_worker.now = job.not_before or memory_worker.now
    memory_worker.inference.script = rendering
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED
    assert [attempt.error.code for attempt in job.attempts if attempt.error] == ["WORKER_NOT_READY"] * 5
