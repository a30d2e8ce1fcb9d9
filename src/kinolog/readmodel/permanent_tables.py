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
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

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

read_checkpoint = Table(
    "read_checkpoint",
    permanent,
    Column("one_row", Boolean, CheckConstraint("one_row"), primary_key=True),
    Column("position", BigInteger, nullable=False, comment="Of the last archived batch in the stream READS."),
    Column("number", BigInteger, nullable=False, comment="How many batches were archived, deleted ones too."),
)
"""One row: up to where reads are archived."""

read_batches = Table(
    "read_batches",
    permanent,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("tenant", Key, nullable=False),
    Column("at", Time, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)
"""The messages of the stream of reads, until they are too old."""

reads = Table(
    "reads",
    permanent,
    Column("batch", BigInteger, nullable=False),
    Column("place", Integer, nullable=False),
    Column("tenant", Key, nullable=False),
    Column("first_at", Time, nullable=False),
    Column("last_at", Time, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("actor", Key, nullable=False),
    Column("api_key_id", Key, nullable=False),
    Column("client", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("method", Key, nullable=False),
    Column("route", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("resource", Key, nullable=False),
    Column("first_byte", BigInteger, nullable=False),
    Column("most_bytes", BigInteger, nullable=False, comment="That were asked for; 0 for all."),
    Column("size_bytes", BigInteger, nullable=False),
    Column("outcome", Key, nullable=False),
    Column("address_key", Key, nullable=False, comment="Under which the address is sealed."),
    Column("nonce", LargeBinary, nullable=False),
    Column("address", LargeBinary, nullable=False, comment="Sealed; empty if it is not known."),
    PrimaryKeyConstraint("batch", "place"),
    Index("reads_of_tenant", "tenant", "batch", "place"),
    Index("reads_of_job", "tenant", "job_id", "batch", "place"),
    Index("reads_of_actor", "tenant", "actor", "batch", "place"),
    Index("reads_by_time", "tenant", "last_at"),
)
"""The reads in those batches, for questions."""

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

tree_tiles = Table(
    "tree_tiles",
    permanent,
    Column("level", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False, comment="At most 256."),
    PrimaryKeyConstraint("level", "number"),
)
"""The hashes of the tree over all commits (`kinolog.merkle.hash_tiles`)."""

tree_heads = Table(
    "tree_heads",
    permanent,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("signed_at", Time, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Index("tree_heads_by_size", "size"),
)
"""Its signed heads. They are never made again: what was signed is compared with what is there."""

read_tree_tiles = Table(
    "read_tree_tiles",
    permanent,
    Column("number", BigInteger, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False, comment="At most 256."),
    PrimaryKeyConstraint("level", "number"),
)
"""The hashes of the tree over all batches of reads. They stay when the batches are deleted."""

read_deletions = Table(
    "read_deletions",
    permanent,
    Column("until_number", BigInteger, primary_key=True, autoincrement=False),
    Column("deleted_at", Time, nullable=False),
    Column("days", Integer, nullable=False, comment="How long reads were kept then."),
    Column("by_size", Boolean, nullable=False, comment="Whether some were younger, and too many."),
)
"""Up to which number batches of reads were deleted, and why."""

tree_receipts = Table(
    "tree_receipts",
    permanent,
    Column("target", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("sent_at", Time, nullable=False),
    Column("receipt", LargeBinary, nullable=False, comment="What the place gave, such as a timestamp token."),
    PrimaryKeyConstraint("target", "number"),
)
"""Which heads were sent to which place outside."""

erasure_certificates = Table(
    "erasure_certificates",
    permanent,
    Column("tenant", Key, nullable=False),
    Column("number", BigInteger, nullable=False, comment="Counts the certificates of the tenant."),
    Column("erasure_id", Key, nullable=False),
    Column("job_ids", ARRAY(Key), nullable=False),
    Column("last_position", BigInteger, nullable=False, comment="Of the commits of its jobs."),
    Column("issued_at", Time, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "number"),
    Index("erasure_certificates_by_position", "last_position"),
    Index("erasure_certificates_of_erasure", "tenant", "erasure_id", "number"),
    Index("erasure_certificates_of_job", "job_ids", postgresql_using="gin"),
)
"""Signed certificates of erasure (`kinolog.merkle.erasure_certificate`)."""

verification_progress = Table(
    "verification_progress",
    permanent,
    Column("one_row", Boolean, CheckConstraint("one_row"), primary_key=True),
    Column("verification_id", Key, nullable=False),
    Column("commits", BigInteger, nullable=False),
    Column("all_commits", BigInteger, nullable=False),
    Column("jobs", BigInteger, nullable=False),
)
"""How far the comparison of everything is that goes on: one row, or none before the first."""

webhook_deliveries = Table(
    "webhook_deliveries",
    permanent,
    Column("delivery_id", Key, primary_key=True),
    Column("webhook_id", Key, nullable=False),
    Column("tenant", Key, nullable=False),
    Column("lane", Key, nullable=False, comment="Deliveries of one lane wait for each other."),
    Column("message_id", Key, nullable=False),
    Column("event", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("status", Key, nullable=False),
    Column("redelivery", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Time, comment="Null unless it is pending."),
    Index("webhook_deliveries_of_webhook", "webhook_id", "created_at", "delivery_id"),
    Index("webhook_deliveries_lanes", "lane", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("webhook_deliveries_next", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("webhook_deliveries_created", "created_at"),
)
"""Messages to webhooks: what is to be sent, and what became of it. Addresses and secrets are not in it."""

webhook_tries = Table(
    "webhook_tries",
    permanent,
    Column("delivery_id", Key, nullable=False),
    Column("tenant", Key, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Time, nullable=False),
    Column("status_code", Integer, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("response_bytes", Integer, nullable=False),
    Column("error", Text, nullable=False),
    PrimaryKeyConstraint("delivery_id", "number"),
)
"""Each try of a delivery."""

webhooks_off = Table(
    "webhooks_off",
    permanent,
    Column("webhook_id", Key, primary_key=True),
    Column("tenant", Key, nullable=False),
    Column("position", BigInteger, nullable=False, comment="Of the last change of the webhook."),
    Column("at", Time, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Webhooks that are called no more, since their receivers are gone."""
