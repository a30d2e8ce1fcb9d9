"""The tables that no rebuild touches: the schema `kinolog`. Alembic migrations change them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from kinolog.readmodel.projection_metadata import Key, Time

PERMANENT_SCHEMA = "kinolog"

permanent = MetaData(schema=PERMANENT_SCHEMA)

archive = Table(
    "archive",
    permanent,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Key, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Index("archive_of_job", "job_id", "position"),
)

log_checkpoint = Table(
    "log_checkpoint",
    permanent,
    Column("one_row", Boolean, CheckConstraint("one_row"), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""One row: the last commit that is archived. Every writer moves or locks it first."""

key_archive = Table(
    "key_archive",
    permanent,
    Column("key_id", Key, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("position", BigInteger, nullable=False, comment="Of the job's first commit."),
    PrimaryKeyConstraint("position", "key_id"),
    Index("key_archive_by_key", "key_id"),
    postgresql_partition_by="RANGE (position)",
)
"""The keys of jobs that are not erased, wrapped under a master key: what a lost key store is restored from."""

access_archive = Table(
    "access_archive",
    permanent,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("key_id", Key, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)
"""The messages of the stream of facts about API keys: what a lost stream is filled from."""

erased_prompts = Table(
    "erased_prompts",
    permanent,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("deleted_by", BigInteger, nullable=False, comment="Number of the transaction."),
)
"""Jobs whose texts were deleted from the read models, until the files of the database hold them no more."""

log_lines = Table(
    "log_lines",
    permanent,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Time, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("note", LargeBinary),
    Index("log_lines_of_job", "job_id", "sequence"),
)
