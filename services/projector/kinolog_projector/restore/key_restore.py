"""Restores keys that the key store has lost, or holds damaged, from their archive. They stay wrapped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.readmodel.database import Connection

BATCH_KEYS = 500
READ = "SELECT key_id, wrapped FROM kinolog.key_archive WHERE key_id > %s ORDER BY key_id LIMIT %s"


async def lost_keys(
    connection: Connection, stored_keys: KeyStore, unwrap: Callable[[str, bytes], bytes]
) -> int:
    """Return how many archived keys the key store lacks or holds damaged. Raises `LogUnavailable`."""
    count = 0
    async for rows in _archived_keys(connection):
        stored = await stored_keys.get_many([key_id for key_id, _ in rows])
        count += len(rows) - len(stored) + len(_damaged(rows, stored, unwrap))
    return count


async def restore_keys(
    connection: Connection,
    store: EventStore,
    stored_keys: KeyStore,
    unwrap: Callable[[str, bytes], bytes],
) -> int:
    """Store archived keys that are lost or damaged. Return their number.

    `unwrap` returns the key in an archived or stored form, or raises `LogUnavailable`. A key that was erased does not
    come back: the archive deletes keys with the commit that erases the job, and jobs that were erased after the end of
    the archive are left out. Raises `LogUnavailable`, `DamagedLog`.
    """
    erased = await _erased_since(connection, store)
    restored = 0
    async for rows in _archived_keys(connection):
        wanted = [(key_id, wrapped) for key_id, wrapped in rows if key_id not in erased]
        stored = await stored_keys.get_many([key_id for key_id, _ in wanted])
        damaged = _damaged(wanted, stored, unwrap)
        lost = {key_id: wrapped for key_id, wrapped in wanted if key_id not in stored or key_id in damaged}
        if damaged:
            await stored_keys.discard(sorted(damaged))
        if lost:
            restored += len(await stored_keys.create(lost))
    return restored


def _damaged(
    archived: Sequence[tuple[str, bytes]],
    stored: dict[str, bytes],
    unwrap: Callable[[str, bytes], bytes],
) -> set[str]:
    """Return the ids of stored keys that cannot be unwrapped although the archived ones can."""

    def is_readable(key_id: str, wrapped: bytes) -> bool:
        try:
            unwrap(key_id, wrapped)
        except LogUnavailable:
            return False
        return True

    return {
        key_id
        for key_id, wrapped in archived
        if stored.get(key_id, wrapped) != wrapped
        and not is_readable(key_id, stored[key_id])
        and is_readable(key_id, wrapped)
    }


async def _erased_since(connection: Connection, store: EventStore) -> set[str]:
    """Return the keys of jobs that were erased after the last archived commit."""
    cursor = await connection.execute("SELECT position FROM kinolog.log_checkpoint")
    row = await cursor.fetchone()
    archived = int(row[0]) if row is not None else 0
    return {
        recorded.commit.state.sealing_key_id
        async for batch in store.read(archived)
        for recorded in batch
        if recorded.commit.state.erased
    }


async def _archived_keys(connection: Connection) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
    after = ""
    while True:
        cursor = await connection.execute(READ, [after, BATCH_KEYS])
        rows = [(str(key_id), bytes(wrapped)) for key_id, wrapped in await cursor.fetchall()]
        if not rows:
            return
        yield rows
        after, _ = rows[-1]
