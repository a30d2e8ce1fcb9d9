"""The worker's main loop: one ticket after the other, until shutdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from kinolog.models.catalogue import ModelEntry
from kinolog.ports.tickets import HeldTicket
from kinolog.process.backoff import Backoff
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks
from kinolog_worker.attempt.render_request import model_source
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import FailedMessage, RenderJob
from kinolog_worker.queue.ticket_handler import TicketHandler
from kinolog_worker.worker_reports import WorkerReporter

logger = logging.getLogger(__name__)

ABORT_SECONDS = 6.0
"""How long a stopped attempt may take to end before its ticket is released without an end in the log."""

LIVENESS_SECONDS = 1.0
"""Interval at which an idle worker checks that the inference process lives."""

STALE_UPLOAD_SECONDS = 24 * 3600.0
"""Age at which a temporary file in the artifact store counts as left over from a writer that died."""

START_BACKOFF = Backoff(first_seconds=0.5, longest_seconds=30.0)
"""Pauses between attempts to start the inference process."""


class Supervisor:
    """Runs one worker. `ready` is set while it takes tickets."""

    def __init__(self, dependencies: WorkerDependencies) -> None:
        self._dependencies = dependencies
        self._handler = TicketHandler(dependencies)
        self._reporter = WorkerReporter(dependencies)
        self._stop = asyncio.Event()
        self._model_classes = _served_classes(dependencies)
        self.ready = asyncio.Event()

    def missing(self) -> list[str]:
        """Return why the worker is not ready; empty when it is."""
        inference = [] if self.ready.is_set() else ["the inference process"]
        return [*inference, *filter(None, [self._reporter.problem])]

    def stop(self) -> None:
        """Take no more tickets. The running attempt ends, or its job is queued again after the grace period."""
        self._stop.set()

    async def run(self) -> None:
        """Work until `stop` is called."""
        dependencies = self._dependencies
        background = [
            asyncio.create_task(self._reporter.run()),
            asyncio.create_task(self._sweep_artifacts()),
        ]
        try:
            while not self._stop.is_set():
                if not dependencies.inference.alive and not await self._start_inference():
                    break
                self.ready.set()
                held = await self._next_ticket()
                if held is not None:
                    await self._handle(held)
        finally:
            self.ready.clear()
            await end_tasks(background)
            await self._reporter.deregister()
            await dependencies.queue.close()
            await dependencies.inference.kill()

    async def _next_ticket(self) -> HeldTicket | None:
        """Wait for a ticket. Return None on shutdown or when the inference process exits."""
        take = asyncio.create_task(self._dependencies.queue.take(self._model_classes))
        interrupts = [
            asyncio.create_task(self._stop.wait()),
            asyncio.create_task(self._wait_for_inference_exit()),
        ]
        try:
            await asyncio.wait([take, *interrupts], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks((take, *interrupts))
        if take.cancelled():
            return None
        if self._stop.is_set():
            await take.result().release()
            return None
        return take.result()

    async def _wait_for_inference_exit(self) -> None:
        while self._dependencies.inference.alive:  # noqa: ASYNC110 - a process has no event for its exit
            await asyncio.sleep(LIVENESS_SECONDS)

    async def _sweep_artifacts(self) -> None:
        """Remove temporary files of dead writers from the artifact store. A failure is only logged."""
        try:
            removed = await self._dependencies.artifacts.sweep(STALE_UPLOAD_SECONDS)
        except Exception as error:
            logger.warning("the artifact store cannot be swept: %s", type(error).__name__)
            return
        if removed:
            logger.info("removed %d temporary files of dead writers from the artifact store", removed)

    async def _handle(self, held: HeldTicket) -> None:
        """Handle a ticket and extend its ack wait meanwhile. On shutdown, release it after the grace period."""
        handling = asyncio.create_task(self._handler.handle(held))
        extending = asyncio.create_task(self._extend_ack_wait(held))
        shutdown = asyncio.create_task(self._shutdown_deadline())
        try:
            await asyncio.wait([handling, shutdown], return_when=asyncio.FIRST_COMPLETED)
            if not handling.done():
                logger.warning("releasing the ticket of job %s before its attempt ended", held.ticket.job_id)
                await end_tasks((handling,))
                await held.release()
            else:
                handling.result()
        finally:
            await end_tasks((extending, shutdown))

    async def _extend_ack_wait(self, held: HeldTicket) -> None:
        while True:
            await asyncio.sleep(self._dependencies.timing.ack_extend_seconds)
            await held.extend()

    async def _shutdown_deadline(self) -> None:
        """Wait for shutdown, stop the running attempt after the grace period, and return when it must have ended."""
        await self._stop.wait()
        await asyncio.sleep(self._dependencies.timing.shutdown_grace_seconds)
        self._handler.stop()
        await asyncio.sleep(ABORT_SECONDS)

    async def _start_inference(self) -> bool:
        """Start the inference process and load the preferred model. Return False on shutdown."""
        for pause in START_BACKOFF.pauses():
            if self._stop.is_set():
                break
            loading = asyncio.create_task(self._load_preferred_model())
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait([loading, stopping], return_when=asyncio.FIRST_COMPLETED)
            await end_tasks((loading, stopping))
            if not loading.done() or loading.cancelled():
                break
            if loading.exception() is None:
                return True
            logger.error("the inference process cannot be started: %s", loading.exception())
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
        return False

    async def _load_preferred_model(self) -> None:
        """Start the process and load a model; a model that cannot be loaded is only logged. Raises `RuntimeError`."""
        dependencies = self._dependencies
        await dependencies.inference.start()
        entry = _preferred_model(dependencies)
        job = RenderJob(
            job_id="warm-up",
            model=model_source(entry),
            scenes=(),
            width=16,
            height=16,
            fps=1,
            steps=1,
            guidance=0.0,
            folder=dependencies.scratch,
        )
        result = await dependencies.inference.prefetch(job)
        if isinstance(result, FailedMessage):
            logger.error("%s cannot be loaded: %s: %s", entry.name, result.code, result.message)
            if not dependencies.inference.alive:
                raise RuntimeError(f"it ended while it loaded {entry.name}: {result.message}")
            return
        dependencies.status.model_loaded(entry.name, result.facts)
        facts = fields("loaded", model=entry.name, seconds=result.seconds, device=result.facts.device)
        logger.info("model loaded", extra=facts)


def _preferred_model(dependencies: WorkerDependencies) -> ModelEntry:
    """Return the catalogue's default model, or the first model that this worker serves."""
    served = [entry for entry in dependencies.catalogue if entry.name in dependencies.served]
    default = dependencies.catalogue.default
    return default if default in served else served[0]


def _served_classes(dependencies: WorkerDependencies) -> Sequence[str]:
    """Return the model classes of the models that this worker serves, each once."""
    served = (entry for entry in dependencies.catalogue if entry.name in dependencies.served)
    return list(dict.fromkeys(entry.model_class for entry in served))
