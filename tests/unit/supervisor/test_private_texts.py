"""What a worker writes down about an attempt has no words of its prompt, but for texts that are sealed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from kinolog_worker.attempt.attempt_outcome import DETAIL_HINT
from kinolog_worker.attempt.attempt_recorder import LIBRARY_LINE

from kinolog.ports.progress import LogLine
from kinolog.privacy.sealed_fields import unseal_log_line
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import failing, rendering


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def test_prompts_stay_private(memory_worker: MemoryWorker, caplog: pytest.LogCaptureFixture) -> None:
    """The prompt is neither in the worker's log, nor in public parts of lines, nor in the history."""
    caplog.set_level(logging.DEBUG)
    prompt = "Anna is a purple unicorn."
    for script in (rendering, failing("RENDER_FAILED", retryable=False, detail=f"cannot draw {prompt}")):
        memory_worker.inference.script = script
        job_id = await memory_worker.submit(prompt)
        await memory_worker.work(job_id)
        lines = [one for one in await memory_worker.progress.recent(job_id) if isinstance(one, LogLine)]
        history = [recorded async for recorded in memory_worker.store.history(job_id)]
        assert "Anna" not in " ".join(line.message for line in lines) + repr(history)
    assert "Anna" not in caplog.text


async def test_the_owner_reads_what_an_error_says(memory_worker: MemoryWorker) -> None:
    """Texts of errors and lines of libraries are sealed notes of log lines; the error in the history says so."""
    memory_worker.inference.script = failing("RENDER_FAILED", retryable=False, detail="cannot draw Anna")
    job = await memory_worker.work(await memory_worker.submit("Anna."))
    assert job.error is not None
    assert job.error.message == f"the script fails{DETAIL_HINT}"
    lines = [one for one in await memory_worker.progress.recent(job.id) if isinstance(one, LogLine)]
    key = await memory_worker.keys.get(job.sealing_key_id)
    assert [unseal_log_line(line, key).message for line in lines if line.note] == [
        f"{LIBRARY_LINE}: a library warns: cannot draw Anna",
        "the script fails: cannot draw Anna",
    ]
    assert [unseal_log_line(line, None).message for line in lines if line.note] == [
        LIBRARY_LINE,
        "the script fails",
    ]
