"""An inference process that is gone when a job arrives."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from kinolog_worker.inference.messages import FailedMessage, FinishedMessage
from kinolog_worker.inference.process import InferenceProcess

from tests.builders.render_jobs import card_job


async def test_a_process_that_died_before_a_job_is_not_the_fault_of_the_job(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """A run whose process is gone before it begins has an error code that is not counted; the next one is served."""
    job = card_job(tmp_path)
    await process.start()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)  # the supervisor learns it when the run is sent already
    (failed,) = [message async for message in process.run(job)]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == ("WORKER_NOT_READY", True)
    assert failed.message == "the inference process was ended by SIGKILL before it began the job"
    *_, closing = [message async for message in process.run(job)]
    assert isinstance(closing, FinishedMessage)
