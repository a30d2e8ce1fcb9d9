"""Conformance of the key stores. Runs in memory, on one nats-server and on three, bare and wrapped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from kinolog.adapters.jetstream.subjects import KEYS_STREAM, Service
from kinolog.ids import new_id as key_name
from kinolog.ports.keys import KeyErased, KeyStore
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from tests.fixtures.log import KINDS, Kind, empty_streams, memory_stores, open_stores, server_of
from tests.fixtures.master_key import MASTER_KEYS


@pytest.fixture(params=KINDS)
async def stored(request: pytest.FixtureRequest) -> AsyncIterator[KeyStore]:
    """One of the key stores, empty, with the permissions of the api."""
    kind: Kind = request.param
    if kind == "memory":
        yield memory_stores().keys
        return
    server = server_of(request, kind)
    await empty_streams(server, [KEYS_STREAM])
    async with open_stores(server, Service.API) as stores:
        yield stores.keys


@pytest.fixture(params=["bare", "wrapped"])
def keys(request: pytest.FixtureRequest, stored: KeyStore) -> KeyStore:
    """The store itself, and the store that wraps what it stores in it."""
    return stored if request.param == "bare" else WrappedKeyStore(stored, MASTER_KEYS)


async def test_a_key_is_found_again(keys: KeyStore) -> None:
    """Given a key, it is read by its id, alone and with others."""
    key_id, key = key_name(), new_key()
    assert await keys.create({key_id: key}) == {key_id: key}
    assert await keys.get(key_id) == key
    assert await keys.get_many([key_id, key_name()]) == {key_id: key}


async def test_no_key_is_none(keys: KeyStore) -> None:
    """An id that never had a key has none."""
    assert await keys.get(key_name()) is None
    assert await keys.get_many([key_name()]) == {}
    assert await keys.get_many([]) == {}
    assert await keys.create({}) == {}


async def test_an_id_keeps_its_first_key(keys: KeyStore) -> None:
    """Given a key, creating another under its id returns the first and stores the other keys of the call."""
    key_id, first = key_name(), new_key()
    await keys.create({key_id: first})
    others = {key_name(): new_key() for _ in range(40)}
    assert await keys.create({key_id: new_key(), **others}) == {key_id: first, **others}
    assert await keys.get(key_id) == first


async def test_racing_creators_agree(keys: KeyStore) -> None:
    """Given forty creators for one id at once, all get the same key, and it is the stored one."""
    key_id = key_name()
    answers = await asyncio.gather(*(keys.create({key_id: new_key()}) for _ in range(40)))
    stored = await keys.get(key_id)
    assert stored is not None
    assert answers == [{key_id: stored}] * 40


async def test_many_keys_at_once(keys: KeyStore) -> None:
    """Given more keys than one batch holds, all are stored, and read in one call."""
    created = {key_name(): new_key() for _ in range(1200)}
    assert await keys.create(created) == created
    assert await keys.get_many(list(created)) == created


async def test_an_erased_key_is_gone_for_good(keys: KeyStore) -> None:
    """Given an erased key, it is not readable, and no new one is created under its id: what it sealed stays sealed."""
    key_id, key = key_name(), new_key()
    await keys.create({key_id: key})
    sealed = Sealer("job", key).seal("a red circle", "prompt")
    await keys.erase(key_id)
    assert await keys.get(key_id) is None
    assert await keys.get_many([key_id]) == {}
    assert await keys.create({key_id: new_key()}) == {}
    with pytest.raises(KeyErased, match="job"):
        Sealer("job", await keys.get(key_id)).unseal(sealed, "prompt")


async def test_erasing_twice_is_no_error(keys: KeyStore) -> None:
    """Erasing again, or an unknown id, changes nothing; other keys stay."""
    other, key_id = key_name(), key_name()
    key = new_key()
    await keys.create({other: key, key_id: new_key()})
    await asyncio.gather(keys.erase(key_id), keys.erase(key_id))
    await keys.erase(key_id)
    await keys.erase(key_name())
    assert await keys.get_many([other, key_id]) == {other: key}


async def test_erasing_prevails_over_creating(keys: KeyStore) -> None:
    """Given creators and an eraser at once, no key is left."""
    key_id = key_name()
    await asyncio.gather(
        *(keys.create({key_id: new_key()}) for _ in range(5)),
        keys.erase(key_id),
        *(keys.create({key_id: new_key()}) for _ in range(5)),
    )
    assert await keys.get(key_id) is None


async def test_discarded_keys_are_gone(keys: KeyStore) -> None:
    """Keys that sealed nothing are deleted, others stay; ids without a key, and erased ones, are no error."""
    unused = {key_name(): new_key() for _ in range(70)}
    used, erased = key_name(), key_name()
    key = new_key()
    await keys.create({**unused, used: key, erased: new_key()})
    await keys.erase(erased)
    await keys.discard([*unused, erased, key_name()], overwrite=True)
    assert await keys.get_many([*unused, used, erased]) == {used: key}
    await keys.discard([])
    reused = {next(iter(unused)): new_key()}
    assert await keys.create(reused) == reused
    await keys.discard(list(reused))
    assert await keys.get_many(list(reused)) == {}
    assert await keys.create({erased: new_key()}) == {}
