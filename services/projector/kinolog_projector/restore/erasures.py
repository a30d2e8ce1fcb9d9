"""Carries erasures over into a backup that is older than they are: what was erased must not come back with it."""

from __future__ import annotations

from collections.abc import Iterable

from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.commands import Cancel, Erase, FinishErasure, GiveUp
from kinolog.job.commit import artifacts_ever_made
from kinolog.job.decide import WORKER_LOST
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.artifacts import ArtifactStore, digests_in, is_shared, job_folder
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore

ACTOR = "restore"
"""The actor of the commands that a restore gives."""


async def erase_again(
    job_ids: Iterable[str],
    store: EventStore,
    handler: CommandHandler,
    keys: KeyStore,
    artifacts: ArtifactStore,
) -> list[str]:
    """Erase these jobs, as far as the log has them: event, files and key. Return the ids of those that were not erased.

    A job that had not ended when the backup was made is ended first. Nothing else may write meanwhile. Raises
    `LogUnavailable`, `ArtifactsUnavailable`.
    """
    changed, erasure_id = [], new_id()
    for job_id in job_ids:
        loaded = await store.load(job_id)
        if loaded is None:
            continue
        if not loaded.job.erased:
            await _end(handler, loaded.job)
            await handler.handle(job_id, Erase(id=new_id(), actor=ACTOR, erasure_id=erasure_id))
            changed.append(job_id)
        folder = job_folder(loaded.job.tenant, job_id)
        deleted = set(await artifacts.keys_of(folder))
        await artifacts.delete_all(folder)
        await keys.erase(loaded.job.sealing_key_id)
        if loaded.job.erasure_finished:
            continue
        made = artifacts_ever_made([recorded async for recorded in store.history(job_id)])
        deleted |= {artifact.key for artifact in made if not is_shared(artifact.key)}
        finish = FinishErasure(id=new_id(), actor=ACTOR, files=len(deleted), sha256=digests_in(deleted))
        await handler.handle(job_id, finish)
    return changed


async def _end(handler: CommandHandler, job: Job) -> None:
    if job.status is Status.QUEUED:
        await handler.handle(job.id, Cancel(id=new_id(), actor=ACTOR))
    elif not job.status.terminal:
        await handler.handle(job.id, GiveUp(id=new_id(), actor=ACTOR, error=WORKER_LOST))
