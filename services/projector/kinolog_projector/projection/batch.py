"""A batch of commits, checked and prepared for projection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinolog.job.commit import RecordedCommit
from kinolog.job.evolve import fold_commits
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.ports.event_store import RESTORE, DamagedLog, EventStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealed_fields import NEGATIVE_PROMPT, PROMPT
from kinolog.privacy.sealer import Sealer


@dataclass(frozen=True, slots=True)
class JobPrompts:
    """Prompts of a job in plain text; None without a prompt or without a key."""

    prompt: str | None
    negative_prompt: str | None


@dataclass(frozen=True, slots=True)
class JobCommits:
    """A job's commits in a batch, and the job after the last of them."""

    commits: tuple[RecordedCommit, ...]
    state: Job

    @property
    def begins(self) -> bool:
        """Whether the job's first commit is among them."""
        return self.commits[0].commit.previous_position == 0


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """Contiguous commits, grouped by job as well, with the prompts of the jobs that begin among them."""

    commits: Sequence[RecordedCommit]
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


def check_contiguous(previous: int, commits: Sequence[RecordedCommit]) -> None:
    """Raise `DamagedLog` unless the commits follow `previous` without a gap."""
    for expected, recorded in enumerate(commits, previous + 1):
        if recorded.position != expected:
            raise DamagedLog(
                f"the log goes from position {expected - 1} to {recorded.position}: commits are missing. "
                f"{RESTORE}"
            )


class BatchPreparer:
    """Prepares batches: groups commits by job, folds again what an older version folded, and unseals prompts."""

    def __init__(self, store: EventStore, keys: KeyStore) -> None:
        self._store = store
        self._keys = keys

    async def prepare(self, previous: int, commits: Sequence[RecordedCommit]) -> CommitBatch:
        """Return a batch of at least one commit that follows `previous`. Raises `DamagedLog` on a gap."""
        check_contiguous(previous, commits)
        by_job: dict[str, list[RecordedCommit]] = {}
        for recorded in commits:
            by_job.setdefault(recorded.commit.job_id, []).append(recorded)
        jobs = {}
        for job_id, job_commits in by_job.items():
            state = await self._state(job_id, job_commits[-1])
            jobs[job_id] = JobCommits(tuple(job_commits), state)
        return CommitBatch(commits, jobs, await self._unseal(jobs))

    async def _state(self, job_id: str, tail: RecordedCommit) -> Job:
        if tail.commit.fold_version == FOLD_VERSION:
            return tail.commit.state
        commits = [r.commit async for r in self._store.history(job_id) if r.position <= tail.position]
        job = fold_commits(commits)
        if job is None:
            raise DamagedLog(f"the log has no history of job {job_id}")
        return job

    async def _unseal(self, jobs: Mapping[str, JobCommits]) -> dict[str, JobPrompts]:
        """Return the prompts of the jobs that begin in the batch, by id."""
        new = {job_id: commits.state for job_id, commits in jobs.items() if commits.begins}
        readable = [job.sealing_key_id for job in new.values() if not job.erased]
        keys = await self._keys.get_many(readable) if readable else {}
        return {job_id: _prompts(job, keys.get(job.sealing_key_id)) for job_id, job in new.items()}


def _prompts(job: Job, key: bytes | None) -> JobPrompts:
    if key is None or job.erased:
        return JobPrompts(None, None)
    sealer = Sealer(job.id, key)
    negative = job.spec.negative_prompt
    return JobPrompts(
        sealer.unseal(job.spec.prompt, PROMPT),
        sealer.unseal(negative, NEGATIVE_PROMPT) if negative is not None else None,
    )
