"""The worker's main loop: one ticket after the other, until shutdown. The next one is taken before a job has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from kinolog.job.values import DEVICE_MISSING
from kinolog.models.catalogue import ModelEntry
from kinolog.ports.tickets import COLDEST, HeldTicket, QueueClosed
from kinolog.process.backoff import Backoff
from kinolog.process.logs import annotate, fields
from kinolog.process.tasks import END_SECONDS, BackgroundTasks, end_tasks
from kinolog.scheduling.preemption import PREEMPTING
from kinolog_worker.attempt.device_line import DeviceLine, DevicePlace
from kinolog_worker.attempt.render_request import model_source
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import FailedMessage, RenderJob
from kinolog_worker.queue.ticket_handler import TicketHandler
from kinolog_worker.reporting.device_trouble import DeviceMissing, DeviceTrouble
from kinolog_worker.worker_reports import WorkerReporter

logger = logging.getLogger(__name__)

T = TypeVar("T")

ABORT_SECONDS = 6.0
"""How long a stopped attempt may take to end before its ticket is released without an end in the log."""

LIVENESS_SECONDS = 1.0
"""Interval at which an idle worker checks that the inference process lives."""

START_BACKOFF = Backoff(first_seconds=0.5, longest_seconds=30.0)
"""Pauses between attempts to start the inference process."""


class Supervisor:
    """Runs one worker. `ready` is set while it takes tickets."""

    def __init__(self, dependencies: WorkerDependencies) -> None:
        self._dependencies = dependencies
        self._handler = TicketHandler(dependencies)
        self._reporter = WorkerReporter(dependencies)
        self._device = DeviceTrouble(dependencies.alarms, dependencies.status, dependencies.clock)
        self._stop = asyncio.Event()
        self._releases = BackgroundTasks()
        self._handlings = BackgroundTasks()
        self.ready = asyncio.Event()

    def missing(self) -> list[str]:
        """Return why the worker is not ready; empty when it is."""
        inference = [] if self.ready.is_set() else ["the inference process"]
        return [*inference, *filter(None, [self._reporter.problem, self._dependencies.status.problem])]

    def stop(self) -> None:
        """Take no more tickets. The running attempts end, or their jobs are queued again after the grace period."""
        self._stop.set()
        self._handler.start_no_more()

    async def run(self) -> None:
        """Work until `stop` is called."""
        dependencies = self._dependencies
        background = [
            asyncio.create_task(self._reporter.run()),
        ]
        try:
            while not self._stop.is_set():
                if not dependencies.inference.alive and not await self._start_inference():
                    break
                self.ready.set()
                await self._take_tickets()
        finally:
            self.stop()
            self.ready.clear()
            longest = dependencies.timing.shutdown_grace_seconds + ABORT_SECONDS + END_SECONDS
            await self._handlings.ended(longest)
            await end_tasks(background)
            await self._releases.ended()
            await self._device.end()
            await self._reporter.deregister()
            await dependencies.queue.close()
            await dependencies.inference.kill()

    async def _take_tickets(self) -> None:
        """Take tickets for all lines until shutdown, or until the inference process exits."""
        lines = self._handler.lines
        takers = [
            asyncio.create_task(self._take_for(line, model_class))
            for model_class, line in lines.servers.items()
        ]
        if lines.device_classes:
            takers.append(asyncio.create_task(self._take_for(lines.device)))
        try:
            await asyncio.gather(*takers)
        finally:
            await end_tasks(takers)

    async def _take_for(self, line: DeviceLine, server_class: str = "") -> None:
        """Take one ticket after the other for a line: that of the device, or that of a class without one."""
        while self._dependencies.inference.alive and not self._stop.is_set():
            await self._wait_for_room()
            if not await self._wait_for_place(line):
                continue
            held = await (self._next_server_ticket(server_class) if server_class else self._next_ticket())
            if held is not None:
                self._handlings.start(self._handle(held, line.join()))

    async def _wait_for_room(self) -> None:
        """Wait until a job has room for its temporary files, or for shutdown. The worker holds no ticket meanwhile."""
        room = self._handler.room
        if room.suffices():
            return
        status = self._dependencies.status
        status.set_problem(f"the disk of the temporary files {room.problem()}")
        waiting = await self._unless_stopped(room.wait())
        status.set_problem("")
        if waiting.done() and not waiting.cancelled():
            waiting.result()

    async def _wait_for_place(self, line: DeviceLine) -> bool:
        """Wait until another ticket may be taken for a line, of a critical job at least.

        Return False on shutdown, or when the inference process exits.
        """
        rooms = [asyncio.create_task(line.has_room())]
        if line.has_device:
            rooms.append(asyncio.create_task(self._handler.preemption.possible()))
        await _first_end((*rooms, *self._interrupts()))
        return any(task.done() and not task.cancelled() for task in rooms)

    async def _next_ticket(self) -> HeldTicket | None:
        """Wait for a ticket. Return None on shutdown, when the inference process exits or the device becomes free, or
        for lack of room. While a job that may be preempted uses the device, wait for tickets of critical jobs only.

        A ticket that arrives although nobody waits for it any more is released.
        """
        queue, line, preemption = self._dependencies.queue, self._handler.line, self._handler.preemption
        classes = self._handler.lines.device_classes
        if line.has_room_now:
            # it requests as the coldest one, and again once the device is free
            ends = [line.is_free()] if line.is_used else []
            return await self._taken(queue.take(classes, self._coldness), ends)
        taking = queue.take(classes, preemption.coldness, (PREEMPTING.value,))
        return await self._taken(taking, [line.has_room(), preemption.impossible()])

    async def _next_server_ticket(self, model_class: str) -> HeldTicket | None:
        """Wait for a ticket of a model that a server runs. Return None as `_next_ticket` does."""
        return await self._taken(self._dependencies.queue.take([model_class]), [])

    async def _taken(
        self, taking: Coroutine[Any, Any, HeldTicket], ends: Sequence[Coroutine[Any, Any, None]]
    ) -> HeldTicket | None:
        """Return the ticket that is taken; None if the wait has to end before, as with one of `ends`."""
        interrupts = [*self._interrupts(), asyncio.create_task(self._handler.room.until_short())]
        interrupts.extend(map(asyncio.create_task, ends))
        take = asyncio.create_task(taking, name="next ticket")
        wanted = False
        try:
            await _first_end((take, *interrupts))
            wanted = take.done() and not take.cancelled() and not self._stop.is_set()
        finally:
            if not wanted:
                take.add_done_callback(self._release_unwanted)
        return take.result() if wanted else None

    def _interrupts(self) -> list[asyncio.Task[Any]]:
        """Return tasks that end on shutdown, and when the inference process exits."""
        return [
            asyncio.create_task(self._stop.wait()),
            asyncio.create_task(self._wait_for_inference_exit()),
        ]

    def _coldness(self, model_class: str) -> int:
        """Return how little of a class is loaded; the greatest coldness while a job uses the device."""
        if self._handler.line.is_used:
            return COLDEST
        return self._handler.warm_workers.coldness(model_class)

    def _release_unwanted(self, take: asyncio.Task[HeldTicket]) -> None:
        """Return a ticket that was taken too late. Only the ack wait would return it otherwise."""
        if take.cancelled():
            return
        error = take.exception()
        if error is None:
            self._releases.start(take.result().release())
        elif not isinstance(error, QueueClosed):
            logger.warning("a request for a ticket ended late, with an error: %s", type(error).__name__)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` until it ends or the worker stops. Return its task, which has ended, unless it was abandoned."""
        task = asyncio.create_task(work)
        await _first_end((task, asyncio.create_task(self._stop.wait())))
        return task

    async def _wait_for_inference_exit(self) -> None:
        while self._dependencies.inference.alive:  # noqa: ASYNC110 - a process has no event for its exit
            await asyncio.sleep(LIVENESS_SECONDS)

    async def _handle(self, held: HeldTicket, place: DevicePlace) -> None:
        """Handle a ticket and extend its ack wait meanwhile. On shutdown, release it after the grace period."""
        annotate(job=held.ticket.job_id)
        handling = asyncio.create_task(self._handler.handle(held, place))
        extending = asyncio.create_task(self._extend_ack_wait(held))
        shutdown = asyncio.create_task(self._shutdown_deadline())
        try:
            await _first_end((handling, shutdown))
            if handling.done() and not handling.cancelled():
                handling.result()
            else:
                logger.warning(
                    "releasing the ticket of job %s, whose attempt has not ended", held.ticket.job_id
                )
                await held.release()
        finally:
            place.leave()
            await end_tasks((extending,))

    async def _extend_ack_wait(self, held: HeldTicket) -> None:
        while True:
            await asyncio.sleep(self._dependencies.timing.ack_extend_seconds)
            await held.extend()

    async def _shutdown_deadline(self) -> None:
        """Wait for shutdown, stop the running attempts after the grace period, and return when it must have ended."""
        await self._stop.wait()
        await asyncio.sleep(self._dependencies.timing.shutdown_grace_seconds)
        self._handler.stop()
        await asyncio.sleep(ABORT_SECONDS)

    async def _start_inference(self) -> bool:
        """Start the inference process and load the preferred model. Return False on shutdown."""
        for pause in START_BACKOFF.pauses():
            if self._stop.is_set():
                break
            loading = await self._unless_stopped(self._load_preferred_model())
            if self._stop.is_set() or not loading.done():
                break
            if not loading.cancelled() and loading.exception() is None:
                await self._device.end()
                return True
            self.ready.clear()
            if not loading.cancelled() and isinstance(missing := loading.exception(), DeviceMissing):
                await self._device.begin(missing)
            why = "it was interrupted" if loading.cancelled() else loading.exception()
            logger.error("the inference process cannot be started: %s", why)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
        return False

    async def _load_preferred_model(self) -> None:
        """Start the process and load a model; a model that cannot be loaded is only logged. Raises `RuntimeError`."""
        dependencies = self._dependencies
        await dependencies.inference.start()
        entry = _preferred_model(dependencies)
        if entry is None:
            return
        files = await dependencies.models.local(entry)
        if files is None and dependencies.models.is_remote(entry):
            logger.info("%s is not on this machine; the first job that needs it downloads it", entry.name)
            return
        job = RenderJob(
            job_id="warm-up",
            model=model_source(entry, files),
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
            if result.code == DEVICE_MISSING:
                raise DeviceMissing(result.message)
            if not dependencies.inference.alive:
                raise RuntimeError(f"it ended while it loaded {entry.name}: {result.message}")
            return
        dependencies.status.model_loaded(entry.name, result.facts)
        facts = fields("loaded", model=entry.name, seconds=result.seconds, device=result.facts.device)
        logger.info("model loaded", extra=facts)


async def _first_end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Wait until one of these tasks has ended, and end the others."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(tasks)


def _preferred_model(dependencies: WorkerDependencies) -> ModelEntry | None:
    """Return the catalogue's default model, or the first one that this worker serves; None if servers run them all."""
    served = [entry for entry in dependencies.catalogue if entry.name in dependencies.served]
    loaded = [entry for entry in served if not entry.files_at_once]
    default = dependencies.catalogue.default
    return default if default in loaded else next(iter(loaded), None)
