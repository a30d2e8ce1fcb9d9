"""The ticket of a dead worker returns at once, unless the log gives its job to another one by now."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from kinolog_worker.attempt.scratch_folder import NOTE, DeadWorker
from kinolog_worker.queue.predecessors import return_tickets

from kinolog.job.values import Status
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.tickets import HeldTicket
from tests.builders.memory_worker import MemoryWorker
from tests.fixtures.waits import WAIT_SECONDS

DEAD = "worker-1-before"


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


def note_of(held: HeldTicket) -> DeadWorker:
    """Return the dead worker that held this ticket."""
    note = json.dumps({"job_id": held.ticket.job_id, "receipt": held.receipt})
    return DeadWorker(DEAD, (note,))


def held_tickets(memory_worker: MemoryWorker) -> int:
    """Return how many tickets are held now."""
    now = memory_worker.issuer.now()
    return sum(queued.free_at > now for queued in memory_worker.issuer.queued.values())


@pytest.mark.parametrize("started", [False, True])
async def test_the_ticket_of_a_dead_worker_returns(memory_worker: MemoryWorker, started: bool) -> None:
    """A queued job, and one that the dead worker was processing, is free for the next worker."""
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    if started:
        await memory_worker.start_elsewhere(job_id, DEAD)
    await return_tickets(memory_worker.dependencies, [note_of(held)])
    assert held_tickets(memory_worker) == 0


async def test_a_dead_worker_is_removed_before_its_ticket_returns(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next holder of the ticket does not look for a sign of life of a worker that is known to be dead."""
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    await memory_worker.start_elsewhere(job_id, DEAD)
    give_back, removed = memory_worker.dependencies.queue.give_back, []

    async def look(receipt: str) -> None:
        removed.append(await memory_worker.workers.is_deregistered(DEAD))
        await give_back(receipt)

    monkeypatch.setattr(memory_worker.dependencies.queue, "give_back", look)
    await return_tickets(memory_worker.dependencies, [note_of(held)])
    assert removed == [True]
    assert held_tickets(memory_worker) == 0


async def test_a_job_of_another_worker_is_left_alone(memory_worker: MemoryWorker) -> None:
    """A job that another worker has started, and one that has ended, keeps its ticket where it is."""
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    await memory_worker.start_elsewhere(job_id)
    await return_tickets(memory_worker.dependencies, [note_of(held)])
    assert held_tickets(memory_worker) == 1


@pytest.mark.parametrize("note", ["", "{", "[]", '{"job_id": "unknown", "receipt": "x"}', '{"more": 1}'])
async def test_notes_without_a_ticket(memory_worker: MemoryWorker, note: str) -> None:
    """A worker that held nothing, and a note that was being written, return nothing."""
    await return_tickets(memory_worker.dependencies, [DeadWorker(DEAD, (note,))])


@pytest.mark.parametrize("error", [LogUnavailable, DamagedLog])
async def test_a_log_that_cannot_be_read(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """The worker starts all the same: the ack wait returns the ticket."""
    held = await memory_worker.ticket(await memory_worker.submit())

    async def unavailable(job_id: str) -> None:
        raise error(job_id)

    monkeypatch.setattr(memory_worker.store, "load", unavailable)
    await return_tickets(memory_worker.dependencies, [note_of(held)])
    assert held_tickets(memory_worker) == 1


async def test_a_worker_notes_the_ticket_that_it_holds(memory_worker: MemoryWorker) -> None:
    """The note is there while the ticket is handled, and gone when the job has ended."""
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    loading = memory_worker.store.load
    seen: list[Path] = []

    async def load(loaded_id: str) -> object:
        for note in memory_worker.folder.glob(f"{NOTE}*"):
            seen.append(note)
            assert json.loads(note.read_text()) == {"job_id": job_id, "receipt": held.receipt}
        return await loading(loaded_id)

    memory_worker.store.load = load  # type: ignore[method-assign, assignment]  # it looks at the note meanwhile
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    assert seen
    assert not [*memory_worker.folder.glob(f"{NOTE}*")]
    assert (await memory_worker.job(job_id)).status is Status.COMPLETED
