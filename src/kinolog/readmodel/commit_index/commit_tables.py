"""The tables of the index of all commits, and of where jobs were. They are part of the schema `projection`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    column,
    func,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.readmodel.projection_metadata import PROJECTION_SCHEMA, Key, Time, projection

TIME_BLOCK_BITS = 10
"""A row of `commit_times` is for 1,024 positions."""

commit_index = Table(
    "commit_index",
    projection,
    Column("tenant", Key, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("at", Time, nullable=False),
    Column("actor", Text, nullable=False),
    Column("command", Key, nullable=False),
    Column("facts", ARRAY(BigInteger), nullable=False, comment="kinolog.event_query.facts.fact_hash."),
    Column("address", BigInteger, comment="A keyed hash; NULL without one, and once the job is erased."),
    PrimaryKeyConstraint("tenant", "position"),
    Index(
        "commits_by_facts", "facts", postgresql_using="gin", postgresql_with={"gin_pending_list_limit": 256}
    ),
    Index(
        "commits_by_address", "tenant", "address", "position", postgresql_where=text("address IS NOT NULL")
    ),
)
"""What each commit is found by. It holds no text of a user and no address: the archive has the commit itself."""

commit_times = Table(
    "commit_times",
    projection,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("least_at", Time, nullable=False),
    Column("greatest_at", Time, nullable=False),
)
"""Between which times the commits of a block of positions, of all tenants, were decided. Clocks of machines differ."""

job_spells = Table(
    "job_spells",
    projection,
    Column("number", BigInteger, nullable=False, comment="Position of the job's first commit."),
    Column("first_position", BigInteger, nullable=False),
    Column(
        "last_position", BigInteger, comment="Of the commit that ended it, which is not in it; NULL for none."
    ),
    Column("tenant", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("status", Key, nullable=False),
    Column("model", Key, nullable=False),
    Column("model_class", Key, nullable=False),
    Column("urgency", SmallInteger, nullable=False, comment="0 for low to 3 for critical."),
    Column("queued_at", Time, nullable=False, comment="Later than its commit if it waits for a time."),
    Column("paused", Boolean, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("at", Time, nullable=False),
    PrimaryKeyConstraint("number", "first_position"),
    CheckConstraint("last_position > first_position", name="job_spells_end_later"),
    CheckConstraint("status IN ('queued', 'processing')", name="job_spells_of_live_jobs"),
)
"""How long each job was in one place: queued with a priority and a time, or run by a worker. See decision 138."""

Index(
    "job_spells_by_position",
    func.int8range(job_spells.c.first_position, job_spells.c.last_position),
    postgresql_using="gist",
)

own_spells = table(
    "own_spells",
    *(column(each.name, each.type) for each in job_spells.columns),
    schema=PROJECTION_SCHEMA,
)
"""The view through which readers search `job_spells`: the rows of their tenant."""

own_commits = table(
    "own_commits",
    *(column(each.name, each.type) for each in commit_index.columns),
    schema=PROJECTION_SCHEMA,
)
"""The view through which readers search `commit_index`: the rows of their tenant (decision 112)."""
