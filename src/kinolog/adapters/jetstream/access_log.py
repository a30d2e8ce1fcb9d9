"""Facts about API keys on JetStream: one subject per key in the stream ACCESS. See docs/decisions/0102."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from nats.aio.client import Client

from kinolog.access.api_key import AccessCommit, RecordedAccessCommit
from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.adapters.jetstream.client.appender import MAX_BATCH_SIZE, Appender, MissingPredecessor
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish_in_order
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage, StoredMessageReader
from kinolog.adapters.jetstream.log.follower import follow
from kinolog.adapters.jetstream.log.log_reader import CommitStreamReader
from kinolog.codec.access import decode_access_commit, encode_access_commit, parse_access_commit
from kinolog.codec.commits import DamagedCommit
from kinolog.ports.event_store import AppendConflict, DamagedLog

RETRY_TIMEOUT_SECONDS = 10.0
"""How long a call retries while the server does not answer."""


class JetStreamAccessLog:
    """Commits in the stream ACCESS. `close` it before its connection."""

    def __init__(
        self, client: Client, *, replicas: int = 1, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS
    ) -> None:
        self._reader = StoredMessageReader(client, subjects.ACCESS)
        self._log = CommitStreamReader(
            client,
            self._reader,
            subjects.ACCESS,
            subjects.LIVE_ACCESS_SUBJECTS,
            _decoded,
            retry_timeout_seconds,
        )
        self._appender = Appender(
            client=client,
            stream=subjects.ACCESS,
            reader=self._reader,
            tail_at_leader=replicas > 1,
            retry_timeout_seconds=retry_timeout_seconds,
        )

    async def append(self, commit: AccessCommit) -> int:
        encoded = encode_access_commit(commit)
        try:
            outcome = await self._appender.store(
                OutgoingWrite(
                    subject=subjects.api_key(commit.key_id),
                    data=encoded.raw,
                    expected=commit.previous_position,
                    repeat_id=encoded.digest.hex()[:32],
                )
            )
        except MissingPredecessor as missing:
            raise DamagedLog(str(missing)) from missing
        if isinstance(outcome, int):
            return outcome
        if outcome.data == encoded.raw:
            return outcome.position
        raise AppendConflict(f"the last commit about key {commit.key_id} is at {outcome.position}")

    async def read(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        last = await self._log.last_position(at_least=after)
        async with aclosing(self._log.between(after, last)) as batches:
            async for batch in batches:
                yield batch

    async def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        async with aclosing(follow(self._log, after)) as batches:
            async for batch in batches:
                yield batch

    async def refill(self, after: int, raws: Sequence[bytes]) -> None:
        """Store messages directly after position `after`, which is the last one. Raises `DamagedLog`.

        An interrupted call continues when it is repeated with the position that is last then.
        """
        for start in range(0, len(raws), MAX_BATCH_SIZE):
            messages = [_refilled(raw) for raw in raws[start : start + MAX_BATCH_SIZE]]
            try:
                last = await publish_in_order(self._reader.inbox, messages, after + start)
            except JetStreamApiError as error:
                raise DamagedLog(f"the stream changed while it was restored: {error}") from error
            if last != after + start + len(messages):
                raise DamagedLog(f"a message of the archive was stored at {last}")

    async def close(self) -> None:
        """Close the inbox."""
        await self._reader.close()


def _refilled(raw: bytes) -> OutgoingWrite:
    """Return the message to store again. Raises `DamagedLog` if its hash does not match."""
    try:
        commit, _ = parse_access_commit(raw)
    except DamagedCommit as error:
        raise DamagedLog(f"the archive of {subjects.ACCESS}: {error}") from error
    return OutgoingWrite(subject=subjects.api_key(commit.key_id), data=raw, expected=commit.previous_position)


def _decoded(stored: StoredMessage) -> RecordedAccessCommit:
    """Return the commit in a stored message. Raises `DamagedLog`."""
    try:
        return decode_access_commit(stored.position, stored.data)
    except DamagedCommit as error:
        raise DamagedLog(f"position {stored.position} of {subjects.ACCESS}: {error}") from error
