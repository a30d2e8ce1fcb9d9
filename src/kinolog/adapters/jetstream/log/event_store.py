"""The log on JetStream: one subject per job, one message per commit. See docs/decisions/0001."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from nats.aio.client import Client

from kinolog.adapters.commit_history import (
    check_chain,
    fold_history,
    is_current,
    is_repeat,
    loaded_job,
    may_hold_repeat,
)
from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.appender import LIMITS, Appender, MissingPredecessor, Outcome
from kinolog.adapters.jetstream.client.publish import OutgoingWrite
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.adapters.jetstream.log.extent_check import ExtentCheck
from kinolog.adapters.jetstream.log.follower import follow
from kinolog.adapters.jetstream.log.log_reader import LogReader, decoded
from kinolog.codec.commits import EncodedCommitRecord, encode_commit
from kinolog.grouped_calls import GroupedCalls
from kinolog.job.commit import Commit, RecordedCommit
from kinolog.ports.event_store import AppendConflict, Appended, DamagedLog, LoadedJob

RETRY_TIMEOUT_SECONDS = 10.0
"""How long a call retries while the log does not answer, such as during a restart of the server."""


class JetStreamEventStore:
    """Commits in the stream EVENTS. `close` it before its connection."""

    def __init__(
        self, client: Client, *, replicas: int = 1, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS
    ) -> None:
        reader = StoredMessageReader(client, subjects.EVENTS)
        self._reader = reader
        self._seen = 0
        """The greatest position that was appended or loaded."""
        self._patience_seconds = retry_timeout_seconds
        self._log = LogReader(client, reader, retry_timeout_seconds)
        self._appender = Appender(
            client=client,
            stream=subjects.EVENTS,
            reader=reader,
            tail_at_leader=replicas > 1,
            retry_timeout_seconds=retry_timeout_seconds,
            before_write=ExtentCheck(client, self._last_seen).check,
        )
        self._first_commits = GroupedCalls(self._appender.store, self._appender.store_first, LIMITS)

    async def load(self, job_id: str) -> LoadedJob | None:
        subject = subjects.events(job_id)
        stored = await retry_until_answered(lambda: self._appender.tail(subject), self._patience_seconds)
        if stored is None or stored.subject != subject:  # a name such as * finds the job that changed last
            return None
        tail = decoded(stored)
        self._seen = max(self._seen, tail.position)
        if is_current(tail):
            return loaded_job(tail)
        history = [recorded async for recorded in self.history(job_id)]
        return loaded_job(history[-1], fold_history(job_id, history))

    async def append(self, commit: Commit) -> Appended:
        encoded = encode_commit(commit)
        message = _message(commit, encoded)
        # Before it joins a group, which would fail with it.
        self._reader.inbox.check_size(message.subject, message.data)
        if commit.previous_position == 0:
            return await self._appended(commit, encoded, await self._first_commits.submit(message))
        try:
            outcome = await self._appender.store(message)
        except MissingPredecessor as missing:
            raise DamagedLog(str(missing)) from missing
        return await self._appended(commit, encoded, outcome)

    async def append_first(self, commits: Sequence[Commit]) -> list[Appended | AppendConflict]:
        encoded = [encode_commit(commit) for commit in commits]
        messages = list(map(_message, commits, encoded))
        for message in messages:
            self._reader.inbox.check_size(message.subject, message.data)
        outcomes = await self._appender.store_first(messages)
        results: list[Appended | AppendConflict] = []
        for commit, encoded_commit, outcome in zip(commits, encoded, outcomes, strict=True):
            try:
                results.append(await self._appended(commit, encoded_commit, outcome))
            except AppendConflict as conflict:
                results.append(conflict)
        return results

    async def history(self, job_id: str) -> AsyncIterator[RecordedCommit]:
        previous: RecordedCommit | None = None
        async for recorded in self._log.of_job(job_id):
            check_chain(previous, recorded)
            yield recorded
            previous = recorded

    async def read(
        self, after: int, until: int | None = None
    ) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        last = await self._log.last_position(at_least=after)
        async for batch in self._log.between(after, last if until is None else min(until, last)):
            yield batch

    async def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        async with aclosing(follow(self._log, after)) as batches:
            async for batch in batches:
                yield batch

    async def last_position(self) -> int:
        return await self._log.last_position()

    async def close(self) -> None:
        """Finish the writes that have started and close the inbox. Close the store before its connection."""
        await self._first_commits.close()
        await self._reader.close()

    def _last_seen(self) -> int:
        return self._seen

    async def _appended(self, commit: Commit, encoded: EncodedCommitRecord, outcome: Outcome) -> Appended:
        """Return position and hash of the stored commit. Raises `AppendConflict` if another commit is in its place."""
        if isinstance(outcome, int):
            self._seen = max(self._seen, outcome)
            return Appended(outcome, encoded.digest)
        tail = decoded(outcome)
        if is_repeat(tail.commit, commit):
            return Appended(tail.position, tail.digest)
        if may_hold_repeat(tail.commit, commit):
            async for recorded in self.history(commit.job_id):
                if is_repeat(recorded.commit, commit):
                    return Appended(recorded.position, recorded.digest)
        raise AppendConflict(
            f"the last commit of job {commit.job_id} is at {tail.position}, not at {commit.previous_position}"
        )


def _message(commit: Commit, encoded: EncodedCommitRecord) -> OutgoingWrite:
    return OutgoingWrite(
        subject=subjects.events(commit.job_id),
        data=encoded.raw,
        expected=commit.previous_position,
        repeat_id=encoded.digest.hex()[:32],
    )
