"""The log in memory, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from kinolog.adapters.commit_history import fold_history, is_current, is_repeat, loaded_job
from kinolog.codec.commits import DamagedCommit, decode_commit, encode_commit
from kinolog.job.commit import Commit, RecordedCommit
from kinolog.ports.event_store import AppendConflict, Appended, DamagedLog, LoadedJob

BATCH_SIZE = 500
"""Maximum number of commits in a batch of `read` or `follow`."""


class MemoryEventStore:
    """Stores encoded commits in a list."""

    def __init__(self) -> None:
        self._log: list[bytes] = []
        self._positions: dict[str, list[int]] = {}
        self._appended = asyncio.Condition()

    async def load(self, job_id: str) -> LoadedJob | None:
        positions = self._positions.get(job_id)
        if not positions:
            return None
        tail = self._at(positions[-1])
        if is_current(tail):
            return loaded_job(tail)
        return loaded_job(tail, fold_history(job_id, map(self._at, positions)))

    async def append(self, commit: Commit) -> Appended:
        positions = self._positions.get(commit.job_id, [])
        tail = positions[-1] if positions else 0
        if tail < commit.previous_position:
            raise DamagedLog(f"the tail of job {commit.job_id} is {tail}, not {commit.previous_position}")
        if tail > commit.previous_position:
            return self._repeat(commit)
        encoded = encode_commit(commit)
        self._log.append(encoded.raw)
        self._positions[commit.job_id] = [*positions, len(self._log)]
        async with self._appended:
            self._appended.notify_all()
        return Appended(len(self._log), encoded.digest)

    async def append_first(self, commits: Sequence[Commit]) -> list[Appended | AppendConflict]:
        answers: list[Appended | AppendConflict] = []
        for commit in commits:
            try:
                answers.append(await self.append(commit))
            except AppendConflict as conflict:
                answers.append(conflict)
        return answers

    async def history(self, job_id: str) -> AsyncIterator[RecordedCommit]:
        for position in tuple(self._positions.get(job_id, ())):
            yield self._at(position)

    async def read(
        self, after: int, until: int | None = None
    ) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        self._check_position(after)
        last = len(self._log) if until is None else min(until, len(self._log))
        for start in range(after, last, BATCH_SIZE):
            end = min(start + BATCH_SIZE, last)
            yield [self._at(position) for position in range(start + 1, end + 1)]

    async def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        self._check_position(after)
        while True:
            async for batch in self.read(after):
                yield batch
                after = batch[-1].position
            await self.wait_for(after + 1)

    async def last_position(self) -> int:
        return len(self._log)

    async def wait_for(self, position: int) -> None:
        """Wait until the log has this position."""
        async with self._appended:
            await self._appended.wait_for(lambda: len(self._log) >= position)

    def lose_tail(self, job_id: str) -> None:
        """Forget the last commit of a job, as a damaged log does. `read` still has it, as the archive has."""
        self._positions[job_id] = self._positions[job_id][:-1]

    def _at(self, position: int) -> RecordedCommit:
        try:
            return decode_commit(position, self._log[position - 1])
        except DamagedCommit as error:
            raise DamagedLog(f"position {position}: {error}") from error

    def _repeat(self, commit: Commit) -> Appended:
        """Return where `commit` is stored. Raises `AppendConflict` if another commit is at its place."""
        for recorded in map(self._at, self._positions[commit.job_id]):
            if is_repeat(recorded.commit, commit):
                return Appended(recorded.position, recorded.digest)
        raise AppendConflict(f"the last commit of job {commit.job_id} is not at {commit.previous_position}")

    def _check_position(self, after: int) -> None:
        if after > len(self._log):
            raise DamagedLog(f"the log ends at {len(self._log)}, before {after}")
