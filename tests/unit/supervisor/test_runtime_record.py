"""What an attempt runs on is in its history before the first frame."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

from kinolog_worker.inference.messages import Message, PlacedMessage, RenderJob

from kinolog.job import events as e
from kinolog.ports.progress import LogLine
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import FACTS, ScriptedInference, rendering

PLACED = replace(
    FACTS,
    scheduler="UniPCMultistepScheduler",
    options={"vae_dtype": "float32"},
    placement="text-offload",
    placement_reason="text encoders are in host memory; needs about 13.9 GiB of 23.4 GiB",
)


async def _placed(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run whose memory ran out before the second scene."""
    async for message in rendering(inference, job):
        yield message
        if getattr(message, "stage", "") == "prefetch" and hasattr(message, "seconds"):
            yield PlacedMessage(job_id=job.job_id, facts=PLACED)
        if getattr(message, "file", None) is not None and message.file.index == 0:  # type: ignore[union-attr]
            yield PlacedMessage(job_id=job.job_id, facts=replace(PLACED, placement="group-offload"))


async def test_the_first_job_of_a_model_has_its_revision(tmp_path: Path) -> None:
    """The model is loaded after its attempt has started, so an event of its own tells of it."""
    worker = MemoryWorker(tmp_path)
    job_id = await worker.submit()
    job = await worker.work(job_id)
    events = await worker.events(job_id)
    started, recorded = (
        next(event for event in events if isinstance(event, kind))
        for kind in (e.AttemptStarted, e.RuntimeRecorded)
    )
    assert started.runtime.model_revision == ""
    runtime = job.attempts[0].runtime
    assert runtime == recorded.runtime
    assert (runtime.model_revision, runtime.dtype, runtime.device) == ("revision-1", "float32", "cpu")
    assert runtime.libraries["torch"] == "2"
    rendered = next(event for event in events if isinstance(event, e.SceneRendered))
    assert events.index(recorded) < events.index(rendered)


async def test_a_job_after_it_has_all_of_it_from_the_start(tmp_path: Path) -> None:
    """Nothing is told twice."""
    worker = MemoryWorker(tmp_path)
    await worker.work(await worker.submit())
    job_id = await worker.submit()
    job = await worker.work(job_id)
    assert job.attempts[0].runtime.model_revision == "revision-1"
    assert not [event for event in await worker.events(job_id) if isinstance(event, e.RuntimeRecorded)]


async def test_another_placement_is_told_again(tmp_path: Path) -> None:
    """With its reason, and in the log of the job. The attempt has the last one."""
    worker = MemoryWorker(tmp_path)
    worker.inference.script = _placed
    job_id = await worker.submit("A star. Then a ring.")
    job = await worker.work(job_id)
    told = [event for event in await worker.events(job_id) if isinstance(event, e.RuntimeRecorded)]
    assert [event.runtime.placement for event in told][-2:] == ["text-offload", "group-offload"]
    assert job.attempts[0].runtime == told[-1].runtime
    assert (told[-1].runtime.scheduler, dict(told[-1].runtime.options)) == (
        "UniPCMultistepScheduler",
        {"vae_dtype": "float32"},
    )
    lines = [one.message for one in await worker.progress.recent(job_id) if isinstance(one, LogLine)]
    assert any(line.startswith("placement text-offload: text encoders are in host memory") for line in lines)
