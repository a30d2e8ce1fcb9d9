"""The worker's main loop: one ticket after the other, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from kinolog.models.catalogue import ModelEntry
from kinolog.ports.tickets import HeldTicket
from kinolog.process.logs import fields
from kinolog_worker.attempt.render_request import model_source
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import FailedMessage, RenderJob
from kinolog_worker.queue.ticket_handler import TicketHandler
from kinolog_worker.reporting.worker_reports import WorkerReporter

logger = logging.getLogger(__name__)

LAST_SECONDS = 6.0
"""How long the end of an attempt may take, once it was told to stop, before its ticket is handed back as it is."""

LOOK_SECONDS = 1.0
"""Between two looks whether the inference process of an idle worker lives."""

SWEEP_SECONDS = 24 * 3600.0
"""Files in the making that are older than this were left by a writer that died."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


class Supervisor:
    """Runs one worker. `ready` is set once it takes tickets."""

    def __init__(self, parts: WorkerDependencies) -> None:
        self._parts = parts
        self._desk = TicketHandler(parts)
        self._reporting = WorkerReporter(parts)
        self._stop = asyncio.Event()
        self._model_classes = _classes(parts)
        self.ready = asyncio.Event()

    def stop(self) -> None:
        """Take no more tickets; let the running attempt end, or hand its job back after the time of grace."""
        self._stop.set()

    async def run(self) -> None:
        """Work until told to stop."""
        parts = self._parts
        beside = [
            asyncio.create_task(self._reporting.run()),
            asyncio.create_task(self._sweep()),
        ]
        try:
            while not self._stop.is_set():
                if not parts.inference.alive and not await self._warm_up():
                    break
                self.ready.set()
                held = await self._next_ticket()
                if held is not None:
                    await self._work(held)
        finally:
            self.ready.clear()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._reporting.leave()
            await parts.queue.close()
            await parts.inference.kill()

    async def _next_ticket(self) -> HeldTicket | None:
        """Wait for a ticket; None when it is time to stop, or the inference process has died."""
        taking = asyncio.create_task(self._parts.queue.take(self._model_classes))
        others = [asyncio.create_task(self._stop.wait()), asyncio.create_task(self._inference_dies())]
        try:
            await asyncio.wait([taking, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (taking, *others):
                task.cancel()
            await asyncio.gather(taking, *others, return_exceptions=True)
        if taking.cancelled():
            return None
        if self._stop.is_set():
            await taking.result().release()
            return None
        return taking.result()

    async def _inference_dies(self) -> None:
        while self._parts.inference.alive:  # noqa: ASYNC110 - a process has no event for its death
            await asyncio.sleep(LOOK_SECONDS)

    async def _sweep(self) -> None:
        """Remove what writers that died left in the artifact store; no harm when it fails."""
        try:
            swept = await self._parts.artifacts.sweep(SWEEP_SECONDS)
        except Exception as error:
            logger.warning("the artifact store cannot be swept: %s", type(error).__name__)
            return
        if swept:
            logger.info("removed %d files that writers had left behind", swept)

    async def _work(self, held: HeldTicket) -> None:
        """Deal with a ticket, and keep it meanwhile."""
        working = asyncio.create_task(self._desk.work(held))
        beside = [
            asyncio.create_task(self._keep(held)),
            asyncio.create_task(self._hurry()),
        ]
        try:
            await asyncio.wait([working, beside[1]], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                logger.warning("handing back the ticket of job %s as it is", held.ticket.job_id)
                working.cancel()
                with suppress(asyncio.CancelledError):
                    await working
                await held.release()
            else:
                working.result()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _keep(self, held: HeldTicket) -> None:
        while True:
            await asyncio.sleep(self._parts.timing.keep_seconds)
            await held.extend()

    async def _hurry(self) -> None:
        """Once the worker is told to stop, give the running attempt its time of grace; returns when that is over."""
        await self._stop.wait()
        await asyncio.sleep(self._parts.timing.grace_seconds)
        self._desk.stop()
        await asyncio.sleep(LAST_SECONDS)

    async def _warm_up(self) -> bool:
        """Start the inference process and load the model that is likely wanted; False when told to stop."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            loading = asyncio.create_task(self._load())
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait([loading, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not loading.done():
                loading.cancel()
            await asyncio.gather(loading, stopping, return_exceptions=True)
            if loading.cancelled():
                return False
            if loading.exception() is None:
                return True
            logger.error("the inference process cannot be started: %s", loading.exception())
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return False

    async def _load(self) -> None:
        """Raises RuntimeError when there is no inference process; a model that cannot be loaded is reported only."""
        parts = self._parts
        await parts.inference.start()
        entry = _likely(parts)
        order = RenderJob(
            job_id="warm-up",
            model=model_source(entry),
            scenes=(),
            width=16,
            height=16,
            fps=1,
            steps=1,
            guidance=0.0,
            folder=parts.scratch,
        )
        result = await parts.inference.prefetch(order)
        if isinstance(result, FailedMessage):
            logger.error("%s cannot be loaded: %s: %s", entry.name, result.code, result.message)
            return
        parts.status.loaded(entry.name, result.facts)
        what = fields("loaded", model=entry.name, seconds=result.seconds, device=result.facts.device)
        logger.info("model loaded", extra=what)


def _likely(parts: WorkerDependencies) -> ModelEntry:
    """The model that jobs most likely ask for: the default one, or the first that this worker serves."""
    served = [entry for entry in parts.catalogue if entry.name in parts.served]
    default = parts.catalogue.default
    return default if default in served else served[0]


def _classes(parts: WorkerDependencies) -> Sequence[str]:
    """The model classes of the models that this worker serves, each once."""
    return list(dict.fromkeys(entry.model_class for entry in parts.catalogue if entry.name in parts.served))
