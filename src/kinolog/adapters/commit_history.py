"""What every log adapter does with commits that it has read: check their chain, fold them, recognise repeats."""

from __future__ import annotations

from collections.abc import Iterable

from kinolog.job.commit import Commit, Recorded
from kinolog.job.evolve import fold
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.ports.event_store import DamagedLog, LoadedJob


def is_current(tail: Recorded) -> bool:
    """Whether the state in the tail was folded by this version; otherwise the history is folded anew."""
    return tail.commit.fold_version == FOLD_VERSION


def loaded(tail: Recorded, job: Job | None = None) -> LoadedJob:
    """A job at its tail; `job` replaces the state in the tail when that was folded by another version."""
    return LoadedJob(
        job=job or tail.commit.state,
        position=tail.position,
        digest=tail.digest,
        command_id=tail.commit.command.id,
    )


def fold_history(job_id: str, history: Iterable[Recorded]) -> Job:
    """The job that these commits, oldest first, make."""
    job: Job | None = None
    for recorded in history:
        job = fold(job, job_id, recorded.commit.events, recorded.commit.command.id)
    if job is None:
        raise DamagedLog(f"job {job_id} has no history")
    return job


def check_chain(previous: Recorded | None, recorded: Recorded) -> None:
    """Raise `DamagedLog` when `recorded` does not build on `previous`, its job's commit before it."""
    position, digest = (previous.position, previous.digest) if previous else (0, b"")
    commit = recorded.commit
    if (commit.previous_position, commit.previous_hash) != (position, digest):
        raise DamagedLog(
            f"the commit of job {commit.job_id} at {recorded.position} does not build on the one at {position}"
        )


def is_repeat(stored: Commit, commit: Commit) -> bool:
    """Whether `stored` is what `commit` asks to be stored: the same command about the same job, at the same place."""
    return (
        stored.command.id == commit.command.id
        and stored.job_id == commit.job_id
        and stored.previous_position == commit.previous_position
    )


def may_hold_repeat(tail: Commit, commit: Commit) -> bool:
    """Whether the history up to `tail` may hold `commit` before the tail itself."""
    return commit.command.id in tail.state.applied_commands
