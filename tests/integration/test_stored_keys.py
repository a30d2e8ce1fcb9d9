"""Keys on a real nats-server: wrapped when they are stored, and wrapped again after a change of the master key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish
from kinolog.adapters.jetstream.client.request_inbox import RequestInbox
from kinolog.adapters.jetstream.key_rewrap import rewrap_keys
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.subjects import KEYS_BUCKET, KEYS_STREAM, Service
from kinolog.ids import new_id
from kinolog.privacy.master_keys import MasterKey, MasterKeys, MasterKeyUnusable
from kinolog.privacy.sealer import new_key
from kinolog.privacy.wrapped_keys import MARK, WrappedKeyStore
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.log import connected, empty_streams

OLD, NEW = MasterKey(b"o" * 32), MasterKey(b"n" * 32)


@pytest.fixture
async def stored(own_nats_server: NatsServer) -> AsyncIterator[JetStreamKeyStore]:
    """The keys as the server stores them, with the permissions of the api."""
    await empty_streams(own_nats_server, [KEYS_STREAM])
    async with connected(own_nats_server, Service.API) as client:
        store = JetStreamKeyStore(client)
        yield store
        await store.close()


def _in_files(server: NatsServer, secret: bytes) -> bool:
    """Return whether a file of the server contains these bytes."""
    return any(secret in path.read_bytes() for path in Path(server.folder).rglob("*") if path.is_file())


async def test_bare_keys_are_wrapped_and_overwritten(
    stored: JetStreamKeyStore, own_nats_server: NatsServer
) -> None:
    """Keys of an earlier version are wrapped; every one can be read all the time, and no file holds one any more."""
    bare = {new_id(): new_key() for _ in range(150)}
    erased = new_id()
    await stored.create(bare | {erased: new_key()})
    await stored.erase(erased)
    keys = WrappedKeyStore(stored, MasterKeys([OLD]))
    assert await keys.get_many([*bare, erased]) == bare

    async def read_all() -> None:
        while True:
            assert await keys.get_many([*bare, erased]) == bare

    reading = asyncio.create_task(read_all())
    assert await rewrap_keys(stored, MasterKeys([OLD])) == len(bare)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await keys.get_many([*bare, erased]) == bare
    assert await keys.check()
    own_nats_server.restart()
    assert not [key_id for key_id, key in bare.items() if _in_files(own_nats_server, key)]


async def test_a_rotation_wraps_all_keys_again(stored: JetStreamKeyStore) -> None:
    """After a rotation the new master key alone reads every key, and erased ones stay erased."""
    await WrappedKeyStore(stored, MasterKeys([OLD])).mark()
    given = {new_id(): new_key() for _ in range(20)}
    await WrappedKeyStore(stored, MasterKeys([OLD])).create(given)
    both = MasterKeys([NEW, OLD])
    assert await rewrap_keys(stored, both) == len(given)
    assert await rewrap_keys(stored, both) == 0
    rotated = WrappedKeyStore(stored, MasterKeys([NEW]))
    assert await rotated.check()
    assert await rotated.get_many(list(given)) == given


async def test_a_wrong_master_key_does_not_mark_the_keys(stored: JetStreamKeyStore) -> None:
    """Keys without a mark, as after a restore: a start with a wrong master key does not lock the right one out."""
    given = {new_id(): new_key()}
    right = WrappedKeyStore(stored, MasterKeys([OLD]))
    await right.create(given)
    with pytest.raises(MasterKeyUnusable, match="do not unwrap 1 stored key: another one does"):
        await rewrap_keys(stored, MasterKeys([NEW]))
    assert await stored.get(MARK) is None
    assert await rewrap_keys(stored, MasterKeys([OLD])) == 0
    assert await right.check()
    assert await right.get_many(list(given)) == given


async def test_an_interrupted_change_is_finished(
    stored: JetStreamKeyStore, own_nats_server: NatsServer
) -> None:
    """A key whose only copy is the one of an interrupted change is read, restored and erased for good."""
    master_keys = MasterKeys([OLD])
    keys, secret = WrappedKeyStore(stored, master_keys), new_key()
    restored, erased = new_id(), new_id()
    async with connected(own_nats_server, Service.API) as client:
        inbox = RequestInbox(client)
        for key_id in (restored, erased):
            copy = OutgoingWrite(
                subject=f"$KV.{KEYS_BUCKET}.replaced.{key_id}", data=master_keys.wrap(key_id, secret)
            )
            await publish(inbox, KEYS_STREAM, copy)
        await inbox.close()
    assert await keys.get_many([restored, erased]) == {restored: secret, erased: secret}
    assert await keys.get(restored) == secret
    await keys.erase(erased)
    await rewrap_keys(stored, master_keys)
    assert await keys.get_many([restored, erased]) == {restored: secret}
    assert await stored.get(f"replaced.{restored}") is None
    assert await stored.get(MARK) is not None
