"""Where jobs were at a position of the log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Text, bindparam, func, select

from kinolog.job.values import Status
from kinolog.ports.search.event_search import JobSpell, SpellsAt
from kinolog.readmodel.commit_index.commit_tables import (
    TIME_BLOCK_BITS,
    commit_times,
    own_commits,
    own_spells,
)
from kinolog.readmodel.priority_order import priority_at
from kinolog.readmodel.projection_metadata import Time
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot

_POSITION = bindparam("position", type_=BigInteger())
_TIME = bindparam("time", type_=Time)

_LAST_BLOCK = PreparedQuery(select(func.max(commit_times.c.block)).where(commit_times.c.least_at <= _TIME))
_LAST_COMMIT = PreparedQuery(
    select(own_commits.c.position)
    .where(own_commits.c.position <= _POSITION, own_commits.c.at <= _TIME)
    .order_by(own_commits.c.position.desc())
    .limit(1)
)
_TIME_OF = PreparedQuery(
    select(own_commits.c.at)
    .where(own_commits.c.position <= _POSITION)
    .order_by(own_commits.c.position.desc())
    .limit(1)
)


def _there() -> list[ColumnElement[bool]]:
    spell = func.int8range(own_spells.c.first_position, own_spells.c.last_position)
    return [spell.bool_op("@>")(_POSITION), own_spells.c.status == bindparam("status", type_=Text())]


def _spells(*order: ColumnElement[object]) -> PreparedQuery:
    c = own_spells.c
    statement: Select[tuple[object, ...]] = (
        select(
            c.job_id,
            c.status,
            c.model,
            c.model_class,
            c.urgency,
            c.queued_at,
            c.paused,
            c.attempt,
            c.worker,
            c.at,
            c.first_position,
        )
        .where(*_there())
        .order_by(*order)
        .limit(bindparam("limit", type_=BigInteger()))
    )
    return PreparedQuery(statement)


_ORDERED = {
    Status.QUEUED: _spells(
        own_spells.c.paused, own_spells.c.urgency.desc(), own_spells.c.queued_at, own_spells.c.number
    ),
    Status.PROCESSING: _spells(own_spells.c.worker, own_spells.c.first_position),
}
_TOTAL = PreparedQuery(select(func.count()).select_from(own_spells).where(*_there()))


async def position_at(snapshot: Snapshot, time: datetime) -> int:
    """Return the position of the last commit of the tenant that was decided by a time; 0 if there is none."""
    ((block,),) = await _LAST_BLOCK.rows(snapshot, {"time": time})
    if block is None:
        return 0
    last = ((int(block) + 1) << TIME_BLOCK_BITS) - 1
    rows = await _LAST_COMMIT.rows(snapshot, {"time": time, "position": last})
    return int(rows[0][0]) if rows else 0


async def spells_at(snapshot: Snapshot, position: int, status: Status, limit: int) -> SpellsAt:
    """Return the jobs that had a status at a position."""
    values = {"position": position, "status": status.value, "limit": limit}
    rows, ((total,),), times = await snapshot.run(
        (_ORDERED[status], values), (_TOTAL, values), (_TIME_OF, values)
    )
    return SpellsAt(
        position=position,
        at=times[0][0] if times else None,
        spells=tuple(map(_spell, _ORDERED[status].keyed(rows))),
        total=int(total),
    )


def _spell(record: dict[str, Any]) -> JobSpell:
    status, priority, since = (
        Status(record.pop("status")),
        priority_at(record.pop("urgency")),
        record.pop("at"),
    )
    return JobSpell(**record, status=status, priority=priority, since=since)
