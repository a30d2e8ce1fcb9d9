"""Rows have exactly the columns of their tables, and read-model jobs exactly the stored columns."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.counter_changes import CounterKey, RollupKey, TimingKey
from kinolog_projector.projection.current_row import CURRENT_COLUMNS
from kinolog_projector.projection.job_projection import project_batch
from kinolog_projector.projection.projected_rows import JobTableRows, ProjectedRows
from kinolog_projector.projection.rows import _media
from sqlalchemy import Table

from kinolog.job.commands import Cancel, Erase, RecordScene
from kinolog.job.values import Artifact, ArtifactKind, JobError, MediaFacts
from kinolog.ports.read_model import JobRow
from kinolog.readmodel import tables
from kinolog.readmodel.queries.job_rows import JOB_COLUMNS, PROMPT_COLUMNS
from kinolog.v1 import job_pb2 as pb
from tests.builders.jobs import MEDIA, job_input, video
from tests.builders.memory_jobs import RUNTIME, MemoryJobs


@pytest.fixture
async def projected() -> ProjectedRows:
    """The rows of jobs of every kind."""
    jobs = MemoryJobs()
    await jobs.many(60)
    commits = [recorded async for some in jobs.store.read(0) for recorded in some]
    return project_batch(await BatchPreparer(jobs.store, jobs.keys).prepare(0, commits), {})


async def test_rows_have_the_columns_of_their_table(projected: ProjectedRows) -> None:
    """Every table has rows, and each row has a value for each column and for nothing else."""
    changes = projected.counter_changes
    rows = dict(projected.new.by_table()) | {
        "activity": projected.activity,
        "commit_index": projected.commit_index,
        "commit_times": projected.commit_times,
        "job_spells": projected.job_spells,
        "workers": projected.worker_rows(),
        "counters": changes.counter_rows(),
        "depths": changes.depth_rows(),
        "rollups": changes.rollup_rows(),
        "timings": changes.timing_rows(),
    }
    written = {table.name: table for table in tables.projection.sorted_tables if table.name != "checkpoint"}
    assert set(rows) == set(written)
    for name, table_rows in rows.items():
        assert table_rows, name
        for row in table_rows:
            assert set(row) == set(written[name].columns.keys()), name


async def test_inputs_are_files_of_a_job_until_it_is_erased() -> None:
    """A backup finds them among the files, before the job has made any. A list of results does not show them."""
    jobs = MemoryJobs()
    keys = [f"jobs/{job_id}/{'a' * 64}.sealed" for job_id in ("kept", "erased")]
    for key in keys:
        await jobs.submit_sealed(key.split("/")[1], "a fox", {"inputs": (job_input(key),) * 2})
    await jobs.send("erased", Cancel(id="c", actor="ann"), Erase(id="e", actor="ann"))
    commits = [recorded async for some in jobs.store.read(0) for recorded in some]
    rows = project_batch(await BatchPreparer(jobs.store, jobs.keys).prepare(0, commits), {}).new
    assert [(row["key"], row["place"], row["kind"]) for row in rows.artifacts] == [
        (keys[0], -1, "input"),
        (keys[0], -2, "input"),
    ]
    assert [row["artifacts"] for row in rows.jobs] == [[], []]


async def test_thumbnails_of_scenes_are_files_of_a_job() -> None:
    """A backup finds them among the files as soon as their scenes are rendered."""
    jobs = MemoryJobs()
    job_id = await jobs.submit("A star. Then a ring.")
    attempt = await jobs.start(job_id, "w1", RUNTIME)
    picture = replace(video(job_id), kind=ArtifactKind.SCENE_THUMBNAIL, key="jobs/picture.jpg")
    record = RecordScene(
        id="s", actor="w1", attempt=attempt, scene=1, artifact=video(job_id), thumbnail=picture
    )
    await jobs.send(job_id, record)
    commits = [recorded async for some in jobs.store.read(0) for recorded in some]
    rows = project_batch(await BatchPreparer(jobs.store, jobs.keys).prepare(0, commits), {}).new
    assert [(row["key"], row["place"], row["kind"]) for row in rows.artifacts] == [
        ("jobs/picture.jpg", 1_001, "scene_thumbnail")
    ]


@pytest.mark.parametrize(
    ("key", "table"),
    [(CounterKey, tables.counters), (RollupKey, tables.rollups), (TimingKey, tables.timings)],
)
def test_keys_are_those_of_their_table(key: type[CounterKey], table: Table) -> None:
    """The fields of a key are the primary key of the table, in its order: rows are written in that order."""
    assert list(key._fields) == [column.name for column in table.primary_key]


async def test_lists_hold_every_field_of_files_and_facts(projected: ProjectedRows) -> None:
    """Files, media facts and errors are stored as JSON with every field, so that lists show what the log holds."""
    rows = dict(projected.new.by_table())["jobs"]
    for column, kind in (("artifacts", Artifact), ("media", MediaFacts), ("error", JobError)):
        stored = [row[column] for row in rows if row[column]]
        assert stored, column
        for value in stored:
            for facts in value if isinstance(value, list) else [value]:
                assert isinstance(facts, dict)
                assert set(facts) == {field.name for field in fields(kind)}, column


def test_a_video_without_sound_is_stored_as_in_earlier_versions() -> None:
    """A replay of jobs that an earlier version projected gives equal rows: they have no facts of sound."""
    silent = replace(MEDIA, audio_codec="", audio_sample_rate=0, audio_channels=0)
    stored = _media(silent)
    assert set(stored) == {field.name for field in fields(MediaFacts) if not field.name.startswith("audio_")}
    assert MediaFacts(**stored) == silent  # type: ignore[arg-type] # JSON


def test_current_rows_are_read_by_column() -> None:
    """What a batch reads of a job exists in the table."""
    assert set(CURRENT_COLUMNS) <= set(tables.jobs.columns.keys())


def test_fields_of_job_table_rows_are_tables() -> None:
    """`JobTableRows` names tables of the projection."""
    assert {field.name for field in fields(JobTableRows)} <= {t.name for t in tables.projection.sorted_tables}


def test_every_field_of_a_listed_job_has_a_column() -> None:
    """`JobRow` is read from as many columns as it has fields, none of them twice."""
    columns = [*JOB_COLUMNS, *PROMPT_COLUMNS]
    assert len(columns) == len(set(columns)) == len(fields(JobRow))


def test_every_column_that_a_job_message_shows_is_listed() -> None:
    """A field of the message `Job` that is a column of `jobs` is a field of `JobRow`; else lists show its default."""
    shown = {field.name for field in pb.Job.DESCRIPTOR.fields} & set(tables.jobs.columns.keys())
    assert shown <= {field.name for field in fields(JobRow)}
