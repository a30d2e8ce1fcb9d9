"""The API keys in memory, as their stream states them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

import pytest
from kinolog_api.api_keys.key_directory import KeyDirectory

from kinolog.access.api_key import (
    USER_SCOPES,
    AccessCommit,
    ApiKeyCreated,
    ApiKeyRevoked,
    RecordedAccessCommit,
)
from kinolog.ports.event_store import LogUnavailable
from tests.adapters.memory.access_log import MemoryAccessLog

CREATED = ApiKeyCreated(tenant="studio", actor="ada", scopes=USER_SCOPES, digest=b"d" * 32)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def commit(event: ApiKeyCreated | ApiKeyRevoked, previous: int = 0) -> AccessCommit:
    """Return a commit about one key."""
    return AccessCommit(
        key_id="k" * 12,
        command="x",
        command_id=str(previous),
        actor="ada",
        events=(event,),
        at=NOW,
        previous_position=previous,
    )


class RepeatingLog(MemoryAccessLog):
    """Reads the first commit again, whatever is known already, and then no more."""

    async def read(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        async for batch in super().read(0):
            yield batch
            if after:
                raise LogUnavailable("gone")


async def test_a_commit_that_is_read_again_undoes_no_revocation() -> None:
    """Two readers fill the directory. One that is behind the other, and fails there, changes nothing."""
    log = RepeatingLog()
    directory = KeyDirectory(log)
    await log.append(commit(CREATED))
    await log.append(commit(ApiKeyRevoked(), 1))
    await directory.load()
    with pytest.raises(LogUnavailable):
        await directory.load()
    key = directory.by_digest(CREATED.digest)
    assert key is not None
    assert key.revoked_at == NOW
    await directory.reached(2)
