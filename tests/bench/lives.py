"""Whole lives of jobs, as api and worker write them: seven commits of seventeen events each, one scene, one attempt."""

from __future__ import annotations

from datetime import timedelta

from kinolog.job import commands as c
from kinolog.job.values import MediaFacts, Runtime, Stage
from tests.fixtures.histories import Studio, video

EVENTS_PER_JOB = 17
WORKER = "worker-1"


async def lives(jobs: int) -> Studio:
    """A log in memory with that many jobs, all completed, some of them under way at any time."""
    studio = Studio()
    under_way: list[str] = []
    for number in range(jobs):
        under_way.append(await studio.submit(f"prompt {number} of a kite over the sea, in the evening light"))
        if len(under_way) == 8:
            await _complete(studio, under_way.pop(number % 8))
    for job_id in under_way:
        await _complete(studio, job_id)
    return studio


async def _complete(studio: Studio, job_id: str) -> None:
    runtime = Runtime(
        hardware="two cores", model_revision="r1", libraries={"torch": "2.13.0", "diffusers": "0.42.0"}
    )
    await studio.give(job_id, c.StartAttempt(id=studio.command_id(), actor=WORKER, runtime=runtime))
    await _stages(studio, job_id, (Stage.PREFETCH, None), (Stage.ENCODE_PROMPT, 0))
    await _stages(studio, job_id, (Stage.DENOISE, 0))
    await studio.give(
        job_id,
        c.RecordScene(id=studio.command_id(), actor=WORKER, attempt=1, scene=0, artifact=video(job_id)),
    )
    await _stages(studio, job_id, (Stage.DECODE, 0), (Stage.STORE, None))
    media = MediaFacts(
        width=128,
        height=96,
        frames=16,
        fps=8.0,
        duration_seconds=2.0,
        codec="h264",
        pixel_format="yuv420p",
        frame_hash="f" * 64,
    )
    await studio.give(
        job_id,
        c.Complete(
            id=studio.command_id(),
            actor=WORKER,
            attempt=1,
            artifacts=(video(job_id),),
            media=media,
            gpu_seconds=3.5,
        ),
    )


async def _stages(studio: Studio, job_id: str, *stages: tuple[Stage, int | None]) -> None:
    """Stages that began and ended, recorded together."""
    marks = []
    for stage, scene in stages:
        studio.now += timedelta(seconds=2)
        marks.append(c.StageMark(stage=stage, scene=scene, at=studio.now))
        marks.append(c.StageMark(stage=stage, scene=scene, at=studio.now + timedelta(seconds=1), seconds=1.0))
    await studio.give(
        job_id, c.RecordStages(id=studio.command_id(), actor=WORKER, attempt=1, marks=tuple(marks))
    )
