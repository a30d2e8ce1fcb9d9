"""Command handling: load, decide, fold, append, and decide anew when somebody was faster."""

from __future__ import annotations

from dataclasses import dataclass

from kinolog.job.commands import Command
from kinolog.job.commit import CommandFacts, Commit
from kinolog.job.decide import Refused, decide
from kinolog.job.events import Event
from kinolog.job.evolve import fold
from kinolog.job.names import stored_name
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import Conflict, EventStore, LoadedJob

ATTEMPTS = 16
"""How often a command is decided anew before the caller is told that the job is too busy."""


class JobTooBusy(Refused):
    """A job that changes faster than a command can be decided."""

    def __init__(self, job_id: str) -> None:
        super().__init__("JOB_TOO_BUSY", f"job {job_id} keeps changing; try again in a moment")


@dataclass(frozen=True, slots=True)
class HandledCommand:
    """The job after a command. `events` is empty when the command had been handled before."""

    job: Job
    position: int
    digest: bytes
    command_id: str
    events: tuple[Event, ...]

    @property
    def tail(self) -> LoadedJob:
        """What the next command builds on."""
        return LoadedJob(self.job, self.position, self.digest, self.command_id)


class CommandHandler:
    """Takes commands to jobs in the log."""

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def handle(self, job_id: str, command: Command) -> HandledCommand:
        """Load the job and give it the command; decide anew on a conflict.

        Raises `Refused` when the job does not take it, `LogUnavailable` when the log does not answer.
        """
        for _ in range(ATTEMPTS):
            loaded = await self._store.load(job_id)
            try:
                return await self.handle_from(job_id, loaded, command)
            except Conflict:
                continue
        raise JobTooBusy(job_id)

    async def handle_from(self, job_id: str, loaded: LoadedJob | None, command: Command) -> HandledCommand:
        """Give the command to the job as the caller knows it. Raises `Conflict` when it has moved on."""
        commit = self.decide_from(job_id, loaded, command)
        if commit is None:
            if loaded is None:  # decide() answers nothing only for jobs that are there
                raise AssertionError("a command to no job led to no events")
            return HandledCommand(loaded.job, loaded.position, loaded.digest, loaded.command_id, ())
        appended = await self._store.append(commit)
        return HandledCommand(commit.state, appended.position, appended.digest, command.id, commit.events)

    def decide_from(self, job_id: str, loaded: LoadedJob | None, command: Command) -> Commit | None:
        """The commit that the command leads to; None when there is nothing to do. Stores nothing."""
        at = self._clock()
        job = loaded.job if loaded is not None else None
        events = decide(job, command, at)
        if not events:
            return None
        state = fold(job, job_id, events, command.id)
        return Commit(
            job_id=job_id,
            command=CommandFacts(stored_name(type(command)), command.id, command.actor),
            events=tuple(events),
            state=state,
            fold_version=FOLD_VERSION,
            version=state.version,
            previous_position=loaded.position if loaded is not None else 0,
            previous_hash=loaded.digest if loaded is not None else b"",
            at=at,
        )
