"""Jobs of a model behind a server: its API key, and the alarm while it takes no job."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from kinolog_worker.downloads.video_servers import SERVER_ALARM
from kinolog_worker.inference.messages import FailedMessage, Message, RenderJob
from kinolog_worker.queue.ticket_handler import TicketHandler

from kinolog.job.server_errors import SERVER_LOST_JOB, SERVER_UNAVAILABLE
from kinolog.job.values import Status
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.models.choices.render_defaults import RenderDefaults
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import ScriptedInference, rendering

AFTER_A_PAUSE = timedelta(hours=1)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key."""
    path = tmp_path / "key"
    path.write_text("  sesame\n")
    return path


@pytest.fixture
def memory_worker(tmp_path: Path, key_file: Path) -> MemoryWorker:
    """A worker whose model is behind a server that wants a key."""
    worker = MemoryWorker(tmp_path)
    _set_options(worker, api_key_file=str(key_file))
    return worker


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _set_options(worker: MemoryWorker, **options: object) -> None:
    entry = ModelEntry(
        name="card",
        source="http://127.0.0.1:1/v1",
        renderer="openai-videos",
        model_class="tiny",
        defaults=RenderDefaults(frames=80),
        options=options,
    )
    worker.dependencies = replace(worker.dependencies, catalogue=Catalogue([entry], default=entry.name))
    worker.ticket_handler = TicketHandler(worker.dependencies)


def _fail_with(worker: MemoryWorker, code: str) -> None:
    async def failing(_: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        yield FailedMessage(job_id=job.job_id, code=code, message="the server is away", retryable=True)

    worker.inference.script = failing


async def test_the_key_reaches_the_renderer_and_no_log(
    memory_worker: MemoryWorker,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is read for each attempt, from the file or the variable that the entry names."""
    caplog.set_level(logging.DEBUG)
    await memory_worker.work(await memory_worker.submit())
    _write(key_file, "changed")
    await memory_worker.work(await memory_worker.submit())
    monkeypatch.setenv("WAN_KEY", "variable")
    _set_options(memory_worker, api_key_variable="WAN_KEY")
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.COMPLETED
    assert [each.model.api_key for each in memory_worker.inference.jobs] == ["sesame", "changed", "variable"]
    assert "sesame" not in f"{memory_worker.inference.jobs} {caplog.text} {job}"


@pytest.mark.parametrize(
    ("text", "problem"), [("", "finds no API key"), ("a kéy", "finds no usable API key")]
)
async def test_a_missing_key_is_no_attempt_of_the_job(
    memory_worker: MemoryWorker, key_file: Path, text: str, problem: str
) -> None:
    """The job waits, and the alarm says so, until there is a key and a video."""
    _write(key_file, text)
    job = await memory_worker.work(await memory_worker.submit())
    (attempt,) = job.attempts
    assert attempt.error is not None
    assert (job.status, attempt.error.code) == (Status.QUEUED, SERVER_UNAVAILABLE)
    (alarm,) = await memory_worker.alarms.current()
    assert alarm.name == SERVER_ALARM
    assert problem in alarm.text
    _write(key_file, "sesame")
    memory_worker.now += AFTER_A_PAUSE
    assert (await memory_worker.work(job.id)).status is Status.COMPLETED
    assert not await memory_worker.alarms.current()


async def test_a_server_that_is_away_counts_no_attempt_and_one_that_loses_each_job_ends_it(
    memory_worker: MemoryWorker,
) -> None:
    """An alarm stands meanwhile. A job that the server loses in as many attempts as it may have fails."""
    _fail_with(memory_worker, SERVER_UNAVAILABLE)
    job_id = await memory_worker.submit()
    for _ in range(4):
        job = await memory_worker.work(job_id)
        memory_worker.now += AFTER_A_PAUSE
        assert job.status is Status.QUEUED
    assert memory_worker.dependencies.status.attempts_failed == 0
    _fail_with(memory_worker, SERVER_LOST_JOB)
    for _ in range(job.max_attempts):
        job = await memory_worker.work(job_id)
        memory_worker.now += AFTER_A_PAUSE
    assert job.status is Status.FAILED
    assert job.error is not None
    assert "in 3 attempts of this job" in job.error.message
    assert [alarm.name for alarm in await memory_worker.alarms.current()] == [SERVER_ALARM]
    memory_worker.inference.script = rendering
    await memory_worker.work(await memory_worker.submit())
    assert not await memory_worker.alarms.current()
