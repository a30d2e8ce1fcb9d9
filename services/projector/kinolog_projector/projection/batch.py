"""A batch of commits, checked and made ready to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinolog.job.commit import Recorded
from kinolog.job.evolve import fold
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealed_fields import NEGATIVE_PROMPT, PROMPT
from kinolog.privacy.sealer import Sealer


@dataclass(frozen=True, slots=True)
class JobPrompts:
    """Prompts of a job in the clear; None where there is none, or no key any more."""

    prompt: str | None
    negative_prompt: str | None


@dataclass(frozen=True, slots=True)
class JobCommits:
    """A job's commits in a batch, and the job after the last of them."""

    commits: tuple[Recorded, ...]
    state: Job

    @property
    def begins(self) -> bool:
        """Whether the job's first commit is among them."""
        return self.commits[0].commit.previous_position == 0


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """Contiguous commits, by job too, with the prompts of the jobs that begin in it."""

    commits: Sequence[Recorded]
    jobs: Mapping[str, JobCommits]
    prompts: Mapping[str, JobPrompts]

    @property
    def first(self) -> int:
        """Position of the first commit."""
        return self.commits[0].position

    @property
    def last(self) -> int:
        """Position of the last commit."""
        return self.commits[-1].position


def check_contiguous(previous: int, commits: Sequence[Recorded]) -> None:
    """Raise `DamagedLog` unless the commits follow `previous` without a gap."""
    for expected, recorded in enumerate(commits, previous + 1):
        if recorded.position != expected:
            raise DamagedLog(
                f"the log goes from position {expected - 1} to {recorded.position}: commits are missing. "
                "Restore the stream from the archive (kinolog-projector restore) or from a backup"
            )


class BatchPreparer:
    """Makes batches: groups by job, folds anew what an older version folded, opens prompts."""

    def __init__(self, store: EventStore, keys: KeyStore) -> None:
        self._store = store
        self._keys = keys

    async def prepare(self, previous: int, commits: Sequence[Recorded]) -> CommitBatch:
        """A batch of at least one commit, the first behind `previous`. Raises `DamagedLog` on a gap."""
        check_contiguous(previous, commits)
        by_job: dict[str, list[Recorded]] = {}
        for recorded in commits:
            by_job.setdefault(recorded.commit.job_id, []).append(recorded)
        jobs = {}
        for job_id, its in by_job.items():
            jobs[job_id] = JobCommits(tuple(its), await self._state(job_id, its[-1]))
        return CommitBatch(commits, jobs, await self._open(jobs))

    async def _state(self, job_id: str, tail: Recorded) -> Job:
        if tail.commit.fold_version == FOLD_VERSION:
            return tail.commit.state
        job: Job | None = None
        async for recorded in self._store.history(job_id):
            if recorded.position > tail.position:
                break
            job = fold(job, job_id, recorded.commit.events, recorded.commit.command.id)
        if job is None:
            raise DamagedLog(f"the log has no history of job {job_id}")
        return job

    async def _open(self, jobs: Mapping[str, JobCommits]) -> dict[str, JobPrompts]:
        new = {job_id: its.state for job_id, its in jobs.items() if its.begins}
        readable = [job.sealing_key_id for job in new.values() if not job.erased]
        keys = await self._keys.get_many(readable) if readable else {}
        return {job_id: _prompts(job, keys.get(job.sealing_key_id)) for job_id, job in new.items()}


def _prompts(job: Job, key: bytes | None) -> JobPrompts:
    if key is None or job.erased:
        return JobPrompts(None, None)
    sealer = Sealer(job.id, key)
    negative = job.spec.negative_prompt
    return JobPrompts(
        sealer.open(job.spec.prompt, PROMPT),
        sealer.open(negative, NEGATIVE_PROMPT) if negative is not None else None,
    )
