"""A batch of commits, checked and prepared for projection."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kinolog.job.commit import RecordedCommit
from kinolog.job.events import Erased
from kinolog.job.evolve import fold_commits
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.ports.event_store import RESTORE, DamagedLog, EventStore, LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.privacy.sealed_fields import NEGATIVE_PROMPT, PROMPT
from kinolog.privacy.sealer import Sealer, UnsealFailed
from kinolog.process.logs import fields
from kinolog_projector.projection.commits.address_hashes import AddressHashes

logger = logging.getLogger(__name__)


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
    """Contiguous commits, grouped by job as well, with prompts and wrapped keys of the jobs that begin among them.

    `wrapped_keys` has an entry per job whose key could be read, by the job's id. `addresses` has the hashed address
    that a commit came from, by its position.
    """

    commits: Sequence[RecordedCommit]
    jobs: Mapping[str, JobCommits]
    prompts: Mapping[str, JobPrompts]
    wrapped_keys: Mapping[str, bytes]
    addresses: Mapping[int, int] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """Position of the first commit."""
        return self.commits[0].position

    @property
    def last(self) -> int:
        """Position of the last commit."""
        return self.commits[-1].position

    @property
    def erased_keys(self) -> list[str]:
        """Ids of the keys of jobs that are erased in the batch."""
        return [
            self.jobs[recorded.commit.job_id].state.sealing_key_id
            for recorded in self.commits
            if any(isinstance(event, Erased) for event in recorded.commit.events)
        ]


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

    def __init__(self, store: EventStore, keys: ArchivableKeyStore) -> None:
        self._store = store
        self._keys = keys
        self._addresses = AddressHashes(keys)

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
        wrapped = await self._wrapped_keys(jobs)
        prompts = {
            job_id: self._prompts(commits.state, wrapped.get(job_id))
            for job_id, commits in jobs.items()
            if commits.begins
        }
        states = {job_id: each.state for job_id, each in jobs.items()}
        addresses = await self._addresses.of(commits, states, wrapped)
        return CommitBatch(commits, jobs, prompts, wrapped, addresses)

    async def _state(self, job_id: str, tail: RecordedCommit) -> Job:
        if tail.commit.fold_version == FOLD_VERSION:
            return tail.commit.state
        commits = [r.commit async for r in self._store.history(job_id) if r.position <= tail.position]
        job = fold_commits(commits)
        if job is None:
            raise DamagedLog(f"the log has no history of job {job_id}")
        return job

    async def _wrapped_keys(self, jobs: Mapping[str, JobCommits]) -> dict[str, bytes]:
        """Return the wrapped keys of the jobs that begin in the batch, by the job's id.

        A key may be missing because a later commit erases the job. The audit of the read models finds other causes.
        """
        new = [commits.state for commits in jobs.values() if commits.begins and not commits.state.erased]
        wrapped = await self._keys.get_wrapped([job.sealing_key_id for job in new]) if new else {}
        return {job.id: wrapped[job.sealing_key_id] for job in new if job.sealing_key_id in wrapped}

    def _prompts(self, job: Job, wrapped: bytes | None) -> JobPrompts:
        if wrapped is None or job.erased:
            return JobPrompts(None, None)
        try:
            return unsealed_prompts(job, self._keys.unwrap(job.sealing_key_id, wrapped))
        except (LogUnavailable, UnsealFailed) as error:
            logger.error(
                "the prompt of a job cannot be read: %s", error, extra=fields("unreadable", job=job.id)
            )
            return JobPrompts(None, None)


def unsealed_prompts(job: Job, key: bytes) -> JobPrompts:
    """Return the prompts of a job. Raises `UnsealFailed`."""
    sealer = Sealer(job.id, key)
    negative = job.spec.negative_prompt
    return JobPrompts(
        sealer.unseal(job.spec.prompt, PROMPT),
        sealer.unseal(negative, NEGATIVE_PROMPT) if negative is not None else None,
    )
