"""Jobs whose frames are enlarged, in the supervisor."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.downloads.download_process import ReportBytes
from kinolog_worker.inference.messages import LoadedMessage, Message, RenderJob
from kinolog_worker.queue.ticket_handler import TicketHandler

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.values import Status, UsedUpscaler
from kinolog.models.catalogue import Catalogue
from kinolog.models.hub.hub_model import HubModel
from kinolog.models.postprocess.upscalers import UpscalerEntry
from tests.builders.memory_worker import CATALOGUE, MemoryWorker
from tests.builders.scripted_inference import ScriptedInference, rendering

X2 = UpscalerEntry(name="x2", source="/models/x2", licence="mit", scale=2, tile=128)
HUB = UpscalerEntry(name="hub", source="owner/x2", revision="r1", licence="mit", scale=2, allow_download=True)
AWAY = HUB.model_copy(update={"name": "away", "allow_download": False})
USED = UsedUpscaler(name="x2", scale=2, sha256="a" * 64, licence="mit")


async def _enlarging(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    async for message in rendering(inference, job):
        if isinstance(message, LoadedMessage) and job.upscaler is not None:
            yield replace(message, facts=replace(message.facts, upscaler=USED))
        else:
            yield message


def _worker(folder: Path) -> MemoryWorker:
    worker = MemoryWorker(folder)
    catalogue = Catalogue(CATALOGUE, "card", upscalers=[X2, HUB, AWAY])
    worker.dependencies = replace(worker.dependencies, catalogue=catalogue)
    worker.ticket_handler = TicketHandler(worker.dependencies)
    worker.inference.script = _enlarging
    return worker


async def _submit(worker: MemoryWorker, upscaler: str) -> str:
    changes = {"model": "card", "upscaler": upscaler, "fps": 8, "interpolate_fps": 16}
    return await worker.submit_sealed(new_id(), "A star.", changes)


async def test_the_upscaler_is_in_the_request_and_on_record(tmp_path: Path) -> None:
    """The next job, which has none, does not start with that of the job before."""
    worker = _worker(tmp_path)
    job = await worker.work(await _submit(worker, "x2"))
    assert job.status is Status.COMPLETED
    source = worker.inference.jobs[0].upscaler
    assert source is not None
    assert (source.location, source.tile, worker.inference.jobs[0].video_size) == (
        "/models/x2",
        128,
        (2 * job.spec.width, 2 * job.spec.height),
    )
    assert worker.inference.jobs[0].video_fps == 16
    assert job.attempts[0].runtime.upscaler == USED
    plain = await worker.submit()
    job = await worker.work(plain)
    started = next(one for one in await worker.events(plain) if isinstance(one, e.AttemptStarted))
    assert started.runtime.upscaler is None
    assert job.attempts[0].runtime.upscaler is None


async def test_an_upscaler_of_the_hub_is_downloaded_in_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that renders gets a folder. Without leave to download it, the job says what to do."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    worker = _worker(tmp_path)

    async def received(model: HubModel, report: ReportBytes) -> Path:
        return tmp_path / model.name

    worker.downloads.script = received
    job = await worker.work(await _submit(worker, "hub"))
    assert job.status is Status.COMPLETED
    assert [(model.name, model.revision) for model in worker.downloads.asked] == [("owner/x2", "r1")]
    source = worker.inference.jobs[0].upscaler
    assert source is not None
    assert source.location == str(tmp_path / "owner/x2")
    refused = await worker.work(await _submit(worker, "away"))
    assert refused.error is not None
    assert "run `kinolog models pull owner/x2` there" in refused.error.message


async def test_an_upscaler_that_the_worker_lacks_is_named(tmp_path: Path) -> None:
    """Another attempt would not find it either."""
    worker = _worker(tmp_path)
    job = await worker.work(await _submit(worker, "x8"))
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "UPSCALER_UNKNOWN")
    assert job.error.message == "this installation has no upscaler x8"
