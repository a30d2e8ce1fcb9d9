"""What an administrator may do: drop a job, change who did something, and chain everything again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinolog_projector.rebuild.rebuild import Rebuild

from kinolog.codec.commits import decode_commit, encode_commit
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.readmodel.database import Connection
from tests.adapters.memory.event_store import MemoryEventStore


def rewritten(log: Sequence[bytes], *, drop: str = "", change: int = 0, actor: str = "nobody") -> list[bytes]:
    """Return the commits without those of the job `drop`, and with another actor at the position `change`.

    Positions and hashes are those of a log that was always so: nothing in it contradicts it.
    """
    made, tails = list[bytes](), dict[str, tuple[int, bytes]]()
    for position, raw in enumerate(log, start=1):
        commit = decode_commit(position, raw).commit
        if commit.job_id == drop:
            continue
        before, digest = tails.get(commit.job_id, (0, b""))
        changes = {"previous_position": before, "previous_hash": digest}
        command = replace(commit.command, actor=actor) if position == change else commit.command
        encoded = encode_commit(replace(commit, command=command, **changes))  # type: ignore[arg-type]
        made.append(encoded.raw)
        tails[commit.job_id] = (len(made), encoded.digest)
    return made


def log_of(raws: Sequence[bytes]) -> MemoryEventStore:
    """Return a log with these commits."""
    store = MemoryEventStore()
    for position, raw in enumerate(raws, start=1):
        store._log.append(raw)
        store._positions.setdefault(decode_commit(position, raw).commit.job_id, []).append(position)
    return store


async def replace_history(
    connection: Connection, url: str, store: MemoryEventStore, keys: ArchivableKeyStore
) -> None:
    """Replace the archive by the commits of a log, and make the read models again, as its administrator may."""
    async with connection.transaction():
        await connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER USER")
        await connection.execute("DELETE FROM kinolog.archive")
        async for batch in store.read(0):
            for one in batch:
                await connection.execute(
                    "INSERT INTO kinolog.archive (position, job_id, raw, digest) VALUES (%s, %s, %s, %s)",
                    [one.position, one.commit.job_id, one.raw, one.digest],
                )
        await connection.execute(
            "UPDATE kinolog.log_checkpoint SET position = %s", [await store.last_position()]
        )
        await connection.execute("ALTER TABLE kinolog.archive ENABLE TRIGGER USER")
    await Rebuild(url, store, keys).run()
