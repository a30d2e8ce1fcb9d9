"""Prefetch for a queued job: load its model and encode its prompts."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from kinolog.ids import new_id
from kinolog.job.commands import FinishPrefetch
from kinolog.job.decide import Refused
from kinolog.job.values import Status
from kinolog.ports.keys import KeyMissing
from kinolog.ports.tickets import HeldTicket
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.process.log_retry import retry_until_log_available
from kinolog.process.logs import fields
from kinolog_worker.attempt.render_request import build_render_job, model_source
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import FailedMessage
from kinolog_worker.queue.admission import UNSERVED_MODEL_BACKOFF
from kinolog_worker.queue.warm_workers import WarmWorkers

logger = logging.getLogger(__name__)


async def prefetch(dependencies: WorkerDependencies, held: HeldTicket, warm_workers: WarmWorkers) -> None:
    """Load the model of the ticket's job, encode its prompts, and record that in the log.

    A ticket for which a warm worker waits is left to it. A model that is not on this machine is left to the job, which
    shows its download: this worker would take no other ticket meanwhile.

    A failure is not retried: prefetch only saves time.

    Raises `LogUnavailable`, `KeyMissing`, `UnsealFailed`.
    """
    job_id = held.ticket.job_id
    loaded = await dependencies.store.load(job_id)
    if loaded is None or loaded.job.status is not Status.QUEUED or not loaded.job.prefetch_requested:
        await held.acknowledge()
        return
    job = loaded.job
    entry = dependencies.catalogue.get(job.spec.model)
    if entry is not None and entry.name not in dependencies.served:
        await held.release(UNSERVED_MODEL_BACKOFF.seconds(held.deliveries))
        return
    if await warm_workers.pass_on(held, job):
        return
    key = await dependencies.keys.of_prefetch(job_id)
    if entry is None:
        await held.acknowledge()
        return
    if key is None:
        raise KeyMissing(job_id, job.sealing_key_id)
    render_job = build_render_job(job, unseal_job(job, key), entry, dependencies.scratch)
    files = await dependencies.models.local(entry)
    if entry.files_at_once or (files is None and dependencies.models.is_remote(entry)):
        logger.info("no prefetch: %s is not here", entry.name, extra=fields("prefetch_failed", job=job_id))
        await held.acknowledge()
        return
    result = await dependencies.inference.prefetch(replace(render_job, model=model_source(entry, files)))
    if isinstance(result, FailedMessage):
        logger.warning("prefetch failed: %s", result.code, extra=fields("prefetch_failed", job=job_id))
        await held.acknowledge()
        return
    dependencies.status.model_loaded(entry.name, result.facts)
    command = FinishPrefetch(
        id=new_id(),
        actor=dependencies.worker,
        assets=(entry.name, f"{max(1, len(job.scenes))} prompt embeddings"),
        size_bytes=result.facts.size_bytes,
    )
    try:
        await retry_until_log_available(
            partial(dependencies.handler.handle, job_id, command), f"job {job_id}"
        )
    except Refused as refused:
        logger.info("prefetch for job %s was too late: %s", job_id, refused.message)
    await held.acknowledge()
