"""Makes the stream of facts about API keys and its archive whole from each other. Nothing else may write meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import RecordedAccessCommit
from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel.database import Connection
from kinolog_projector.access.access_archive import ArchivedAccessCommit, archive_batch, archived_after


class RefillableAccessLog(AccessLog, Protocol):
    """A stream that can be filled from its archive."""

    async def refill(self, after: int, raws: Sequence[bytes]) -> None:
        """Store messages directly after position `after`, which is the last one. Raises `DamagedLog`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledAccess:
    """What was done, and why the stream must be replaced before the rest can be; empty if it need not."""

    restored: int
    archived: int
    problem: str = ""


async def fill_access(connection: Connection, log: RefillableAccessLog) -> FilledAccess:
    """Archive what only the stream has, and fill the stream with what only the archive has.

    A damaged stream is left as it is, after its intact beginning was archived. Raises `LogUnavailable`.
    """
    archived = {commit.position: commit.raw for commit in await archived_after(connection, 0)}
    logged, problem = await _intact(log)
    for stored in logged:
        if archived.get(stored.position, stored.raw) != stored.raw:
            text = f"it holds another message at {stored.position} than its archive"
            return FilledAccess(restored=0, archived=0, problem=text)
    new = [stored for stored in logged if stored.position not in archived]
    if new:
        await archive_batch(connection, new)
    if problem:
        return FilledAccess(restored=0, archived=len(new), problem=problem)
    lost: list[bytes] = []
    while (raw := archived.get(len(logged) + len(lost) + 1)) is not None:
        lost.append(raw)
    if lost:
        await log.refill(len(logged), lost)
    return FilledAccess(restored=len(lost), archived=len(new))


async def _intact(log: AccessLog) -> tuple[list[RecordedAccessCommit], str]:
    """Return the beginning of the stream without damage, and what follows it; empty for its end."""
    found: list[RecordedAccessCommit] = []
    try:
        async with aclosing(log.read(0)) as batches:
            async for batch in batches:
                found += batch
    except DamagedLog as damage:
        return found, str(damage)
    return found, ""


async def noted_access(connection: Connection) -> str:
    """Return the archived facts about API keys as lines: each a position and a message in hexadecimal.

    A database of an earlier version has none.
    """
    cursor = await connection.execute("SELECT to_regclass('kinolog.access_archive') IS NOT NULL")
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return ""
    commits = await archived_after(connection, 0)
    return "".join(f"{commit.position} {commit.raw.hex()}\n" for commit in commits)


def noted_commits(text: str) -> list[ArchivedAccessCommit]:
    """Return the facts in such lines. Raises ValueError for other lines."""
    rows = (line.split() for line in text.splitlines())
    return [ArchivedAccessCommit(int(position), bytes.fromhex(raw)) for position, raw in rows]
