"""Damage of the database: which table or index it concerns, which command mends it, and the alarm about it.

Postgres names a damaged file by its number. The read models can be made again while kinolog runs (decision 30); for
damage of the archive and of all else kinolog is stopped and restored (decision 16).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg

from kinolog.ports.alarms import DATABASE_DAMAGED, Alarms
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import RESTORE
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.readmodel.database import first_line, writer_connection
from kinolog.readmodel.tables import PROJECTION_SCHEMA

REBUILD = "Make them again with: kinolog projections rebuild"

_FILE = re.compile(r'"base/\d+/(\d+)')
_NAMED = re.compile(r'"(\w+)"')
RELATION = """
SELECT namespace.nspname, relation.relname, relation.relkind = 'i' FROM pg_class AS relation
JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE pg_filenode_relation(0, %s) IN (relation.oid, relation.reltoastrelid)
OR (relation.relkind = 'i' AND relation.relname = %s) ORDER BY relation.relkind = 't' LIMIT 1
"""
"""A table is named for its long values too, which Postgres stores in a file of their own."""


@dataclass(frozen=True, slots=True)
class DatabaseDamage:
    """What is damaged, and whether a rebuild of the read models mends it."""

    what: str
    is_projected: bool

    @property
    def text(self) -> str:
        """What is damaged, and the command that mends it."""
        return f"{self.what}. {REBUILD if self.is_projected else RESTORE}"


async def described_damage(database_url: str, error: psycopg.InternalError) -> str:
    """Return in words what is damaged and which command mends it."""
    return (await found_damage(database_url, error)).text


async def found_damage(database_url: str, error: psycopg.InternalError) -> DatabaseDamage:
    """Return what is damaged.

    Where Postgres cannot tell which table it is, the words are those of its error, and the command is a restore.
    """
    message = first_line(error)
    file, named = _FILE.search(message), _NAMED.search(message)
    try:
        async with await writer_connection(database_url, "kinolog-damage") as connection:
            cursor = await connection.execute(
                RELATION, [int(file.group(1)) if file else None, named.group(1) if named else None]
            )
            row = await cursor.fetchone()
    except psycopg.Error:
        row = None
    if row is None:
        return DatabaseDamage(f"the database is damaged: {message}", is_projected=False)
    schema, name, is_index = row
    is_projected = schema == PROJECTION_SCHEMA
    part = "the read models are" if is_projected else "the database is"
    kind = "index" if is_index else "table"
    return DatabaseDamage(f"{part} damaged, {kind} {schema}.{name}: {message}", is_projected)


class DatabaseDamageAlarm(ProblemAlarm):
    """The alarm about damage that one part of the projector meets: announced while it does."""

    def __init__(self, alarms: Alarms, part: str, clock: Clock) -> None:
        super().__init__(alarms, f"{DATABASE_DAMAGED}-{part}", clock)

    def text(self, problem: str) -> str:
        """Say what it means for the jobs."""
        return (
            "The database is damaged: lists and charts may lack the latest changes. Jobs go on. kinolog doctor "
            "says what is damaged and what to do"
        )

    def details(self, problem: str) -> str:
        """Name what is damaged and the command that mends it."""
        return problem
