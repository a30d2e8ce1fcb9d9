"""The LoRAs of a job in the supervisor: from the catalogue to the renderer, and into history and manifest."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import LoadedMessage, Message, RenderJob
from kinolog_worker.queue.ticket_handler import TicketHandler

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.values import JobLora, Status, UsedLora
from kinolog.models.catalogue import Catalogue
from kinolog.models.choices.loras import LoraEntry
from tests.builders.memory_worker import CATALOGUE, MemoryWorker
from tests.builders.scripted_inference import FACTS, ScriptedInference, rendering
from tests.unit.supervisor.test_video_signing import StampingSigner

INK = LoraEntry(name="ink", source="/loras/ink", licence="apache-2.0", models=("card",), sha256="ab" * 32)
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
    catalogue = Catalogue(CATALOGUE, "card", [INK])
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


async def test_a_lora_that_is_gone_ends_the_job(worker: MemoryWorker) -> None:
    """It costs one attempt, and says which one is missing."""
    job = await worker.work(await _submitted(worker, JobLora(name="oil", weight=1.0)))
    assert (job.status, job.attempt, job.error and job.error.code) == (Status.FAILED, 1, "LORA_UNKNOWN")
    assert job.error is not None
    assert "no LoRA oil" in job.error.message
