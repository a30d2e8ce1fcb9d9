"""Handle a command: load the job, decide, fold, append. Decide again after a conflict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from kinolog.job.commands import NO_ORIGIN, Command
from kinolog.job.commit import CommandFacts, Commit
from kinolog.job.decide import Refused, decide
from kinolog.job.events import Event
from kinolog.job.evolve import fold
from kinolog.job.names import stored_name
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict, EventStore, LoadedJob
from kinolog.process.backoff import Backoff

MAX_DECISIONS = 16
"""Number of decisions about a command before `JobTooBusy`."""

PAUSES = Backoff(0.002, 0.2)
"""Between the decisions. A replicated log refuses a second commit before it shows the first one: it waits for disks."""


LoadJob: TypeAlias = Callable[[str], Awaitable[LoadedJob | None]]
"""Reads a job by its id; None for a job that is not in the log."""


class JobTooBusy(Refused):
    """The job changes faster than a command can be decided."""

    def __init__(self, job_id: str) -> None:
        super().__init__("JOB_TOO_BUSY", f"job {job_id} keeps changing; try again in a moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandledCommand:
    """The job after a command. `events` is empty if the command changed nothing."""

    job: Job
    position: int
    digest: bytes
    command_id: str
    events: tuple[Event, ...]

    @property
    def tail(self) -> LoadedJob:
        """The tail that the next command builds on."""
        return LoadedJob(job=self.job, position=self.position, digest=self.digest, command_id=self.command_id)


class CommandHandler:
    """Applies commands to jobs in the log."""

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def handle(self, job_id: str, command: Command, load: LoadJob | None = None) -> HandledCommand:
        """Load the job, decide and append. Decide again on a conflict.

        `load` reads the job instead of the store and may raise an error to end the command, such as for a caller that
        may not see the job. Raises `Refused` if the job does not accept the command, `JobTooBusy` after `MAX_DECISIONS`
        conflicts, `LogUnavailable` if the log does not answer.
        """
        load = load or self._store.load
        for pause in (0.0, *islice(PAUSES.pauses(), MAX_DECISIONS - 1)):
            if pause:
                await asyncio.sleep(pause)
            loaded = await load(job_id)
            try:
                return await self.handle_from(job_id, loaded, command)
            except AppendConflict:
                continue
        raise JobTooBusy(job_id)

    async def handle_from(self, job_id: str, loaded: LoadedJob | None, command: Command) -> HandledCommand:
        """Apply the command to the job as it was loaded. Raises `AppendConflict` if it has changed since, `Refused`."""
        commit = self.decide_from(job_id, loaded, command)
        if commit is None:
            if loaded is None:  # decide() returns no events only for an existing job
                raise AssertionError("a command to a missing job produced no events")
            return HandledCommand(
                job=loaded.job,
                position=loaded.position,
                digest=loaded.digest,
                command_id=loaded.command_id,
                events=(),
            )
        appended = await self._store.append(commit)
        return HandledCommand(
            job=commit.state,
            position=appended.position,
            digest=appended.digest,
            command_id=command.id,
            events=commit.events,
        )

    def decide_from(self, job_id: str, loaded: LoadedJob | None, command: Command) -> Commit | None:
        """Return the commit of a command without storing it; None if it changes nothing. Raises `Refused`."""
        at = self._clock()
        job = loaded.job if loaded is not None else None
        if job is not None:
            at = max(at, job.updated_at)  # times never run backwards within a job, whatever the clocks do
        events = decide(job, command, at)
        if not events:
            return None
        state = fold(job, job_id, events, command.id)
        return Commit(
            job_id=job_id,
            command=CommandFacts(
                name=stored_name(type(command)),
                id=command.id,
                actor=command.actor,
                origin=getattr(command, "origin", NO_ORIGIN),
            ),
            events=tuple(events),
            state=state,
            fold_version=FOLD_VERSION,
            version=state.version,
            previous_position=loaded.position if loaded is not None else 0,
            previous_hash=loaded.digest if loaded is not None else b"",
            at=at,
        )
