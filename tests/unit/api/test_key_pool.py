"""KeyPool: keys are handed out once, stored in few writes, and deleted if unused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from kinolog_api.jobs import key_pool
from kinolog_api.jobs.key_pool import MAX_SIZE, MIN_SIZE, KeyPool

from kinolog.ports.event_store import LogUnavailable
from tests.adapters.memory.keys import MemoryKeyStore
from tests.fixtures.waits import until


class CountingKeys(MemoryKeyStore):
    """Records the size of each write. `open` blocks writes while it is not set; `unavailable` makes them fail."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []
        self.unavailable = False
        self.open = asyncio.Event()
        self.open.set()

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        await self.open.wait()
        if self.unavailable:
            raise LogUnavailable("no answer")
        self.writes.append(len(keys))
        return await super().create(keys)

    @property
    def held(self) -> int:
        """Number of stored keys."""
        return len(self._keys)


@pytest.fixture
def keys() -> CountingKeys:
    """An empty key store."""
    return CountingKeys()


@pytest.fixture
async def pool(keys: CountingKeys) -> AsyncIterator[KeyPool]:
    """A full pool over this key store."""
    pool = KeyPool(keys)
    pool.open()
    await until(lambda: _holds(keys, MIN_SIZE))
    yield pool
    await pool.close()


async def _holds(keys: CountingKeys, count: int) -> bool:
    return keys.held >= count


async def test_every_key_is_stored_and_handed_out_once(keys: CountingKeys, pool: KeyPool) -> None:
    """Concurrent callers each get their own stored keys, for any number of keys."""
    counts = [1, 7, 300, 1, 1_200, *[1] * 64, 40]
    taken = await asyncio.gather(*map(pool.take, counts))
    assert [len(each) for each in taken] == counts
    keys_taken = [key for each in taken for key in each]
    assert len({key.id for key in keys_taken}) == len({key.secret for key in keys_taken}) == sum(counts)
    assert await keys.get_many([key.id for key in keys_taken]) == {key.id: key.secret for key in keys_taken}


async def test_one_caller_causes_no_write(keys: CountingKeys, pool: KeyPool) -> None:
    """While half of the keys are left, taking one causes no write."""
    for _ in range(MIN_SIZE // 2):
        await pool.take()
    assert keys.writes == [MIN_SIZE]


async def test_callers_of_an_empty_pool_share_writes(keys: CountingKeys) -> None:
    """64 concurrent callers of an empty pool wait for at most two writes together."""
    pool = KeyPool(keys)
    taken = await asyncio.gather(*(pool.take() for _ in range(64)))
    assert all(taken)
    assert len(keys.writes) <= 2
    await pool.close()


async def test_the_size_follows_demand(
    keys: CountingKeys, pool: KeyPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that runs low again soon grows up to its limit. A pool that lasts long shrinks."""
    for _ in range(100):
        await pool.take(200)
    grown = await _size(keys, pool)
    assert MIN_SIZE < grown <= MAX_SIZE
    monkeypatch.setattr(key_pool, "GROW_WITHIN_SECONDS", -1.0)
    monkeypatch.setattr(key_pool, "SHRINK_AFTER_SECONDS", 0.0)
    await pool.take(grown)
    assert await _size(keys, pool) < grown


async def _size(keys: CountingKeys, pool: KeyPool) -> int:
    """Return the number of unused keys after the refill has ended."""
    writes = -1
    while writes != len(keys.writes):
        writes = len(keys.writes)
        for _ in range(20):
            await asyncio.sleep(0)
    return len(pool._ready)


async def test_returned_keys_are_handed_out_again(pool: KeyPool) -> None:
    """Returned keys go to the next callers."""
    taken = await pool.take(MIN_SIZE // 2)
    pool.give_back(taken)
    again = await pool.take(MIN_SIZE)
    assert {key.id for key in taken} <= {key.id for key in again}


async def test_an_unavailable_store(keys: CountingKeys) -> None:
    """Waiting callers get `LogUnavailable`. The next caller causes a new write."""
    pool = KeyPool(keys)
    keys.unavailable = True
    answers = await asyncio.gather(pool.take(), pool.take(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LogUnavailable] * 2
    keys.unavailable = False
    assert len(await pool.take(3)) == 3
    await pool.close()


async def test_a_cancelled_caller(keys: CountingKeys) -> None:
    """Keys of a cancelled caller go to other callers."""
    pool = KeyPool(keys)
    keys.open.clear()
    cancelled, waiting = asyncio.create_task(pool.take(5)), asyncio.create_task(pool.take(6))
    await asyncio.sleep(0)
    cancelled.cancel()
    keys.open.set()
    assert len(await waiting) == 6
    await pool.close()
    assert keys.held == 6


async def test_a_closed_pool_keeps_only_keys_in_use(keys: CountingKeys, pool: KeyPool) -> None:
    """Closing deletes the unused keys and no others."""
    taken = await pool.take(3)
    await pool.close()
    assert keys.held == 3
    assert await keys.get(taken[0].id) == taken[0].secret


async def test_a_key_is_not_printed(pool: KeyPool) -> None:
    """The representation of a key shows only its id."""
    (key,) = await pool.take()
    assert key.id in repr(key)
    assert repr(key.secret) not in repr(key)


async def test_a_closed_pool_lets_nobody_wait(keys: CountingKeys) -> None:
    """Callers that wait when the pool closes, and later ones, get an error instead of waiting without end."""
    pool = KeyPool(keys)
    keys.open.clear()
    waiting = asyncio.create_task(pool.take(5))
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    with pytest.raises(LogUnavailable, match="stopping"):
        await pool.take()
    keys.unavailable = True
    keys.open.set()
    await closing
    with pytest.raises(LogUnavailable):
        await waiting
