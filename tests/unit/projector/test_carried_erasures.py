"""Erasures that are carried over into a log that is older than they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from kinolog_projector.restore.erasures import ACTOR, erase_again

from kinolog.command_handler import CommandHandler
from kinolog.job.commands import Complete, StartAttempt
from kinolog.job.events import ErasureFinished
from kinolog.job.values import Status
from kinolog.ports.artifacts import address, job_folder
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.jobs import MEDIA, video
from tests.builders.memory_jobs import RUNTIME, MemoryJobs


async def test_jobs_in_every_state_are_erased_again() -> None:
    """A job that waits or runs in the older log is ended first. Others, and unknown ids, change nothing."""
    jobs, artifacts = MemoryJobs(), MemoryArtifacts()
    queued, running, completed, erased, kept = [await jobs.submit() for _ in range(5)]
    await jobs.send(running, StartAttempt(id=jobs.command_id(), actor="worker-1", runtime=RUNTIME))
    for job_id in (completed, erased, kept):
        await jobs.complete(job_id)
    await jobs.erase(erased)

    async def content() -> AsyncIterator[bytes]:
        yield b"film"

    folders = {job_id: job_folder("default", job_id) for job_id in (completed, kept)}
    for folder in folders.values():
        await artifacts.commit(await artifacts.stage(content(), folder), ".mp4")
    before = await jobs.store.last_position()
    handler = CommandHandler(jobs.store, lambda: jobs.now)
    listed = [queued, running, completed, erased, "unknown"]
    changed = await erase_again(listed, jobs.store, handler, jobs.keys, artifacts)
    assert changed == [queued, running, completed]
    found = {job_id: await jobs.job(job_id) for job_id in (*listed[:-1], kept)}
    assert {job_id for job_id, job in found.items() if job.erased} == set(listed[:-1])
    assert [found[job_id].status for job_id in (queued, running)] == [Status.CANCELLED, Status.FAILED]
    assert [await jobs.keys.get(job.sealing_key_id) for job in found.values() if job.erased] == [None] * 4
    assert await jobs.keys.get(found[kept].sealing_key_id) is not None
    assert await artifacts.keys_of(folders[completed]) == []
    assert len(await artifacts.keys_of(folders[kept])) == 1
    later = [r.commit async for batch in jobs.store.read(before) for r in batch]
    assert {commit.command.actor for commit in later} == {ACTOR}
    assert await erase_again(listed, jobs.store, handler, jobs.keys, artifacts) == []


async def test_the_end_of_an_erasure_names_the_files_of_the_history() -> None:
    """Those that the store has no more, too: no backup has files of jobs that are erased."""
    jobs = MemoryJobs()
    job_id = await jobs.submit()
    attempt = await jobs.start(job_id, "worker-1", RUNTIME)
    film = "ab" * 32
    key = address(job_folder("default", job_id), film, ".mp4")
    complete = Complete(
        id=jobs.command_id(),
        actor="worker-1",
        attempt=attempt,
        artifacts=(replace(video(job_id), key=key, sha256=film),),
        media=MEDIA,
        gpu_seconds=1.0,
    )
    await jobs.send(job_id, complete)
    handler = CommandHandler(jobs.store, lambda: jobs.now)
    assert await erase_again([job_id], jobs.store, handler, jobs.keys, MemoryArtifacts()) == [job_id]
    *_, last = [recorded.commit async for recorded in jobs.store.history(job_id)]
    (finished,) = last.events
    assert isinstance(finished, ErasureFinished)
    assert (finished.files, finished.sha256) == (1, (film,))
