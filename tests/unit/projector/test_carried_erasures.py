"""Erasures that are carried over into a log that is older than they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kinolog_projector.restore.erasures import ACTOR, erase_again

from kinolog.command_handler import CommandHandler
from kinolog.job.commands import StartAttempt
from kinolog.job.values import Status
from kinolog.ports.artifacts import job_folder
from tests.adapters.memory.artifacts import MemoryArtifacts
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
