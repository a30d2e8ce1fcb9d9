"""The LoRAs of a job in the supervisor: from the catalogue to the renderer, and into history and manifest."""

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
from kinolog.job.values import JobLora, Status, UsedLora
from kinolog.models.catalogue import Catalogue
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.hub.hub_model import HubModel
from tests.builders.memory_worker import CATALOGUE, MemoryWorker
from tests.builders.scripted_inference import FACTS, ScriptedInference, rendering
from tests.unit.supervisor.test_video_signing import StampingSigner

INK = LoraEntry(name="ink", source="/loras/ink", licence="apache-2.0", models=("card",), sha256="ab" * 32)
HUB = INK.model_copy(
    update={
        "name": "hub",
        "source": "owner/ink",
        "revision": "r1",
        "weight_file": "ink.safetensors",
        "allow_download": True,
    }
)
AWAY = HUB.model_copy(update={"name": "away", "allow_download": False})
USED = UsedLora(name="ink", weight=0.8, sha256="ab" * 32, licence="apache-2.0")


async def _with_loras(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run that tells which LoRAs changed the model."""
    used = tuple(
        UsedLora(name=lora.name, weight=lora.weight, sha256=lora.sha256, licence=lora.licence)
        for lora in job.loras
    )
    async for message in rendering(inference, job):
        if isinstance(message, LoadedMessage):
            message = replace(message, facts=replace(FACTS, loras=used))
        yield message


@pytest.fixture
def worker(tmp_path: Path) -> MemoryWorker:
    """A worker whose catalogue has a LoRA."""
    worker = MemoryWorker(tmp_path)
    worker.inference.script = _with_loras
    catalogue = Catalogue(CATALOGUE, "card", [INK, HUB, AWAY])
    worker.dependencies = replace(worker.dependencies, catalogue=catalogue, signer=StampingSigner())
    worker.ticket_handler = TicketHandler(worker.dependencies)
    return worker


async def _submitted(worker: MemoryWorker, *loras: JobLora) -> str:
    spec = {"model": "card", "guidance": 1.0, "loras": loras}
    return await worker.submit_sealed(new_id(), "A star.", spec)


async def test_history_and_manifest_name_the_loras(worker: MemoryWorker) -> None:
    """With hash and licence. The next job says nothing of them, not even as its attempt starts."""
    first = await _submitted(worker, JobLora(name="ink", weight=0.8))
    job = await worker.work(first)
    assert job.status is Status.COMPLETED
    (source,) = worker.inference.jobs[-1].loras
    assert (source.location, source.weight, source.network) == ("/loras/ink", 0.8, "transformer")
    assert job.attempts[0].runtime.loras == (USED,)
    second = await _submitted(worker)
    job = await worker.work(second)
    assert job.attempts[0].runtime.loras == ()
    for event in await worker.events(second):
        if isinstance(event, e.AttemptStarted | e.RuntimeRecorded):
            assert event.runtime.loras == ()
    signer = worker.dependencies.signer
    assert isinstance(signer, StampingSigner)
    assert [stated.loras for stated in signer.stated] == [(USED,), ()]


async def test_a_lora_of_the_hub_is_downloaded_in_the_job(
    worker: MemoryWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renderer gets a folder. One of weight 0 is not downloaded. Without leave the job says what to do."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))

    async def received(model: HubModel, report: ReportBytes) -> Path:
        return tmp_path / model.name

    worker.downloads.script = received
    await worker.work(await _submitted(worker, JobLora(name="hub", weight=0.0)))
    assert worker.downloads.asked == []
    job = await worker.work(await _submitted(worker, JobLora(name="hub", weight=0.5)))
    assert job.status is Status.COMPLETED
    (asked,) = worker.downloads.asked
    assert (asked.name, asked.revision, asked.file) == ("owner/ink", "r1", "ink.safetensors")
    (source,) = worker.inference.jobs[-1].loras
    assert (source.location, source.weight_file) == (str(tmp_path / "owner/ink"), "ink.safetensors")
    refused = await worker.work(await _submitted(worker, JobLora(name="away", weight=1.0)))
    assert refused.error is not None
    assert "ink.safetensors of owner/ink is not on this machine" in refused.error.message
    assert "run `kinolog models pull away` there" in refused.error.message


async def test_a_lora_that_is_gone_ends_the_job(worker: MemoryWorker) -> None:
    """It costs one attempt, and says which one is missing."""
    job = await worker.work(await _submitted(worker, JobLora(name="oil", weight=1.0)))
    assert (job.status, job.attempt, job.error and job.error.code) == (Status.FAILED, 1, "LORA_UNKNOWN")
    assert job.error is not None
    assert "no LoRA oil" in job.error.message
