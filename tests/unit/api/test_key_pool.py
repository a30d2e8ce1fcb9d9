"""Keys made ahead: each given once, made in few writes, deleted when nobody took them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from kinolog_api.jobs import key_pool
from kinolog_api.jobs.key_pool import MAX_SIZE, MIN_SIZE, KeyPool

from kinolog.ports.event_store import LogUnavailable
from tests.adapters.memory.keys import MemoryKeyStore
from tests.unit.api.running_api import until


class CountingKeys(MemoryKeyStore):
    """Counts what is written at once, waits while it is held, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []
        self.away = False
        self.open = asyncio.Event()
        self.open.set()

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        await self.open.wait()
        if self.away:
            raise LogUnavailable("no answer")
        self.writes.append(len(keys))
        return await super().create(keys)

    @property
    def held(self) -> int:
        """How many keys lie there."""
        return len(self._keys)


@pytest.fixture
def keys() -> CountingKeys:
    """An empty key store."""
    return CountingKeys()


@pytest.fixture
async def pool(keys: CountingKeys) -> AsyncIterator[KeyPool]:
    """A pool over it that is filled."""
    pool = KeyPool(keys)
    pool.open()
    await until(lambda: _holds(keys, MIN_SIZE))
    yield pool
    await pool.close()


async def _holds(keys: CountingKeys, count: int) -> bool:
    return keys.held >= count


async def test_every_key_is_durable_and_given_once(keys: CountingKeys, pool: KeyPool) -> None:
    """However many ask at once for however many, each gets stored keys of its own."""
    counts = [1, 7, 300, 1, 1_200, *[1] * 64, 40]
    taken = await asyncio.gather(*map(pool.take, counts))
    assert [len(each) for each in taken] == counts
    given = [key for each in taken for key in each]
    assert len({key.id for key in given}) == len({key.secret for key in given}) == sum(counts)
    assert await keys.get_many([key.id for key in given]) == {key.id: key.secret for key in given}


async def test_one_taker_makes_no_write(keys: CountingKeys, pool: KeyPool) -> None:
    """As long as half of the keys are left, taking one waits for nothing."""
    for _ in range(MIN_SIZE // 2):
        await pool.take()
    assert keys.writes == [MIN_SIZE]


async def test_takers_at_a_dry_pool_share_writes(keys: CountingKeys) -> None:
    """Sixty-four who ask while there is no key wait for the same two writes at most."""
    pool = KeyPool(keys)
    taken = await asyncio.gather(*(pool.take() for _ in range(64)))
    assert all(taken)
    assert len(keys.writes) <= 2
    await pool.close()


async def test_the_size_follows_demand(
    keys: CountingKeys, pool: KeyPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that runs low again soon grows up to its limit; one that lasts long shrinks."""
    for _ in range(100):
        await pool.take(200)
    grown = await _size(keys, pool)
    assert MIN_SIZE < grown <= MAX_SIZE
    monkeypatch.setattr(key_pool, "GROW_WITHIN_SECONDS", -1.0)
    monkeypatch.setattr(key_pool, "SHRINK_AFTER_SECONDS", 0.0)
    await pool.take(grown)
    assert await _size(keys, pool) < grown


async def _size(keys: CountingKeys, pool: KeyPool) -> int:
    """How many keys lie ready once nothing more is made."""
    writes = -1
    while writes != len(keys.writes):
        writes = len(keys.writes)
        for _ in range(20):
            await asyncio.sleep(0)
    return len(pool._ready)


async def test_keys_that_are_given_back_are_given_again(pool: KeyPool) -> None:
    """What was not used goes to the next who ask."""
    taken = await pool.take(MIN_SIZE // 2)
    pool.give_back(taken)
    again = await pool.take(MIN_SIZE)
    assert {key.id for key in taken} <= {key.id for key in again}


async def test_a_store_that_is_away(keys: CountingKeys) -> None:
    """Who waits for a key is told that the log is away; the next one tries again."""
    pool = KeyPool(keys)
    keys.away = True
    answers = await asyncio.gather(pool.take(), pool.take(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LogUnavailable] * 2
    keys.away = False
    assert len(await pool.take(3)) == 3
    await pool.close()


async def test_a_taker_that_gives_up(keys: CountingKeys) -> None:
    """Keys for a caller that no longer waits go to others."""
    pool = KeyPool(keys)
    keys.open.clear()
    gone, waiting = asyncio.create_task(pool.take(5)), asyncio.create_task(pool.take(6))
    await asyncio.sleep(0)
    gone.cancel()
    keys.open.set()
    assert len(await waiting) == 6
    await pool.close()
    assert keys.held == 6


async def test_a_closed_pool_leaves_only_what_was_taken(keys: CountingKeys, pool: KeyPool) -> None:
    """Closing deletes the keys that nobody took, and none that somebody did."""
    taken = await pool.take(3)
    await pool.close()
    assert keys.held == 3
    assert await keys.get(taken[0].id) == taken[0].secret


async def test_a_key_does_not_show(pool: KeyPool) -> None:
    """A key that finds its way into a message shows its id alone."""
    (key,) = await pool.take()
    assert key.id in repr(key)
    assert repr(key.secret) not in repr(key)
