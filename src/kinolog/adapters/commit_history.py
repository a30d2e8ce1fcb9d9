"""Histories of jobs for every log adapter: check the chain of commits, fold them, recognise repeats."""

from __future__ import annotations

from collections.abc import Iterable

from kinolog.job.commit import Commit, RecordedCommit
from kinolog.job.evolve import fold_commits
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.ports.event_store import DamagedLog, LoadedJob


def is_current(tail: RecordedCommit) -> bool:
    """Return whether this version folded the state in the tail; if not, the history must be folded again."""
    return tail.commit.fold_version == FOLD_VERSION


def loaded_job(tail: RecordedCommit, job: Job | None = None) -> LoadedJob:
    """Return a job at its tail. `job` replaces a state in the tail that another version folded."""
    return LoadedJob(
        job=job or tail.commit.state,
        position=tail.position,
        digest=tail.digest,
        command_id=tail.commit.command.id,
    )


def fold_history(job_id: str, history: Iterable[RecordedCommit]) -> Job:
    """Return the fold of a job's commits, oldest first. Raises `DamagedLog` without any."""
    job = fold_commits(recorded.commit for recorded in history)
    if job is None:
        raise DamagedLog(f"job {job_id} has no history")
    return job


def check_chain(previous: RecordedCommit | None, recorded: RecordedCommit) -> None:
    """Raise `DamagedLog` if `recorded` does not build on `previous`, the commit of its job before it."""
    position, digest = (previous.position, previous.digest) if previous else (0, b"")
    commit = recorded.commit
    if (commit.previous_position, commit.previous_hash) != (position, digest):
        raise DamagedLog(
            f"the commit of job {commit.job_id} at {recorded.position} does not build on the one at {position}"
        )


def is_repeat(stored: Commit, commit: Commit) -> bool:
    """Return whether `stored` is `commit`: the same command to the same job, after the same commit."""
    return (
        stored.command.id == commit.command.id
        and stored.job_id == commit.job_id
        and stored.previous_position == commit.previous_position
    )


def may_hold_repeat(tail: Commit, commit: Commit) -> bool:
    """Return whether the history before `tail` may contain `commit`."""
    return commit.command.id in tail.state.applied_commands
