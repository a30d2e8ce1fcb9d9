"""Conformance of the streams of facts about API keys, and of their last uses. In memory, on one server and on three."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from kinolog_projector.access.access_restore import RefillableAccessLog

from kinolog.access.access_log import AccessLog, KeyUses
from kinolog.access.api_key import AccessCommit, ApiKeyCreated, ApiKeyRevoked, Scope
from kinolog.access.key_text import new_key
from kinolog.adapters.jetstream.access_log import JetStreamAccessLog
from kinolog.adapters.jetstream.key_uses import JetStreamKeyUses
from kinolog.adapters.jetstream.subjects import ACCESS, KEY_USES_STREAM, Service
from kinolog.codec.access import encode_access_commit
from kinolog.ports.event_store import AppendConflict, DamagedLog
from tests.adapters.memory.access_log import MemoryAccessLog, MemoryKeyUses
from tests.fixtures.log import KINDS, Kind, connected, damage_of, empty_streams, server_of, settings_of
from tests.fixtures.waits import WAIT_SECONDS, until

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
KEY = new_key(b"12345678", b"x" * 20)
CREATED = AccessCommit(
    key_id=KEY.key_id,
    command="create",
    command_id="c1",
    actor="ada",
    events=(
        ApiKeyCreated(
            tenant="studio",
            actor="robot",
            scopes=frozenset({Scope.READ}),
            digest=KEY.digest,
            name="nightly",
            expires_at=AT.replace(year=2027),
        ),
    ),
    at=AT,
)


@dataclass(frozen=True)
class AccessStores:
    """The stream and the last uses of one adapter, both empty.

    To the impatient one what is missing counts as lost after half a second.
    """

    log: RefillableAccessLog
    impatient_log: RefillableAccessLog
    uses: KeyUses


@pytest.fixture(params=KINDS)
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[AccessStores]:
    """One of the adapters, with the permissions of the api."""
    kind: Kind = request.param
    if kind == "memory":
        memory = MemoryAccessLog()
        yield AccessStores(memory, memory, MemoryKeyUses())
        return
    server = server_of(request, kind)
    await empty_streams(server, [ACCESS, KEY_USES_STREAM])
    async with connected(server, Service.API) as client:
        replicas = settings_of(server, Service.API).nats_replicas
        log, impatient_log = (
            JetStreamAccessLog(client, replicas=replicas, retry_timeout_seconds=seconds)
            for seconds in (WAIT_SECONDS, 0.5)
        )
        uses = JetStreamKeyUses(client)
        yield AccessStores(log, impatient_log, uses)
        for adapter in (log, impatient_log, uses):
            await adapter.close()


async def test_commits_come_back_in_order(stores: AccessStores) -> None:
    """What is appended is followed and read, each commit once; a repeat has one effect, another decision is refused."""
    follower = asyncio.create_task(_followed(stores.log, 2))
    assert await stores.log.append(CREATED) == 1
    assert await stores.log.append(CREATED) == 1
    (recorded,) = [recorded async for batch in stores.log.read(0) for recorded in batch]
    assert (recorded.position, recorded.commit) == (1, CREATED)
    revoked = replace(
        CREATED,
        command="revoke",
        command_id="c2",
        events=(ApiKeyRevoked(),),
        previous_position=1,
        previous_hash=recorded.digest,
    )
    assert await stores.log.append(revoked) == 2
    with pytest.raises(AppendConflict):
        await stores.log.append(replace(revoked, command_id="c3"))
    async with asyncio.timeout(WAIT_SECONDS):
        assert await follower == [CREATED, revoked]
    await damage_of(lambda: stores.impatient_log.append(replace(revoked, key_id="a" * 12)))
    assert [recorded.position async for batch in stores.log.read(1) for recorded in batch] == [2]
    await stores.log.refill(2, [encode_access_commit(replace(CREATED, key_id="b" * 12)).raw])
    assert [recorded.position async for batch in stores.log.read(2) for recorded in batch] == [3]
    with pytest.raises(DamagedLog):
        await stores.log.refill(2, [recorded.raw])


async def _followed(log: AccessLog, number: int) -> list[AccessCommit]:
    found: list[AccessCommit] = []
    async with aclosing(log.follow(0)) as batches:
        async for batch in batches:
            found += [recorded.commit for recorded in batch]
            if len(found) >= number:
                break
    return found


async def test_the_last_use_of_each_key(stores: AccessStores) -> None:
    """The last note of each key counts."""
    await stores.uses.note("a" * 12, AT)
    await stores.uses.note("b" * 12, AT)
    later = AT.replace(hour=13)
    await stores.uses.note("a" * 12, later)
    await until(stores.uses.last_uses, "the notes are stored", {"a" * 12: later, "b" * 12: AT}.__eq__)
