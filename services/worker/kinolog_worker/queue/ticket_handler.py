"""Starts an attempt for a ticket and acknowledges or releases the ticket afterwards."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from kinolog.ids import new_id
from kinolog.job.commands import Command, FailAttempt, StartAttempt
from kinolog.job.decide import LeaseLost, Refused
from kinolog.job.state import Job
from kinolog.job.values import SCRATCH_FULL, JobError, Status
from kinolog.ports.event_store import AppendConflict, DamagedLog, LoadedJob, LogUnavailable
from kinolog.ports.keys import KeyMissing
from kinolog.ports.tickets import HeldTicket
from kinolog.privacy.sealed_fields import ProgressSealer, unseal_job
from kinolog.privacy.sealer import Sealer, UnsealFailed
from kinolog.process.files.full_disk import NO_ROOM, is_full
from kinolog.process.log_retry import BACKOFF
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks
from kinolog_worker.attempt.attempt import RunningAttempt
from kinolog_worker.attempt.device_line import DevicePlace
from kinolog_worker.attempt.lease import NOT_OF_THE_ATTEMPT, Lease
from kinolog_worker.attempt.retry_delay import retry_at
from kinolog_worker.attempt.scratch_room import ScratchRoom
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.queue.admission import Drop, Postpone, Start, admit
from kinolog_worker.queue.early_key_look import EarlyKeyLook
from kinolog_worker.queue.predecessors import HeldTicketNote
from kinolog_worker.queue.preemption import Preemption
from kinolog_worker.queue.prefetch import prefetch
from kinolog_worker.queue.registry_look import RegistryLook, is_held_by_another
from kinolog_worker.queue.warm_workers import WarmWorkers
from kinolog_worker.queue.worker_lines import WorkerLines

logger = logging.getLogger(__name__)

REFUSED_SECONDS = 1.0
"""Delay of a released ticket whose job could not be started."""

KEY_MISSING_SECONDS = 5.0
KEY_MISSING_DELIVERIES = 5
"""Delay of a released ticket whose job waits for its key, and the delivery after which it is dropped instead."""

IDLE_LOOK_SECONDS = 1.0
"""Interval at which a worker that holds a ticket for later looks for an idle worker."""

WORKER_ERROR_SECONDS = 10.0
"""Delay of a released ticket after an error of this worker."""

OUT_OF_ROOM = JobError(code=SCRATCH_FULL, message=NO_ROOM, retryable=True)
UNREADABLE = JobError(
    code="PROMPT_UNREADABLE", message="the prompt does not unseal with the key of the job", retryable=False
)


class TicketHandler:
    """Handles tickets, each in its place of a line. It releases that of a job without `room` for its files."""

    def __init__(self, dependencies: WorkerDependencies) -> None:
        self._dependencies = dependencies
        self.room = ScratchRoom(dependencies.scratch, dependencies.alarms, dependencies.clock)
        self.warm_workers = WarmWorkers(dependencies)
        self.lines = WorkerLines(dependencies)
        self.line = self.lines.device
        self._registry = RegistryLook(dependencies)
        self._attempts: set[RunningAttempt] = set()
        self.preemption = Preemption(
            self.line, self._attempts, self.warm_workers, dependencies.most_preemptions
        )
        self._places: dict[str, DevicePlace] = {}
        """The places of the jobs of which this worker has started an attempt."""
        self._leaving = asyncio.Event()
        """Whether the worker starts no attempt for a ticket that it holds for later."""
        self._stopping = False

    def start_no_more(self) -> None:
        """Release the ticket that is held for later."""
        self._leaving.set()

    def stop(self) -> None:
        """End the running attempts early."""
        self._stopping = True
        for attempt in self._attempts:
            attempt.stop()

    async def handle(self, held: HeldTicket, place: DevicePlace | None = None) -> None:
        """Do what a ticket requests, in its place or one at the end. Raises nothing but `CancelledError`.

        While the log cannot be read or written, or is damaged, the ticket is held: each release would count as a
        delivery, and a ticket that is delivered too often is taken for one that ends workers.
        """
        job_id = held.ticket.job_id
        pauses, waited = BACKOFF.pauses(), False
        place = place or self.lines.of_class(held.ticket.model_class).join()
        note = HeldTicketNote(self._dependencies.scratch, held)
        note.write()
        try:
            while True:
                try:
                    if not held.ticket.prefetch:
                        async with EarlyKeyLook(self._dependencies.keys, job_id) as look:
                            await self._handle_job(held, place, look, waited=waited)
                    elif await self._reach_device(held, place):
                        await prefetch(self._dependencies, held, self.warm_workers)
                    return
                except KeyMissing:
                    raise
                except (LogUnavailable, DamagedLog) as error:  # a restore of the log ends this process
                    logger.warning("job %s waits for the log: %s", job_id, error)
                if self._stopping:
                    await held.release()
                    return
                waited = True
                await asyncio.sleep(next(pauses))
                place.rejoin()
        except LeaseLost as lost:
            logger.warning("dropping the attempt: %s", lost.message, extra=fields("lease_lost", job=job_id))
        except KeyMissing as missing:
            logger.error("job %s waits: %s", job_id, missing, extra=fields("key_missing", job=job_id))
            await self._postpone_without_key(held)
        except Exception:
            logger.exception("error while handling the ticket of job %s", job_id)
            await held.release(WORKER_ERROR_SECONDS)
        finally:
            note.remove()
            if self._places.get(job_id) is place:
                del self._places[job_id]
                self._dependencies.status.attempt_ended(job_id)
            place.leave()

    async def _handle_job(
        self, held: HeldTicket, place: DevicePlace, look: EarlyKeyLook, *, waited: bool
    ) -> None:
        """Start an attempt, or drop or postpone the ticket.

        `waited` is true if the ticket was held during an outage of the log. It may be void by then and the job that of
        another worker, whose ticket must not be removed. Raises `LogUnavailable`.
        """
        job_id = held.ticket.job_id
        loaded = await self._dependencies.store.load(job_id)
        while True:
            if waited and loaded is not None and is_held_by_another(loaded.job, self._dependencies.worker):
                logger.info("ticket dropped: another worker started it", extra=fields("drop", job=job_id))
                return
            if loaded is not None and self._is_in_another_place(loaded.job, place):
                logger.info("ticket dropped: its attempt runs here", extra=fields("drop", job=job_id))
                if held.deliveries == 1:  # otherwise the holder extends this delivery
                    await held.acknowledge()
                return
            if (
                loaded is not None
                and held.deliveries > 1
                and await self._registry.is_held_by_the_living(loaded.job)
            ):
                logger.info("ticket dropped: its worker is there", extra=fields("drop", job=job_id))
                return
            situation = await self._registry.situation(held, loaded)
            admission = admit(loaded.job if loaded else None, situation)
            match admission:
                case Drop(reason=reason):
                    logger.info("ticket dropped: %s", reason, extra=fields("drop", job=job_id))
                    await held.acknowledge()
                    return
                case Postpone(seconds=seconds):
                    await held.release(seconds)
                    return
                case Start():
                    pass
            if loaded is None:
                raise AssertionError("a job that is not in the log is never started")
            if loaded.job.status is Status.QUEUED and not self.room.suffices():
                logger.info("ticket released: no room for its job", extra=fields("no_room", job=job_id))
                await held.release()
                return
            if loaded.job.status is Status.QUEUED and await self.warm_workers.pass_on(held, loaded.job):
                return
            if loaded.job.status is Status.QUEUED and not await self.preemption.give_way(
                held, place, loaded.job
            ):
                return
            if not await self._reach_device(held, place, loaded.job):
                return
            try:
                await self._start_attempt(held, loaded, place, look, waited=admission.waited)
                return
            except AppendConflict:
                loaded = await self._dependencies.store.load(job_id)
            except LeaseLost:
                raise
            except Refused as refused:
                logger.info("job %s cannot be started: %s", job_id, refused.message)
                await held.release(REFUSED_SECONDS)
                return

    def _is_in_another_place(self, job: Job, place: DevicePlace) -> bool:
        """Return whether this worker runs an attempt at a job whose ticket came to it again."""
        return self._is_own(job) and self._places.get(job.id, place) is not place

    def _is_own(self, job: Job) -> bool:
        """Return whether this worker has started the attempt of a job, before an outage of the log."""
        return job.status is Status.PROCESSING and job.worker == self._dependencies.worker

    async def _reach_device(self, held: HeldTicket, place: DevicePlace, job: Job | None = None) -> bool:
        """Wait until the device is nearly free. Return False, and release the ticket, if the worker stops first.

        The ticket of a job is released too if an idle worker can take it, unless it was delivered several times: each
        release counts as a delivery. That of an attempt of this worker is not: whoever took it would record a loss.
        """
        near = asyncio.create_task(place.near())
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            while not near.done():
                ended, _ = await asyncio.wait(
                    (near, leaving), timeout=IDLE_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if near in ended:
                    break
                if job is not None and self._is_own(job):
                    if leaving in ended:  # then the attempt ends in the log
                        break
                    continue
                idle = not ended and job is not None and await self.warm_workers.another_waits(held, job)
                if leaving in ended or idle:
                    logger.info("ticket released", extra=fields("given_back", job=held.ticket.job_id))
                    await held.release()
                    return False
            return True
        finally:
            await end_tasks((near, leaving))

    async def _postpone_without_key(self, held: HeldTicket) -> None:
        """Release a ticket whose job waits for its key. Before deliveries are too many, drop it.

        The reconciler issues a new one, whose deliveries count from the start.
        """
        if held.deliveries < KEY_MISSING_DELIVERIES:
            await held.release(KEY_MISSING_SECONDS)
        else:
            await held.acknowledge()

    async def _start_attempt(
        self, held: HeldTicket, loaded: LoadedJob, place: DevicePlace, look: EarlyKeyLook, *, waited: bool
    ) -> None:
        """Append the start of an attempt and run it.

        A repeated call goes on with the attempt that an earlier one started.

        Raises `AppendConflict` if the job has changed since, `KeyMissing`, and `LogUnavailable`.
        """
        dependencies = self._dependencies
        if not await look.is_stored():
            raise KeyMissing(loaded.job.id, loaded.job.sealing_key_id)
        last_runtime = dependencies.status.runtime(loaded.job.spec.model)
        command = StartAttempt(
            id=new_id(),
            actor=dependencies.worker,
            runtime=replace(last_runtime, upscaler=None, loras=(), profile=None),  # of another job
            waited=waited,
            worker_key=dependencies.keys.public_key,
        )
        self._places[loaded.job.id] = place
        handled = await dependencies.handler.handle_from(loaded.job.id, loaded, command)
        job = handled.job
        if job.status is not Status.PROCESSING or job.worker != dependencies.worker:
            # The lost worker's attempt was the last one, or the job was to be cancelled: the command ended it.
            await held.acknowledge()
            return
        key = await dependencies.keys.of_attempt(job.id, job.attempt)  # the log has the lease by now
        if key is None:
            raise KeyMissing(job.id, job.sealing_key_id)
        dependencies.status.attempt_started(job.id, job.attempt, is_at_server=not place.uses_device)
        logger.info("attempt started", extra=fields("attempt_started", job=job.id, attempt=job.attempt))
        lease = Lease(
            dependencies.store,
            dependencies.handler,
            worker=dependencies.worker,
            tail=handled.tail,
            attempt=job.attempt,
        )
        try:
            await self._run_attempt(lease, key, place)
        except NOT_OF_THE_ATTEMPT:
            raise
        except Exception as error:
            logger.exception("attempt %d at job %s raised an error", job.attempt, job.id)
            worker_error = JobError(
                code="WORKER_ERROR",
                message=f"the worker made an error ({type(error).__name__})",
                retryable=True,
            )
            if is_full(error) or self.room.is_out():
                self.room.ran_out()
                worker_error = OUT_OF_ROOM
            await lease.record(self._failure(lease, worker_error))
        await held.acknowledge()

    async def _run_attempt(self, lease: Lease, key: bytes, place: DevicePlace) -> None:
        job = lease.job
        entry = self._dependencies.catalogue.get(job.spec.model)
        if entry is None:
            await lease.record(self._failure(lease, _unknown("MODEL_UNKNOWN", f"model {job.spec.model}")))
            return
        if (missing := self._missing_from_catalogue(job)) is not None:
            await lease.record(self._failure(lease, missing))
            return
        try:
            texts = unseal_job(job, key)
        except UnsealFailed:
            await lease.record(self._failure(lease, UNREADABLE))
            return
        seals = ProgressSealer(job, key)
        attempt = RunningAttempt(
            self._dependencies, lease, entry, texts, Sealer(job.id, key), seals, self.room, place
        )
        if self._stopping:
            attempt.stop()
        self._attempts.add(attempt)
        try:
            await attempt.run()
        finally:
            self._attempts.discard(attempt)

    def _missing_from_catalogue(self, job: Job) -> JobError | None:
        """Return why the catalogue of this worker has not all that a job names; None if it has."""
        catalogue = self._dependencies.catalogue
        if job.spec.upscaler and job.spec.upscaler not in catalogue.upscalers:
            return _unknown("UPSCALER_UNKNOWN", f"upscaler {job.spec.upscaler}")
        loras = (lora.name for lora in job.spec.loras if lora.name not in catalogue.loras)
        lora = next(loras, None)
        return None if lora is None else _unknown("LORA_UNKNOWN", f"LoRA {lora}")

    def _failure(self, lease: Lease, error: JobError) -> Command:
        """Count a failure and return the command that records it."""
        dependencies = self._dependencies
        logger.warning("attempt failed: %s", error.code, extra=fields("attempt_ended", job=lease.job.id))
        dependencies.status.attempts_failed += error.counts
        return FailAttempt(
            id=new_id(),
            actor=dependencies.worker,
            attempt=lease.attempt,
            error=error,
            retry_at=retry_at(lease.job, dependencies.clock(), dependencies.timing.first_retry_seconds),
        )


def _unknown(code: str, missing: str) -> JobError:
    return JobError(code=code, message=f"this installation has no {missing}", retryable=False)
