"""Returns the tickets that a dead worker held to the queue, so that their jobs do not wait for the ack wait.

A worker notes each ticket that it holds in its folder. Whoever removes the folder of a dead worker reads the notes:
usually the next process under the same name, which `kinolog up` starts at once. See docs/decisions/0008.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.tickets import HeldTicket
from kinolog.process.logs import fields
from kinolog_worker.attempt.scratch_folder import NOTE, DeadWorker
from kinolog_worker.dependencies import WorkerDependencies

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 10.0
"""How long the return may take. After that the ack wait does its work."""


@dataclass(frozen=True, slots=True)
class TicketNote:
    """The ticket that a worker holds: its job, and the receipt by which another process can return it."""

    job_id: str
    receipt: str


class HeldTicketNote:
    """The note about one ticket in the folder of this worker."""

    def __init__(self, folder: Path, held: HeldTicket) -> None:
        self._held = held
        self._path = folder / f"{NOTE}-{held.ticket.job_id}-{held.ticket.position}"

    def write(self) -> None:
        """Note the ticket. A note that cannot be written only costs time after a crash."""
        note = TicketNote(self._held.ticket.job_id, self._held.receipt)
        with contextlib.suppress(OSError):
            self._path.write_text(json.dumps(asdict(note)), encoding="utf-8")

    def remove(self) -> None:
        """Remove the note: the ticket is acknowledged or released."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


async def return_tickets(dependencies: WorkerDependencies, dead: Iterable[DeadWorker]) -> None:
    """Remove dead workers from the registry, and return their tickets. Raises nothing.

    Whoever gets such a ticket looks whether its worker reports, unless that is removed: so it is removed first.
    """
    for worker in dead:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await dependencies.workers.deregister(worker.name)
                for text in worker.notes:
                    await _return_ticket(dependencies, worker.name, text)
        except Exception as error:  # such as a log that is damaged there: this worker starts all the same
            logger.warning("a ticket of %s is not returned now: %s", worker.name, type(error).__name__)


async def _return_ticket(dependencies: WorkerDependencies, worker: str, text: str) -> None:
    try:
        note = TicketNote(**json.loads(text))
    except (ValueError, TypeError):
        return  # the worker died as it wrote it
    loaded = await dependencies.store.load(note.job_id)
    if loaded is None or not _may_hold(loaded.job, worker):
        return
    await dependencies.queue.give_back(note.receipt)
    extra = fields("returned", job=note.job_id, worker=worker)
    logger.warning("returned the ticket of a dead worker", extra=extra)


def _may_hold(job: Job, worker: str) -> bool:
    """Return whether the log lets a worker hold the job's ticket: no other has started it since."""
    return job.status is Status.QUEUED or (job.status is Status.PROCESSING and job.worker == worker)
