"""A task that nobody awaits goes on after an error, or ends what depends on it: no part stops unseen."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest
from kinolog_api.jobs import erase_job
from kinolog_api.jobs.erase_job import EraseJob
from kinolog_projector.projection import projector as projector_module
from kinolog_projector.projection.projector import Projector
from kinolog_projector.projection.writer import BatchWriter
from kinolog_worker.inference import process as process_module
from kinolog_worker.inference.framing import read_answer
from kinolog_worker.inference.messages import FailedMessage, FinishedMessage
from kinolog_worker.inference.process import InferenceProcess

from kinolog.adapters.jetstream import key_rewrap
from kinolog.adapters.jetstream.key_rewrap import rewrap_until_done
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.privacy.master_keys import MasterKeys, MasterKeyUnusable
from kinolog.process.tasks import BackgroundTasks
from kinolog.readmodel.postgres import PostgresReadModel
from tests.builders.memory_jobs import MemoryJobs
from tests.builders.render_jobs import card_job
from tests.builders.running_api import running_api
from tests.fixtures.master_key import MASTER_KEYS
from tests.fixtures.tasks import background_task
from tests.integration.running_projector import Feed

LIMIT_SECONDS = 60.0


async def test_work_beside_the_projection_stops_no_write(
    migrated_database_url: str, read_model: PostgresReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of it is neither the end of the projection nor its own: it is started again."""
    monkeypatch.setattr(projector_module, "COMPANION_SECONDS", 0.01)
    jobs, runs, again = MemoryJobs(), 0, asyncio.Event()

    async def fail(_: BatchWriter, caught_up: asyncio.Event) -> None:
        nonlocal runs
        await caught_up.wait()
        runs += 1
        if runs == 3:
            again.set()
        raise LookupError("a row that cannot be")

    projector = Projector(migrated_database_url, jobs.store, jobs.keys, Feed(), companions=(fail,))
    async with background_task(projector.run()), asyncio.timeout(LIMIT_SECONDS):
        await again.wait()
        await jobs.many(3)
        await read_model.wait_for(await jobs.store.last_position(), LIMIT_SECONDS)
        assert (projector.leads, projector.problem) == (True, "")


async def test_work_in_the_background_that_fails_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody awaits it, so nobody else would tell."""

    async def fail() -> None:
        raise LookupError("a row that cannot be")

    tasks = BackgroundTasks()
    tasks.start(fail())
    await tasks.ended()
    (record,) = caplog.records
    assert (record.getMessage(), record.__dict__["error"]) == ("work in the background failed", "LookupError")
    assert len(tasks) == 0


async def test_interrupted_erasures_are_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that the search does not expect is logged, and the next search follows."""
    monkeypatch.setattr(erase_job, "RETRY_SECONDS", 0.01)
    sweeps, again = 0, asyncio.Event()

    async def fail(_: EraseJob) -> None:
        nonlocal sweeps
        sweeps += 1
        if sweeps == 3:
            again.set()
        raise LookupError("a folder that cannot be")

    monkeypatch.setattr(EraseJob, "_sweep", fail)
    async with running_api(), asyncio.timeout(LIMIT_SECONDS):
        await again.wait()


async def test_keys_are_wrapped_again_after_any_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a master key that is missing ends it: that is for a person."""
    monkeypatch.setattr(key_rewrap, "RETRY_SECONDS", 0.01)
    outcomes: list[Exception] = [MasterKeyUnusable("another master key"), LookupError("a key that cannot be")]

    async def fail(store: JetStreamKeyStore, master_keys: MasterKeys) -> int:
        raise outcomes.pop()

    monkeypatch.setattr(key_rewrap, "rewrap_keys", fail)
    async with asyncio.timeout(LIMIT_SECONDS):
        await rewrap_until_done(object(), MASTER_KEYS)  # type: ignore[arg-type]  # nothing reads it
    assert outcomes == []


async def test_an_answer_that_cannot_be_read_ends_the_job(
    process: InferenceProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The job fails and may be tried again; it does not wait for its stall limit. The next one gets a new process."""
    read = 0

    async def spoil(reader: asyncio.StreamReader) -> Any:
        nonlocal read
        read += 1
        if read == 4:
            raise pickle.UnpicklingError("not an answer")
        return await read_answer(reader)

    monkeypatch.setattr(process_module, "read_answer", spoil)
    async with asyncio.timeout(LIMIT_SECONDS):
        failed = [message async for message in process.run(card_job(tmp_path / "first"))][-1]
        ended = [message async for message in process.run(card_job(tmp_path / "second"))][-1]
    assert isinstance(failed, FailedMessage)
    assert failed.retryable
    assert isinstance(ended, FinishedMessage)
