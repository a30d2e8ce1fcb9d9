"""An inference process that is gone, or about to leave, when a job arrives."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import FailedMessage, FinishedMessage, LoadedMessage
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


async def test_a_process_that_lost_its_device_is_replaced_before_the_next_job(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """The job at fault may be tried again; the one after it is rendered by another process."""
    (*_, failed) = [message async for message in process.run(card_job(tmp_path / "a", lose_at_step=2))]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == ("DEVICE_LOST", True)
    assert "the device stopped working for this process: RuntimeError at testcard.py" in failed.message
    lost = process.pid
    (*_, closing) = [message async for message in process.run(card_job(tmp_path / "b"))]
    assert isinstance(closing, FinishedMessage)
    assert process.pid != lost


async def test_a_process_whose_device_is_gone_is_replaced_by_one_that_looks_for_it(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """A GPU that was used is named to later processes: one that finds none does not draw on the CPU instead."""
    plugged = tmp_path / "gpu"
    plugged.touch()
    job = card_job(tmp_path / "a", device="cuda:3", device_file=str(plugged))
    messages = [message async for message in process.run(job)]
    assert isinstance(messages[-1], FinishedMessage)
    await process.kill()
    plugged.unlink()
    (*_, failed) = [message async for message in process.run(job)]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.message) == ("DEVICE_MISSING", "this machine has no device cuda:3")
    assert not process.alive
    plugged.touch()
    again = [message async for message in process.run(card_job(tmp_path / "b", device_file=str(plugged)))]
    (loaded,) = [message for message in again if isinstance(message, LoadedMessage)]
    assert loaded.facts.device == "cuda:3"
    assert isinstance(again[-1], FinishedMessage)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"is_blank": 1}, "PICTURE_EMPTY", "the model computed no picture"),
        ({"frames_left_out": 1}, "FRAMES_WRONG", "the renderer drew"),
        ({"frames_left_out": 4}, "FRAMES_WRONG", "the renderer drew 0 frames, not 20"),
    ],
)
async def test_a_scene_that_is_no_picture_is_no_result(
    process: InferenceProcess, tmp_path: Path, options: dict[str, int], code: str, words: str
) -> None:
    """A black clip and a short one fail the attempt, and would come out the same again."""
    (*_, failed) = [message async for message in process.run(card_job(tmp_path, "A star", **options))]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == (code, False)
    assert words in failed.message
