"""Warming up for a job that waits: its model is loaded, and its prompts are encoded."""

from __future__ import annotations

import logging
from functools import partial

from kinolog.ids import new_id
from kinolog.job.commands import FinishPrefetch
from kinolog.job.decide import Refused
from kinolog.job.values import Status
from kinolog.ports.tickets import HeldTicket
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.process.log_retry import retry_until_log_available
from kinolog.process.logs import fields
from kinolog_worker.attempt.render_request import render_job
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import FailedMessage
from kinolog_worker.queue.admission import ELSEWHERE_SECONDS

logger = logging.getLogger(__name__)


async def prefetch(parts: WorkerDependencies, held: HeldTicket) -> None:
    """Warm up, and say so in the log. What fails is not tried again: it was only meant to save time.

    Raises `LogUnavailable`, `SealBroken`.
    """
    job_id = held.ticket.job_id
    loaded = await parts.store.load(job_id)
    if loaded is None or loaded.job.status is not Status.QUEUED or not loaded.job.prefetch_requested:
        await held.acknowledge()
        return
    job = loaded.job
    entry = parts.catalogue.get(job.spec.model)
    if entry is not None and entry.name not in parts.served:
        await held.release(ELSEWHERE_SECONDS * held.deliveries)
        return
    key = await parts.keys.get(job.sealing_key_id)
    if entry is None or key is None:
        await held.acknowledge()
        return
    result = await parts.inference.prefetch(render_job(job, unseal_job(job, key), entry, parts.scratch))
    if isinstance(result, FailedMessage):
        logger.warning("warming up failed: %s", result.code, extra=fields("prefetch_failed", job=job_id))
        await held.acknowledge()
        return
    parts.status.loaded(entry.name, result.facts)
    assets = (entry.name, f"{max(1, len(job.scenes))} prompt embeddings")
    command = FinishPrefetch(
        id=new_id(), actor=parts.worker, assets=assets, size_bytes=result.facts.size_bytes
    )
    try:
        await retry_until_log_available(partial(parts.handler.handle, job_id, command), f"job {job_id}")
    except Refused as refused:
        logger.info("warming up for job %s came too late: %s", job_id, refused.message)
    await held.acknowledge()
