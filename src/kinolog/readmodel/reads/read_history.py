"""The Postgres adapter of the record of reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg_pool import AsyncConnectionPool
from sqlalchemy import BigInteger, ColumnElement, Text, and_, any_, bindparam, func, not_, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.job.values import Sealed
from kinolog.readmodel.database import reader_connection
from kinolog.readmodel.permanent_tables import read_batches, reads
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.reads.read import Read, ReadFacts, ReadKind
from kinolog.reads.read_log import ReadPlace, ReadSearch, StoredRead
from kinolog.reads.read_query import ReadCondition, ReadField, ReadQuery

_c = reads.c
_BATCH = PreparedQuery(
    select(read_batches.c.raw).where(
        read_batches.c.tenant == bindparam("tenant", type_=Text()),
        read_batches.c.number == bindparam("number", type_=BigInteger),
    )
)
_COLUMN: dict[ReadField, ColumnElement[Any]] = {
    ReadField.ACTOR: _c.actor,
    ReadField.KEY: _c.api_key_id,
    ReadField.CLIENT: _c.client,
    ReadField.KIND: _c.kind,
    ReadField.METHOD: _c.method,
    ReadField.JOB: _c.job_id,
    ReadField.OUTCOME: _c.outcome,
}


class PostgresReadHistory:
    """Searches the reads that the projector has archived. Each transaction sees those of one tenant."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def search(self, tenant: str, search: ReadSearch) -> Sequence[StoredRead]:
        async with reader_connection(self._pool) as connection:
            snapshot = Snapshot(connection, tenant)
            found = await _query(tenant, search).records(snapshot)
            await snapshot.end()  # a swap of the projection does not concern this table
        return list(map(_stored, found))

    async def stored_batch(self, tenant: str, number: int) -> bytes | None:
        async with reader_connection(self._pool) as connection:
            snapshot = Snapshot(connection, tenant)
            rows = await _BATCH.rows(snapshot, {"tenant": tenant, "number": number})
            await snapshot.end()
        return bytes(rows[0][0]) if rows else None


def _query(tenant: str, search: ReadSearch) -> PreparedQuery:
    place = tuple_(_c.batch, _c.place)
    conditions = [_c.tenant == tenant, *_conditions(search.query)]
    if search.beyond is not None:
        beyond = tuple_(search.beyond.batch, search.beyond.index)
        conditions.append(place > beyond if search.oldest_first else place < beyond)
    order = (_c.batch, _c.place) if search.oldest_first else (_c.batch.desc(), _c.place.desc())
    return PreparedQuery(select(*_c).where(and_(*conditions)).order_by(*order).limit(search.limit))


def _conditions(query: ReadQuery) -> list[ColumnElement[bool]]:
    conditions = [_condition(one) for one in query.conditions if one.field is not ReadField.ADDRESS]
    if query.since is not None:
        conditions.append(_c.last_at >= query.since)
    if query.until is not None:
        conditions.append(_c.first_at < query.until)
    return conditions


def _condition(condition: ReadCondition) -> ColumnElement[bool]:
    column = _COLUMN[condition.field]
    values = any_(bindparam(None, list(condition.values), type_=ARRAY(Text())))
    holds = column == values
    if condition.field is ReadField.CLIENT:
        holds = or_(holds, func.split_part(column, "/", 1) == values)
    return not_(holds) if condition.excludes else holds


def _stored(row: dict[str, Any]) -> StoredRead:
    facts = ReadFacts(
        actor=row["actor"],
        api_key_id=row["api_key_id"],
        client=row["client"],
        kind=ReadKind(row["kind"]),
        method=row["method"],
        route=row["route"],
        job_id=row["job_id"],
        resource=row["resource"],
        offset=row["first_byte"],
        limit=row["most_bytes"],
        outcome=row["outcome"],
    )
    address = bytes(row["address"])
    return StoredRead(
        place=ReadPlace(row["batch"], row["place"]),
        read=Read(
            facts=facts,
            first_at=row["first_at"],
            last_at=row["last_at"],
            times=row["times"],
            size_bytes=row["size_bytes"],
            sealed_address=Sealed(nonce=bytes(row["nonce"]), ciphertext=address) if address else None,
        ),
        address_key=row["address_key"],
    )
