"""The tables of the read models, as SQLAlchemy Core describes them: the schema `projection`.

They follow from the log alone and are rebuilt from it. The exception are live columns (`jobs.percent`,
`jobs.eta_seconds`), which come from running workers. The permanent tables are in kinolog.readmodel.permanent_tables.
docs/read-models.md describes them.

This module, kinolog.readmodel.chart_tables and kinolog.readmodel.commit_index.commit_tables are the only places that
list columns; all tables are imported from here. Rows are mappings keyed by column; kinolog_projector.projection.rows
makes them, and kinolog.readmodel.queries.job_rows reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from kinolog.readmodel.chart_tables import ROLLUP_SUMS as ROLLUP_SUMS
from kinolog.readmodel.chart_tables import counters as counters
from kinolog.readmodel.chart_tables import depths as depths
from kinolog.readmodel.chart_tables import rollups as rollups
from kinolog.readmodel.chart_tables import timings as timings
from kinolog.readmodel.commit_index.commit_tables import commit_index as commit_index
from kinolog.readmodel.commit_index.commit_tables import commit_times as commit_times
from kinolog.readmodel.commit_index.commit_tables import job_spells as job_spells
from kinolog.readmodel.commit_index.commit_tables import own_commits as own_commits
from kinolog.readmodel.commit_index.commit_tables import own_spells as own_spells
from kinolog.readmodel.projection_metadata import PROJECTION_SCHEMA as PROJECTION_SCHEMA
from kinolog.readmodel.projection_metadata import Key, Time
from kinolog.readmodel.projection_metadata import projection as projection

PROJECTION_VERSION = 15
"""Version of the tables in `projection` and of the code that fills them. A database of another one needs a rebuild."""

PARTITION_POSITIONS = 1 << 17
"""Positions in one partition. It holds at most as many jobs, usually a tenth: a job has about ten commits."""

Row: TypeAlias = Mapping[str, Any]
"""A row to be written, keyed by column."""

checkpoint = Table(
    "checkpoint",
    projection,
    Column("projection_version", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""One row: the version of the projection, and the last position that it contains."""

jobs = Table(
    "jobs",
    projection,
    Column("id", Key, primary_key=True),
    Column("number", BigInteger, nullable=False, comment="Position of its first commit; breaks ties."),
    Column("tenant", Key, nullable=False),
    Column("actor", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("status", Key, nullable=False),
    Column("urgency", SmallInteger, nullable=False, comment="0 for low to 3 for critical."),
    Column("model", Key, nullable=False),
    Column("model_class", Key, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("fps", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("guidance", Double, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("style", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("stage", Key),
    Column("scene", Integer, comment="Of the running stage, from 0."),
    Column("percent", Double, nullable=False, comment="Live."),
    Column("eta_seconds", Double, comment="Live."),
    Column("scene_count", Integer, nullable=False),
    Column("scenes_rendered", Integer, nullable=False),
    Column("artifacts", JSONB, nullable=False),
    Column("media", JSONB),
    Column("error", JSONB),
    Column("cancel_requested", Boolean, nullable=False),
    Column("erased", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Column("queued_at", Time, nullable=False, comment="Later than now if it waits for a time."),
    Column("started_at", Time),
    Column("finished_at", Time),
    Column("not_before", Time),
    Column("start_after", Time),
    Column("start_before", Time),
    Column("reproduces", Text, nullable=False),
    Column("paused_at", Time),
    Column("variant_of", Text, nullable=False),
    Column("variant", Integer, nullable=False),
    Column(
        "duration_us",
        BigInteger,
        nullable=False,
        comment="Sum of its attempts; -1 until it ended, and for none.",
    ),
    Column("gpu_seconds", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("log_bytes", BigInteger, nullable=False, comment="Of its commits in the log."),
    CheckConstraint(
        "status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')", name="jobs_status_known"
    ),
    CheckConstraint(
        "(finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))",
        name="jobs_ended_have_an_end",
    ),
    CheckConstraint(
        "status <> 'processing' OR (attempt > 0 AND started_at IS NOT NULL)",
        name="jobs_running_have_an_attempt",
    ),
    CheckConstraint(
        "status <> 'completed' OR (media IS NOT NULL AND percent = 100)", name="jobs_completed_have_a_video"
    ),
    CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="jobs_failed_have_an_error"),
    CheckConstraint("paused_at IS NULL OR finished_at IS NULL", name="jobs_paused_have_not_ended"),
    CheckConstraint("NOT erased OR finished_at IS NOT NULL", name="jobs_erased_have_ended"),
    CheckConstraint("urgency BETWEEN 0 AND 3", name="jobs_urgency_known"),
    CheckConstraint("percent BETWEEN 0 AND 100", name="jobs_percent_in_range"),
    CheckConstraint("scenes_rendered BETWEEN 0 AND scene_count", name="jobs_scenes_rendered_exist"),
    CheckConstraint("number > 0 AND position >= number AND version > 0", name="jobs_lie_in_the_log"),
)

LIVE_COLUMNS = ("percent", "eta_seconds")
"""Columns of `jobs` that running workers report and the log does not hold."""

_ORDERS = {
    "created": ("created_at",),
    "updated": ("updated_at",),
    "progress": ("percent",),
    "duration": ("duration_us",),
    "urgency": ("urgency",),
}
_COUNTED = ("urgency", "model", "style")
"""Columns in the index by time of submission, so that jobs at the edges of a span are counted from the index alone."""

for _name, _columns in _ORDERS.items():
    Index(f"jobs_by_{_name}", jobs.c.tenant, *(jobs.c[c] for c in _columns), jobs.c.number)
    Index(
        f"jobs_by_status_{_name}",
        jobs.c.tenant,
        jobs.c.status,
        *(jobs.c[c] for c in _columns),
        jobs.c.number,
        postgresql_include=_COUNTED if _name == "created" else (),
    )
Index("jobs_by_kind", jobs.c.tenant, jobs.c.model, jobs.c.style, jobs.c.status, jobs.c.urgency, jobs.c.number)
Index(
    "jobs_in_queue",
    jobs.c.tenant,
    jobs.c.model_class,
    jobs.c.urgency,
    jobs.c.queued_at,
    jobs.c.number,
    postgresql_where=text("status = 'queued' AND paused_at IS NULL"),
)
Index(
    "jobs_by_variants",
    jobs.c.tenant,
    jobs.c.variant_of,
    postgresql_where=text("variant_of <> ''"),
)
Index(
    "jobs_to_start",
    jobs.c.start_before,
    postgresql_where=text("status = 'queued' AND attempt = 0 AND start_before IS NOT NULL"),
)

prompts = Table(
    "prompts",
    projection,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Key, nullable=False),
    Column("tenant", Key, nullable=False),
    Column("prompt", Text),
    Column("negative_prompt", Text),
    postgresql_partition_by="RANGE (number)",
)
"""Prompts in plain text, separate from everything else. NULL once the job is erased.

The key is the job's number: in most orders the prompts of a page are stored next to each other, while ids are random.
Its partitions are small enough to be rewritten without what was erased (decision 37).
"""

prompt_trigrams = Table(
    "prompt_trigrams",
    projection,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", Key, nullable=False),
    Column("grams", ARRAY(Integer), nullable=False, comment="Of prompt and id: kinolog.readmodel.trigrams."),
    Index(
        "prompts_by_grams",
        "grams",
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
    ),
)
"""What finds prompts by their text: numbers, no text. The texts of the hits are compared in `prompts`."""

own_trigrams = table(
    "own_trigrams",
    column("number", prompt_trigrams.c.number.type),
    column("grams", prompt_trigrams.c.grams.type),
    schema=PROJECTION_SCHEMA,
)
"""The view through which readers search `prompt_trigrams`: the rows of their tenant (decision 112)."""

queued_jobs = table(
    "queued_jobs", column("tenant", Key), column("id", jobs.c.id.type), schema=PROJECTION_SCHEMA
)
"""The view through which operators read which jobs wait."""

minute_costs = table(
    "minute_costs",
    column("tenant", Key),
    column("at", Time),
    column("cost", BigInteger()),
    schema=PROJECTION_SCHEMA,
)
"""The view through which operators read what the jobs of a tenant and a minute cost."""

artifact_sizes = table(
    "artifact_sizes",
    column("tenant", Key),
    column("size_bytes", BigInteger()),
    schema=PROJECTION_SCHEMA,
)
"""The view through which operators read the sizes of a tenant's files."""

VIEWS = (own_trigrams, own_commits, own_spells, queued_jobs, minute_costs, artifact_sizes)
"""Views of the projection. They have the rights of the projector, and are dropped with the schema."""

scenes = Table(
    "scenes",
    projection,
    Column("job_id", Key, nullable=False),
    Column("scene", Integer, nullable=False),
    Column("start_seconds", Double, nullable=False),
    Column("duration_seconds", Double, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("camera", Text, nullable=False),
    Column("transition", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("artifact_key", Text),
    PrimaryKeyConstraint("job_id", "scene"),
    Index("scenes_by_artifact", "artifact_key"),
)

stages = Table(
    "stages",
    projection,
    Column("job_id", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("stage", Key, nullable=False),
    Column("scene", Integer, nullable=False, comment="-1 for a stage that covers no single scene."),
    Column("started_at", Time),
    Column("seconds", Double),
    PrimaryKeyConstraint("job_id", "attempt", "stage", "scene"),
    CheckConstraint("seconds IS NULL OR seconds >= 0", name="stages_seconds_not_negative"),
)

attempts = Table(
    "attempts",
    projection,
    Column("job_id", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("hardware", Text, nullable=False),
    Column("model_revision", Text, nullable=False),
    Column("libraries", JSONB, nullable=False),
    Column("started_at", Time, nullable=False),
    Column("ended_at", Time),
    Column("error", JSONB),
    PrimaryKeyConstraint("job_id", "attempt"),
    CheckConstraint("attempt > 0", name="attempts_from_one"),
)

artifacts = Table(
    "artifacts",
    projection,
    Column("job_id", Key, nullable=False),
    Column(
        "place", Integer, nullable=False, comment="Index in the job's list of files; inputs from -1 down."
    ),
    Column("kind", Key, nullable=False),
    Column("key", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "place"),
    Index("artifacts_by_key", "key"),
)

activity = Table(
    "activity",
    projection,
    Column("tenant", Key, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("index", SmallInteger, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("event", Key, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Time, nullable=False),
    PrimaryKeyConstraint("tenant", "position", "index"),
)

workers = Table(
    "workers",
    projection,
    Column("worker", Key, primary_key=True),
    Column("hardware", Text, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("completed", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
)
"""Totals of each worker, by name. The registry of workers holds which ones are present."""
