"""Live progress and log lines that the projector writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from kinolog.job import commands as c
from kinolog.job.values import JobError, Sealed, Stage, Status
from kinolog.ports.progress import LogLevel, LogLine, PreviewImage, Progress, SealedNote
from kinolog.ports.read_model import (
    JobFilter,
    JobQuery,
    SortField,
    SortOrder,
)
from kinolog.process.probe import metrics_text
from kinolog.readmodel.postgres import PostgresReadModel
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.waits import WAIT_SECONDS, until, until_true
from tests.integration.running_projector import Feed, projecting


def reported(job_id: str, attempt: int, at: datetime, **changes: Any) -> Progress:
    """Return a report of the running job: 37.25 %, 12.5 s left."""
    report = Progress(
        job_id=job_id,
        attempt=attempt,
        at=at,
        worker="worker-1",
        stage=Stage.DENOISE,
        scene=0,
        scenes=1,
        step=3,
        steps=10,
        percent=37.25,
        eta_seconds=12.5,
    )
    return replace(report, **changes)


async def test_progress_and_log_lines_reach_the_lists(
    migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """The percentage of a running job moves it in the order by progress; each log line is stored once."""
    memory_jobs, feed = MemoryJobs(), Feed()
    waiting, running = await memory_jobs.submit(), await memory_jobs.submit()
    attempt = await memory_jobs.start(running)
    at = memory_jobs.now

    def line(number: int, level: LogLevel) -> LogLine:
        note = SealedNote("key", Sealed(nonce=b"nonce", ciphertext=b"\x00\xff")) if number == 2 else None
        text = f'line {number} with "quotes", \\ and {{braces}}'
        return LogLine(
            job_id=running, attempt=attempt, at=at, level=level, message=text, sequence=number, note=note
        )

    newest = reported(running, attempt, at)
    feed.held = [line(1, LogLevel.INFO), line(2, LogLevel.WARNING)]
    async with projecting(migrated_database_url, memory_jobs, feed) as projector:
        await until_true(lambda: projector.position == 3, "the projector has caught up")
        metrics = metrics_text(projector.metrics())
        for sample in ("started_jobs", "wait_seconds"):  # a second between two commands of these jobs
            assert f'kinolog_tenant_{sample}_total{{tenant="default"}} 1\n' in metrics
        for percent in (10.0, 20.5, 37.25):
            await feed.publish(replace(newest, percent=percent))
        await feed.publish(replace(newest, attempt=9, worker="worker-9", percent=99.0))
        await feed.publish(replace(newest, job_id=waiting, percent=50.0))
        await feed.publish(
            PreviewImage(
                job_id=running,
                attempt=attempt,
                at=at,
                scene=0,
                step=1,
                media_type="image/webp",
                image=b"picture",
            )
        )
        await feed.publish(newest)
        for number in (2, 3, 3):
            await feed.publish(line(number, LogLevel.DEBUG if number == 3 else LogLevel.WARNING))
        await _until_written(read_model, running)
    by_progress = await read_model.list_jobs("default", JobQuery(order=SortOrder(SortField.PROGRESS)))
    assert [(row.id, row.percent, row.eta_seconds) for row in by_progress.rows] == [
        (running, 37.25, 12.5),
        (waiting, 0.0, None),
    ]
    lines = await read_model.list_log_entries("default", running, min_level=LogLevel.INFO)
    assert lines == (line(1, LogLevel.INFO), line(2, LogLevel.WARNING))
    assert [one.sequence for one in await read_model.list_log_entries("default", running, 1)] == [3]
    assert [
        one.sequence for one in await read_model.list_log_entries("default", running, 5, after_sequence=1)
    ] == [2, 3]


async def test_a_commit_keeps_what_was_reported_of_its_attempt(
    migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """The reported percentage and estimate outlive the commits of their attempt, and end with it."""
    memory_jobs, feed = MemoryJobs(), Feed()
    job_id = await memory_jobs.submit()
    attempt = await memory_jobs.start(job_id)
    report = reported(job_id, attempt, memory_jobs.now, stage=Stage.ENCODE_PROMPT)

    async def shown() -> tuple[float, float | None]:
        (row,) = (await read_model.list_jobs("default", JobQuery())).rows
        return row.percent, row.eta_seconds

    async with projecting(migrated_database_url, memory_jobs, feed):
        await read_model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
        await feed.publish(report)
        await until(shown, "the report is written", met=lambda row: row == (37.25, 12.5))
        mark = c.StageMark(stage=Stage.ENCODE_PROMPT, scene=0, at=memory_jobs.now, seconds=None)
        stages = c.RecordStages(id=memory_jobs.command_id(), actor="worker-1", attempt=attempt, marks=(mark,))
        await memory_jobs.send(job_id, stages)
        await read_model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
        assert await shown() == (37.25, 12.5)
        error = JobError(code="OUT_OF_MEMORY", message="no room", retryable=True)
        failure = c.FailAttempt(
            id=memory_jobs.command_id(),
            actor="worker-1",
            attempt=attempt,
            error=error,
            retry_at=memory_jobs.now,
        )
        await memory_jobs.send(job_id, failure)
        await memory_jobs.start(job_id)
        await read_model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
        assert await shown() == (0.0, None)


async def _until_written(read_model: PostgresReadModel, running: str) -> None:
    """Wait until the last update is written; only the tables show it."""

    async def written() -> bool:
        lines = await read_model.list_log_entries("default", running)
        page = await read_model.list_jobs(
            "default", JobQuery(filter=JobFilter(statuses=(Status.PROCESSING,)))
        )
        return len(lines) == 3 and bool(page.rows) and page.rows[0].percent == 37.25

    await until(written, "the progress is written")
