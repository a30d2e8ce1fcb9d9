"""From a ticket to an attempt, and what becomes of the ticket."""

from __future__ import annotations

import logging
from functools import partial

from kinolog.codec.public_job import UnsealedFields
from kinolog.ids import new_id
from kinolog.job.commands import Command, FailAttempt, StartAttempt
from kinolog.job.decide import LeaseLost, Refused
from kinolog.job.state import Job
from kinolog.job.values import JobError, Status
from kinolog.ports.event_store import Conflict, LoadedJob, LogUnavailable
from kinolog.ports.tickets import HeldTicket
from kinolog.privacy.sealed_fields import seal_log_note, unseal_job
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.log_retry import retry_until_log_available
from kinolog.process.logs import fields
from kinolog_worker.attempt.attempt import RunningAttempt
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.attempt.retry_delay import retry_at
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.queue.admission import Drop, Postpone, WorkerSituation, admit
from kinolog_worker.queue.prefetch import prefetch

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""How long a ticket is put off when its job could not be looked at."""

TROUBLE_SECONDS = 10.0
"""How long a ticket is put off after an error of this worker."""

ERASED = JobError(
    code="PROMPT_ERASED", message="the prompt was erased; nothing is left to render", retryable=False
)
UNREADABLE = JobError(
    code="PROMPT_UNREADABLE", message="the prompt does not open under the key of the job", retryable=False
)


class TicketHandler:
    """Deals with one ticket after the other."""

    def __init__(self, parts: WorkerDependencies) -> None:
        self._parts = parts
        self._attempt: RunningAttempt | None = None
        self._stopping = False

    def stop(self) -> None:
        """Have the running attempt end early."""
        self._stopping = True
        if self._attempt is not None:
            self._attempt.stop()

    async def work(self, held: HeldTicket) -> None:
        """Do what a ticket asks for. Never raises, but for being cancelled."""
        job_id = held.ticket.job_id
        try:
            if held.ticket.prefetch:
                await prefetch(self._parts, held)
            else:
                await self._work(held)
        except LeaseLost as lost:
            logger.warning("dropping the work: %s", lost.message, extra=fields("lease_lost", job=job_id))
        except LogUnavailable as unavailable:
            logger.warning("job %s cannot be looked at: %s", job_id, unavailable)
            await held.release(AGAIN_SECONDS)
        except Exception:
            logger.exception("trouble with job %s", job_id)
            await held.release(TROUBLE_SECONDS)
        finally:
            self._attempt = None
            self._parts.status.idle()

    async def _work(self, held: HeldTicket) -> None:
        loaded = await self._parts.store.load(held.ticket.job_id)
        while True:
            admission = admit(loaded.job if loaded else None, await self._situation(held, loaded))
            match admission:
                case Drop(reason=reason):
                    logger.info("ticket dropped: %s", reason, extra=fields("drop", job=held.ticket.job_id))
                    await held.acknowledge()
                    return
                case Postpone(seconds=seconds):
                    await held.release(seconds)
                    return
                case _:
                    pass
            if loaded is None:
                raise AssertionError("a job that is not there is never started")
            try:
                await self._start(held, loaded)
                return
            except Conflict:
                loaded = await self._parts.store.load(held.ticket.job_id)
            except LeaseLost:
                raise
            except Refused as refused:
                logger.info("job %s cannot be started: %s", held.ticket.job_id, refused.message)
                await held.release(AGAIN_SECONDS)
                return

    async def _situation(self, held: HeldTicket, loaded: LoadedJob | None) -> WorkerSituation:
        parts = self._parts
        others: set[str] = set()
        if loaded is not None and loaded.job.status is Status.PROCESSING:
            present = await parts.workers.present_workers()
            others = {report.job_id for report in present if report.name != parts.worker}
        elsewhere = set(parts.catalogue.names) - parts.served
        return WorkerSituation(parts.worker, held.deliveries, parts.clock(), others, elsewhere)

    async def _start(self, held: HeldTicket, loaded: LoadedJob) -> None:
        """Start the attempt and see it through. Raises `Conflict` when somebody was faster."""
        parts = self._parts
        runtime = parts.status.runtime(loaded.job.spec.model)
        command = StartAttempt(id=new_id(), actor=parts.worker, runtime=runtime)
        handled = await parts.handler.handle_from(loaded.job.id, loaded, command)
        job = handled.job
        if job.status is not Status.PROCESSING or job.worker != parts.worker:
            await (
                held.acknowledge()
            )  # the lost worker's attempt was the last, or somebody had asked to cancel
            return
        parts.status.works_on(job.id, job.attempt)
        logger.info("attempt started", extra=fields("attempt_started", job=job.id, attempt=job.attempt))
        lease = Lease(parts.store, parts.handler, parts.worker, handled.tail, job.attempt)
        try:
            await self._see_through(lease)
        except (LeaseLost, Conflict):
            raise
        except Exception as error:
            logger.exception("attempt %d at job %s broke", job.attempt, job.id)
            broken = JobError(
                code="WORKER_ERROR",
                message=f"the worker made an error ({type(error).__name__})",
                retryable=True,
            )
            await lease.record(self._failed(lease, broken))
        await held.acknowledge()

    async def _see_through(self, lease: Lease) -> None:
        job = lease.job
        unlocked = await self._unlocked(job)
        entry = self._parts.catalogue.get(job.spec.model)
        if isinstance(unlocked, JobError):
            await lease.record(self._failed(lease, unlocked))
        elif entry is None:
            unknown = JobError(
                code="MODEL_UNKNOWN",
                message=f"this installation has no model {job.spec.model}",
                retryable=False,
            )
            await lease.record(self._failed(lease, unknown))
        else:
            key, opened = unlocked
            self._attempt = RunningAttempt(
                self._parts, lease, entry, opened, partial(seal_log_note, job, key)
            )
            if self._stopping:
                self._attempt.stop()
            await self._attempt.run()

    async def _unlocked(self, job: Job) -> tuple[bytes, UnsealedFields] | JobError:
        """The job's key and its prompts in the clear, or why they cannot be had."""
        key = await retry_until_log_available(
            partial(self._parts.keys.get, job.sealing_key_id), f"the key of job {job.id}"
        )
        if key is None or job.erased:
            return ERASED
        try:
            return key, unseal_job(job, key)
        except UnsealFailed:
            return UNREADABLE

    def _failed(self, lease: Lease, error: JobError) -> Command:
        parts = self._parts
        logger.warning("attempt failed: %s", error.code, extra=fields("attempt_ended", job=lease.job.id))
        parts.status.attempts_failed += 1
        again = retry_at(lease.job, parts.clock(), parts.timing.retry_seconds)
        return FailAttempt(
            id=new_id(), actor=parts.worker, attempt=lease.attempt, error=error, retry_at=again
        )
