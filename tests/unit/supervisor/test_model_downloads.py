"""A job whose model is not on this machine: the worker downloads it, and the job shows how far that is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.downloads.download_process import ReportBytes
from kinolog_worker.downloads.model_files import DOWNLOAD_ALARM
from kinolog_worker.queue.ticket_handler import TicketHandler

from kinolog.ids import new_id
from kinolog.job.commands import Cancel, Prefetch
from kinolog.job.values import Stage, Status
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.models.hub.errors import (
    AccessDenied,
    DownloadFailed,
    HubUnreachable,
    NoRoomForModel,
    NoSuchModel,
)
from kinolog.models.hub.hub_model import HubModel
from kinolog.models.hub.snapshots import pin
from kinolog.ports.progress import LogLine, Progress
from tests.builders.memory_worker import MemoryWorker, issued, supervised
from tests.builders.model_folder import write_model
from tests.fixtures.tasks import background_task

GIB = 1 << 30
ACTOR = "ada"


@pytest.fixture
def memory_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryWorker:
    """A worker whose only model is one of the hub, which it may download."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    worker = MemoryWorker(tmp_path)
    options = {"allow_download": True}
    _set_entry(worker, ModelEntry(name="card", source="owner/card", model_class="tiny", options=options))
    return worker


def _set_entry(worker: MemoryWorker, entry: ModelEntry) -> None:
    worker.dependencies = replace(worker.dependencies, catalogue=Catalogue([entry], default=entry.name))
    worker.ticket_handler = TicketHandler(worker.dependencies)


def _failing(error: DownloadFailed) -> Callable[[HubModel, ReportBytes], object]:
    async def script(model: HubModel, report: ReportBytes) -> Path:
        raise error

    return script


async def test_a_model_that_is_not_here_is_downloaded_in_the_job(
    memory_worker: MemoryWorker, tmp_path: Path
) -> None:
    """Its bytes are the steps of the stage before the first scene, in MiB. The process that renders gets a folder."""

    async def script(model: HubModel, report: ReportBytes) -> Path:
        report(GIB, 3 * GIB)
        report(3 * GIB, 3 * GIB)
        return tmp_path / "snapshots" / "abc"

    memory_worker.downloads.script = script
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.COMPLETED
    (model,) = memory_worker.downloads.asked
    assert (model.name, model.revision, model.cache) == ("owner/card", "main", tmp_path / "cache")
    (rendered,) = memory_worker.inference.jobs
    assert rendered.model.location == str(tmp_path / "snapshots" / "abc")
    updates = await memory_worker.progress.recent(job.id)
    assert [update.message for update in updates if isinstance(update, LogLine)][:2] == [
        "downloading the model: 1.0 GiB of 3.0 GiB",
        "downloading the model: 3.0 GiB of 3.0 GiB",
    ]
    steps = [update for update in updates if isinstance(update, Progress) and update.steps == 3 * 1024]
    assert {update.stage for update in steps} <= {Stage.PREFETCH}


async def test_what_the_model_needs_is_reported_once_it_is_here(memory_worker: MemoryWorker) -> None:
    """A job that no GPU holds is refused as it is submitted, from then on."""

    async def script(model: HubModel, report: ReportBytes) -> Path:
        commit = "c" * 40
        folder = write_model(model.folder / "snapshots" / commit)
        pin(model, commit)
        return folder

    memory_worker.downloads.script = script
    assert not memory_worker.dependencies.status.memory_needs
    await memory_worker.work(await memory_worker.submit())
    assert memory_worker.dependencies.status.memory_needs["card"].least_bytes > 0


@pytest.mark.parametrize(
    ("error", "status", "counted"),
    [
        (HubUnreachable("the hub cannot be reached"), Status.QUEUED, 0),
        (NoRoomForModel("it needs 28.4 GiB more, and 3.0 GiB are free"), Status.QUEUED, 0),
        (DownloadFailed("the download ended without a result"), Status.QUEUED, 1),
        (NoSuchModel("there is no such model"), Status.FAILED, 1),
        (AccessDenied("accept its licence, and set HF_TOKEN"), Status.FAILED, 1),
    ],
)
async def test_trouble_of_the_hub_is_no_attempt_and_a_refusal_ends_the_job(
    memory_worker: MemoryWorker, error: DownloadFailed, status: Status, counted: int
) -> None:
    """The message says what to do. What stands is an alarm too, until a model is there."""
    memory_worker.downloads.script = _failing(error)  # type: ignore[assignment]
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is status
    assert job.attempts[0].error is not None
    assert (job.attempts[0].error.code, job.attempts[0].error.message) == (error.code, error.message)
    assert memory_worker.dependencies.status.attempts_failed == counted
    alarms = [alarm.name for alarm in await memory_worker.alarms.current()]
    assert alarms == ([DOWNLOAD_ALARM] if error.retryable else [])


async def test_the_alarm_ends_with_the_next_model_that_is_there(
    memory_worker: MemoryWorker, tmp_path: Path
) -> None:
    async def found(model: HubModel, report: ReportBytes) -> Path:
        return tmp_path

    memory_worker.downloads.script = _failing(HubUnreachable("away"))  # type: ignore[assignment]
    await memory_worker.work(await memory_worker.submit())
    assert await memory_worker.alarms.current()
    memory_worker.downloads.script = found
    await memory_worker.work(await memory_worker.submit())
    assert not await memory_worker.alarms.current()


async def test_a_download_that_nobody_allowed_is_not_begun(memory_worker: MemoryWorker) -> None:
    _set_entry(memory_worker, ModelEntry(name="card", source="owner/card"))
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.FAILED
    assert job.attempts[0].error is not None
    assert "run `kinolog models pull card` there" in job.attempts[0].error.message
    assert not memory_worker.downloads.asked


async def test_a_cancelled_job_ends_its_download(memory_worker: MemoryWorker) -> None:
    begun = asyncio.Event()

    async def endless(model: HubModel, report: ReportBytes) -> Path:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    memory_worker.downloads.script = endless
    job_id = await memory_worker.submit()
    async with background_task(memory_worker.work(job_id)) as working:
        await begun.wait()
        await memory_worker.handler.handle(job_id, Cancel(id=new_id(), actor=ACTOR))
        job = await working
    assert job.status is Status.CANCELLED
    assert memory_worker.downloads.ended.is_set()
    assert not memory_worker.inference.jobs


async def test_a_worker_takes_jobs_before_its_model_is_here(
    memory_worker: MemoryWorker, tmp_path: Path
) -> None:
    """It would be silent for hours otherwise. The job shows what it waits for."""

    async def found(model: HubModel, report: ReportBytes) -> Path:
        return tmp_path

    memory_worker.downloads.script = found
    memory_worker.inference.alive = False
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        await memory_worker.until(job_id, lambda job: job.status is Status.COMPLETED)
    assert [job.job_id for job in memory_worker.inference.jobs] == [job_id]


async def test_a_prefetch_downloads_nothing(memory_worker: MemoryWorker) -> None:
    """The worker would take no other ticket for hours, and say that it is idle. The job downloads its model."""
    job_id = await memory_worker.submit()
    await memory_worker.send(job_id, Prefetch(id=new_id(), actor=ACTOR))
    await memory_worker.ticket_handler.handle(await memory_worker.ticket(job_id, prefetch=True))
    assert not memory_worker.downloads.asked
    assert memory_worker.issuer.queued == {}
