"""Whole lives of jobs, as api and worker write them: seven commits of seventeen events each, one scene, one attempt."""

from __future__ import annotations

from datetime import timedelta

from kinolog.job import commands as c
from kinolog.job.values import MediaFacts, Runtime, Stage
from tests.builders.jobs import video
from tests.builders.memory_jobs import MemoryJobs

EVENTS_PER_JOB = 17
WORKER = "worker-1"


async def lives(jobs: int) -> MemoryJobs:
    """Return a log in memory with this many completed jobs. At most eight of them run at the same time."""
    memory_jobs = MemoryJobs()
    running: list[str] = []
    for number in range(jobs):
        running.append(
            await memory_jobs.submit(f"prompt {number} of a kite over the sea, in the evening light")
        )
        if len(running) == 8:
            await _complete(memory_jobs, running.pop(number % 8))
    for job_id in running:
        await _complete(memory_jobs, job_id)
    return memory_jobs


async def _complete(memory_jobs: MemoryJobs, job_id: str) -> None:
    runtime = Runtime(
        hardware="two cores", model_revision="r1", libraries={"torch": "2.13.0", "diffusers": "0.42.0"}
    )
    await memory_jobs.send(job_id, c.StartAttempt(id=memory_jobs.command_id(), actor=WORKER, runtime=runtime))
    await _record_stages(memory_jobs, job_id, (Stage.PREFETCH, None), (Stage.ENCODE_PROMPT, 0))
    await _record_stages(memory_jobs, job_id, (Stage.DENOISE, 0))
    await memory_jobs.send(
        job_id,
        c.RecordScene(id=memory_jobs.command_id(), actor=WORKER, attempt=1, scene=0, artifact=video(job_id)),
    )
    await _record_stages(memory_jobs, job_id, (Stage.DECODE, 0), (Stage.STORE, None))
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
    await memory_jobs.send(
        job_id,
        c.Complete(
            id=memory_jobs.command_id(),
            actor=WORKER,
            attempt=1,
            artifacts=(video(job_id),),
            media=media,
            gpu_seconds=3.5,
        ),
    )


async def _record_stages(memory_jobs: MemoryJobs, job_id: str, *stages: tuple[Stage, int | None]) -> None:
    """Record these stages as started and finished, in one commit."""
    marks = []
    for stage, scene in stages:
        memory_jobs.now += timedelta(seconds=2)
        marks.append(c.StageMark(stage=stage, scene=scene, at=memory_jobs.now))
        marks.append(
            c.StageMark(stage=stage, scene=scene, at=memory_jobs.now + timedelta(seconds=1), seconds=1.0)
        )
    await memory_jobs.send(
        job_id, c.RecordStages(id=memory_jobs.command_id(), actor=WORKER, attempt=1, marks=tuple(marks))
    )
