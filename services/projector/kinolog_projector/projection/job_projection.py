"""From a batch and what the tables held before to the rows that the tables hold after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kinolog.job import events as e
from kinolog.job.commit import Recorded
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel.time_buckets import micros, micros_between
from kinolog_projector.projection.batch import CommitBatch, JobCommits
from kinolog_projector.projection.counter_changes import CounterChanges
from kinolog_projector.projection.current_row import CurrentRow
from kinolog_projector.projection.rows import (
    Row,
    artifact_rows,
    attempt_row,
    job_row,
    next_percent,
    prompt_row,
    scene_rows,
    sort_keys,
    urgency_of,
)

FEED = {
    e.Submitted: "submitted",
    e.AttemptStarted: "attempt_started",
    e.AttemptFailed: "attempt_failed",
    e.CancelRequested: "cancel_requested",
    e.Cancelled: "cancelled",
    e.Reprioritized: "reprioritized",
    e.Completed: "completed",
    e.Failed: "failed",
    e.Retried: "retried",
    e.Erased: "erased",
}
"""What people want to read about, in the log's spelling; stages and the like are left to a job's own history."""


class JobRows:
    """Rows for the tables that hold jobs and their parts."""

    def __init__(self) -> None:
        self.jobs: list[Row] = []
        self.prompts: list[Row] = []
        self.scenes: list[Row] = []
        self.stages: dict[tuple[str, int, str, int], list[Any]] = {}
        self.attempts: list[Row] = []
        self.artifacts: list[Row] = []

    def stage_rows(self) -> list[Row]:
        """Rows of `stages`."""
        return [(*key, *times) for key, times in self.stages.items()]


class ProjectedRows:
    """Rows for every table of a projection: apart for jobs that are new to it and for those that it knows."""

    def __init__(self) -> None:
        self.new = JobRows()
        self.known = JobRows()
        self.erased: list[str] = []
        self.activity: list[Row] = []
        self.workers: dict[str, list[Any]] = {}
        self.tally = CounterChanges()


def project_batch(
    batch: CommitBatch, before: Mapping[str, CurrentRow], *, counting: bool = True
) -> ProjectedRows:
    """The rows that a batch leads to; without `counting` all but the counters.

    Raises `DamagedLog` when a job's history does not begin with its first commit.
    """
    folded = ProjectedRows()
    for job_id, its in batch.jobs.items():
        known = before.get(job_id)
        if known is None and not its.begins:
            raise DamagedLog(
                f"job {job_id} appears at position {its.commits[0].position} without its first commit"
            )
        walk = _JobProjection(folded, its, known)
        walk.run()
        walk.finish(batch, counting=counting)
    return folded


class _JobProjection:
    """Walks the events of one job in a batch, knowing its status and priority at each."""

    def __init__(self, folded: ProjectedRows, its: JobCommits, before: CurrentRow | None) -> None:
        self.folded = folded
        self.rows = folded.known if before else folded.new
        self.its = its
        self.before = before
        self.state: Job = its.state
        self.tenant = its.state.tenant
        self.status: str = before.status if before else ""
        self.urgency: int = before.urgency if before else 0
        self.queued_at = before.queued_at if before else its.state.created_at
        self.first_attempt_touched: int | None = None
        self.scenes_touched = False
        self.completed = False
        self.erased = False

    def run(self) -> None:
        """Walk."""
        activity = self.folded.activity
        for recorded in self.its.commits:
            commit = recorded.commit
            for index, event in enumerate(commit.events):
                kind = type(event)
                name = FEED.get(kind)
                if name is not None:
                    facts = (commit.job_id, name, commit.command.actor, event.at)
                    activity.append((self.tenant, recorded.position, index, *facts))
                handler = _HANDLERS.get(kind)
                if handler is not None:
                    handler(self, recorded, event)

    def finish(self, batch: CommitBatch, *, counting: bool) -> None:
        """Write down what has become of the job."""
        state, before, rows = self.state, self.before, self.rows
        number = before.number if before else self.its.commits[0].position
        keys = sort_keys(state, number, next_percent(state, before))
        kind = (state.status.value, keys.urgency, state.spec.model, state.spec.style)
        if counting:
            there = (before.keys, before.kind) if before else None
            self.folded.tally.move(self.tenant, there, (keys, kind))
        rows.jobs.append(job_row(state, keys, kind, self.queued_at, self.its.commits[-1].position, before))
        if self.erased or state.id in batch.prompts:
            prompts = None if self.erased else batch.prompts[state.id]
            rows.prompts.append(prompt_row(state, number, prompts))
        if self.erased and before:
            self.folded.erased.append(state.id)
        elif self.completed and not self.erased:
            rows.artifacts += artifact_rows(state)
        if self.scenes_touched:
            rows.scenes += scene_rows(state)
        if self.first_attempt_touched is not None:
            touched = state.attempts[max(0, self.first_attempt_touched - 1) :]
            rows.attempts += [attempt_row(state.id, attempt) for attempt in touched]

    def shift(self, event: e.Event, status: Status, **amounts: int) -> None:
        """The job goes to another status, at the time of the event."""
        for name in (Status.QUEUED, Status.PROCESSING):
            change = (status == name) - (self.status == name)
            if change:
                amounts[f"{name}_change"] = change
        self.status = status
        self.folded.tally.add(self.tenant, event.at, self.urgency, **amounts)

    def worker(self, attempt: int, position: int) -> list[Any]:
        """What is known of the worker of an attempt in this batch."""
        if not 0 < attempt <= len(self.state.attempts):
            raise DamagedLog(f"job {self.state.id} has no attempt {attempt}, as position {position} says")
        its = self.state.attempts[attempt - 1]
        row = self.folded.workers.setdefault(
            its.worker, [its.worker, its.runtime.hardware, position, position, 0, 0, 0]
        )
        row[2], row[3] = min(row[2], position), max(row[3], position)
        return row

    def touch(self, attempt: int) -> None:
        """An attempt changed; those behind it are written too."""
        if attempt and (self.first_attempt_touched is None or attempt < self.first_attempt_touched):
            self.first_attempt_touched = attempt


def _submitted(walk: _JobProjection, recorded: Recorded, event: e.Submitted) -> None:
    walk.urgency = urgency_of(event.priority)
    walk.shift(event, Status.QUEUED, submitted=1)


def _queued(walk: _JobProjection, recorded: Recorded, event: e.Queued) -> None:
    walk.urgency = urgency_of(event.priority)
    walk.queued_at = event.at
    if walk.status != Status.QUEUED:
        walk.shift(event, Status.QUEUED)


def _reprioritized(walk: _JobProjection, recorded: Recorded, event: e.Reprioritized) -> None:
    walk.urgency = urgency_of(event.priority)


def _scenes(walk: _JobProjection, recorded: Recorded, event: e.StoryboardPlanned | e.SceneRendered) -> None:
    walk.scenes_touched = True


def _erased(walk: _JobProjection, recorded: Recorded, event: e.Erased) -> None:
    walk.scenes_touched = walk.erased = True


def _attempt_started(walk: _JobProjection, recorded: Recorded, event: e.AttemptStarted) -> None:
    if event.attempt == 1:
        waited = micros_between(walk.state.created_at, event.at)
        walk.folded.tally.took(walk.tenant, "wait", event.at, waited)
    walk.shift(event, Status.PROCESSING)
    walk.touch(event.attempt)
    walk.worker(event.attempt, recorded.position)[4] += 1


def _attempt_failed(walk: _JobProjection, recorded: Recorded, event: e.AttemptFailed) -> None:
    walk.touch(event.attempt)
    walk.worker(event.attempt, recorded.position)[6] += 1


def _stage_started(walk: _JobProjection, recorded: Recorded, event: e.StageStarted) -> None:
    row = _stage(walk, event)
    if row[0] is None:
        row[0] = event.at


def _stage_finished(walk: _JobProjection, recorded: Recorded, event: e.StageFinished) -> None:
    row = _stage(walk, event)
    duration_us = micros(event.seconds)
    if row[1] is None:
        row[1] = duration_us / 1_000_000
    walk.folded.tally.took(walk.tenant, event.stage.value, event.at, duration_us)


def _stage(walk: _JobProjection, event: e.StageStarted | e.StageFinished) -> list[Any]:
    scene = -1 if event.scene is None else event.scene
    key = (walk.state.id, event.attempt, event.stage.value, scene)
    return walk.rows.stages.setdefault(key, [None, None])


def _completed(walk: _JobProjection, recorded: Recorded, event: e.Completed) -> None:
    walk.completed = True
    walk.touch(event.attempt)
    walk.worker(event.attempt, recorded.position)[5] += 1
    if walk.state.started_at is not None:
        took = micros_between(walk.state.started_at, event.at)
        walk.folded.tally.took(walk.tenant, "run", event.at, took)
    walk.shift(
        event,
        Status.COMPLETED,
        completed=1,
        video_us=micros(event.media.duration_seconds),
        gpu_us=micros(event.gpu_seconds),
    )


def _failed(walk: _JobProjection, recorded: Recorded, event: e.Failed) -> None:
    walk.touch(event.attempt)
    walk.shift(event, Status.FAILED, failed=1)


def _cancelled(walk: _JobProjection, recorded: Recorded, event: e.Cancelled) -> None:
    walk.touch(event.attempt)
    walk.shift(event, Status.CANCELLED, cancelled=1)


_HANDLERS: dict[type, Callable[[_JobProjection, Recorded, Any], None]] = {
    e.Submitted: _submitted,
    e.Queued: _queued,
    e.StoryboardPlanned: _scenes,
    e.SceneRendered: _scenes,
    e.Reprioritized: _reprioritized,
    e.Erased: _erased,
    e.AttemptStarted: _attempt_started,
    e.AttemptFailed: _attempt_failed,
    e.StageStarted: _stage_started,
    e.StageFinished: _stage_finished,
    e.Completed: _completed,
    e.Failed: _failed,
    e.Cancelled: _cancelled,
}
