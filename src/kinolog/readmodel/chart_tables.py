"""The tables of the read models that count and add up: numbers of jobs in lists, and what charts show."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
)

from kinolog.readmodel.projection_metadata import Key, Time, projection

counters = Table(
    "counters",
    projection,
    Column("tenant", Key, nullable=False),
    Column("sort", Key, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("urgency", SmallInteger, nullable=False, comment="-1 for all priorities, models and styles."),
    Column("major", Integer, nullable=False),
    Column("cell", BigInteger, nullable=False),
    Column("status", Key, nullable=False),
    Column("model", Key, nullable=False),
    Column("style", Key, nullable=False),
    Column("jobs", BigInteger, nullable=False),
    PrimaryKeyConstraint(
        "tenant", "sort", "level", "urgency", "major", "cell", "status", "model", "style", name="counters_key"
    ),
    CheckConstraint("jobs >= 0", name="counters_not_negative"),
)
"""Number of jobs in each cell of each order, by status, and by status, priority, model and style.

kinolog.readmodel.counter_cells defines cells.
"""

ROLLUP_SUMS = (
    "submitted",
    "completed",
    "failed",
    "cancelled",
    "video_us",
    "gpu_us",
    "cost",
)
"""Columns of `rollups` that are added up; the others are its key."""
rollups = Table(
    "rollups",
    projection,
    Column("tenant", Key, nullable=False),
    Column("bucket_seconds", Integer, nullable=False),
    Column("at", Time, nullable=False),
    Column("urgency", SmallInteger, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ROLLUP_SUMS),
    PrimaryKeyConstraint("tenant", "bucket_seconds", "at", "urgency"),
)

depths = Table(
    "depths",
    projection,
    Column("tenant", Key, nullable=False),
    Column("bucket_seconds", Integer, nullable=False),
    Column("at", Time, nullable=False),
    Column("queued_change", BigInteger, nullable=False),
    Column("processing_change", BigInteger, nullable=False),
    Column("peak_queued", BigInteger, nullable=False),
    Column("peak_processing", BigInteger, nullable=False),
    Column("busiest_total", BigInteger, nullable=False),
    Column("busiest_queued", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "bucket_seconds", "at"),
)
"""Changes of the depth in a bucket, and their highest sums since its start; `busiest_queued` is at `busiest_total`."""

timings = Table(
    "timings",
    projection,
    Column("tenant", Key, nullable=False),
    Column("bucket_seconds", Integer, nullable=False),
    Column("measure", Key, nullable=False, comment="run, wait or the name of a stage."),
    Column("at", Time, nullable=False),
    Column("bin", SmallInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("total_us", BigInteger, nullable=False),
    Column("least_us", BigInteger, nullable=False),
    Column("greatest_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "bucket_seconds", "measure", "at", "bin"),
)
"""Histograms of durations; kinolog.readmodel.time_buckets defines bins."""
