"""A frozen inference process is ended, and the next job has a new one; a process that works is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kinolog_worker.inference.messages import FailedMessage, FinishedMessage
from kinolog_worker.inference.process import InferenceProcess

from tests.builders.render_jobs import card_job
from tests.fixtures.waits import until

FREEZE_SECONDS = 1.0
LIMIT_SECONDS = 120.0

T = TypeVar("T")


async def _value(read: Callable[[], T]) -> T:
    return read()


@pytest.fixture
def freeze_seconds() -> float:
    """A short limit."""
    return FREEZE_SECONDS


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ("stop_at_step", "RENDERER_STOPPED", "the inference process was stopped by a signal or a debugger"),
        ("hang_at_load", "WORKER_FROZEN", "the inference process was frozen as it loaded the model"),
        ("hang_at_step", "RENDERER_FROZEN", "the inference process was frozen by the rendering of this job"),
    ],
)
async def test_a_frozen_process_is_replaced_and_its_error_says_whose_fault_it_is(
    process: InferenceProcess, tmp_path: Path, fault: str, code: str, message: str
) -> None:
    """A signal stops it, or native code holds the interpreter and does nothing: as it loads a model, or as it renders.

    Only the last one may be the fault of the job.
    """
    options: dict[str, Any] = {fault: 2, "once_file": str(tmp_path / "once")}
    async with asyncio.timeout(LIMIT_SECONDS):
        failed = [message async for message in process.run(card_job(tmp_path / "first", **options))][-1]
        assert isinstance(failed, FailedMessage)
        assert (failed.code, failed.message, failed.retryable) == (code, message, True)
        ended = [message async for message in process.run(card_job(tmp_path / "second", **options))][-1]
    assert isinstance(ended, FinishedMessage)


async def test_an_idle_process_that_is_frozen_is_ended(process: InferenceProcess, tmp_path: Path) -> None:
    """No job has to find it first; a job that came meanwhile has not begun."""
    await process.start()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    async with asyncio.timeout(LIMIT_SECONDS):
        (failed,) = [message async for message in process.run(card_job(tmp_path))]
        assert isinstance(failed, FailedMessage)
        assert failed.code == "WORKER_NOT_READY"
        await process.start()
        os.kill(process.pid, signal.SIGSTOP)
        await until(partial(_value, lambda: not process.alive), "the end of the process")


async def test_a_process_that_is_frozen_as_it_starts_is_ended(
    process: InferenceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start has no other limit."""
    start = asyncio.create_subprocess_exec

    async def start_stopped(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        return await start("/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_stopped)
    async with asyncio.timeout(LIMIT_SECONDS):
        with pytest.raises(
            RuntimeError,
            match="the inference process was stopped by a signal or a debugger before it was ready",
        ):
            await process.start()


async def test_a_process_that_computes_without_an_answer_is_left_alone(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """Code that holds the interpreter lock for longer than the limit, and computes, is no freeze."""
    job = card_job(tmp_path, compute_at_step=2, compute_seconds=1.5 * FREEZE_SECONDS)
    async with asyncio.timeout(LIMIT_SECONDS):
        ended = [message async for message in process.run(job)][-1]
    assert isinstance(ended, FinishedMessage)


async def test_an_idle_process_is_left_alone(process: InferenceProcess, tmp_path: Path) -> None:
    """A step that waits for longer than the limit, as for a GPU, and releases the lock meanwhile, is no freeze."""
    job = card_job(tmp_path, frames=8, prompt="A star.", step_seconds=FREEZE_SECONDS)
    async with asyncio.timeout(LIMIT_SECONDS):
        ended = [message async for message in process.run(job)][-1]
    assert isinstance(ended, FinishedMessage)
