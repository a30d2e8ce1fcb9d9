"""Projects a batch: from its commits and the current rows to the rows to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from kinolog.job import events as e
from kinolog.job.cost import job_cost
from kinolog.job.interruption import INTERRUPTED
from kinolog.job.names import stored_name
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.read_model import ACTIVITY_EVENTS
from kinolog.readmodel.priority_order import priority_order
from kinolog.readmodel.time_buckets import micros, micros_between
from kinolog_projector.projection.batch import CommitBatch, JobCommits
from kinolog_projector.projection.commits.commit_rows import commit_row, time_rows
from kinolog_projector.projection.commits.job_spells import JobSpells
from kinolog_projector.projection.current_row import CurrentRow
from kinolog_projector.projection.projected_rows import ProjectedRows, WorkerTotals
from kinolog_projector.projection.rows import (
    artifact_rows,
    attempt_row,
    counted_job,
    input_rows,
    job_row,
    prompt_row,
    scene_rows,
    thumbnail_rows,
    trigram_row,
)

ACTIVITY: dict[type[e.Event], str] = {event: stored_name(event) for event in ACTIVITY_EVENTS}
"""Stored names of the events in the activity feed."""

NOTHING = timedelta()
NO_SCENE = -1
"""Stored in `stages` for a stage that covers no single scene."""


def project_batch(
    batch: CommitBatch, current: Mapping[str, CurrentRow], *, counting: bool = True
) -> ProjectedRows:
    """Return the rows that a batch produces; without `counting` all but the counters.

    Raises `DamagedLog` if a job's history does not begin with its first commit.
    """
    projected = ProjectedRows(commit_times=time_rows(batch.commits))
    for job_id, commits in batch.jobs.items():
        row = current.get(job_id)
        if row is None and not commits.begins:
            raise DamagedLog(
                f"job {job_id} appears at position {commits.commits[0].position} without its first commit"
            )
        projection = _JobProjection(projected, commits, row)
        projection.apply_events()
        projected.commit_index += [
            commit_row(recorded, commits.state, batch.addresses) for recorded in commits.commits
        ]
        projection.add_rows(batch, counting=counting)
    return projected


class _JobProjection:
    """Projects the commits of one job: applies its events in order, tracking status and priority."""

    def __init__(self, projected: ProjectedRows, commits: JobCommits, before: CurrentRow | None) -> None:
        self.projected = projected
        self.counter_changes = projected.counter_changes
        self.rows = projected.known if before else projected.new
        self.commits = commits
        self.before = before
        self.state: Job = commits.state
        self.tenant = commits.state.tenant
        self.position = 0
        """Position of the commit whose events are being applied."""
        self.status: str = before.status if before else ""
        self.priority_order: int = before.urgency if before else 0
        self.queued_at = before.queued_at if before else commits.state.created_at
        self.number = before.number if before else commits.commits[0].position
        self.spells = JobSpells(self.state, self.number, before)
        self.stages: dict[tuple[int, str, int], dict[str, Any]] = {}
        self.keeps_place = False
        """Whether its last attempt was interrupted: it is queued with the age that it had."""
        self.first_changed_attempt: int | None = None
        self.scenes_changed = False
        self.completed = False
        self.erased = False

    def apply_events(self) -> None:
        """Apply the events of all commits."""
        for recorded in self.commits.commits:
            self.position = recorded.position
            for index, event in enumerate(recorded.commit.events):
                kind = type(event)
                self.spells.apply(event)
                name = ACTIVITY.get(kind)
                if name is not None:
                    self._add_activity(index, name, recorded.commit.command.actor, event.at)
                handler = _HANDLERS.get(kind)
                if handler is not None:
                    handler(self, event)
            self.spells.move(recorded, self.status, self.priority_order, self.queued_at)

    def _add_activity(self, index: int, event: str, actor: str, at: datetime) -> None:
        self.projected.activity.append(
            {
                "tenant": self.tenant,
                "position": self.position,
                "index": index,
                "job_id": self.state.id,
                "event": event,
                "actor": actor,
                "at": at,
            }
        )

    def add_rows(self, batch: CommitBatch, *, counting: bool) -> None:
        """Add the rows of the job as it is after its last commit."""
        state, before, rows = self.state, self.before, self.rows
        number = self.number
        self.projected.job_spells += self.spells.rows
        if self.spells.ended_at is not None:
            self.projected.ended_spells[number] = self.spells.ended_at
        counted = counted_job(state, number, before)
        if counting:
            self.counter_changes.move(self.tenant, before.counted if before else None, counted)
        new_bytes = sum(len(recorded.raw) for recorded in self.commits.commits)
        rows.jobs.append(
            job_row(
                state,
                counted=counted,
                queued_at=self.queued_at,
                position=self.position,
                new_bytes=new_bytes,
                before=before,
            )
        )
        rows.stages += self.stages.values()
        if self.erased or state.id in batch.prompts:
            prompts = None if self.erased else batch.prompts[state.id]
            rows.prompts.append(prompt_row(state, number, prompts))
            rows.prompt_trigrams.append(trigram_row(state, number, prompts))
        if self.erased and before:
            self.projected.erased[state.id] = number
        elif self.completed and not self.erased:
            rows.artifacts += artifact_rows(state)
        if before is None and not self.erased:
            rows.artifacts += input_rows(state)
        if self.scenes_changed:
            rows.scenes += scene_rows(state)
            rows.artifacts += thumbnail_rows(state)
        if self.first_changed_attempt is not None:
            changed = state.attempts[max(0, self.first_changed_attempt - 1) :]
            rows.attempts += [attempt_row(state.id, attempt) for attempt in changed]

    def change_status(self, event: e.Event, status: Status, **amounts: int) -> None:
        """Move the job to another status at the time of the event; `amounts` are columns of `rollups`."""
        self.counter_changes.add_to_depth(
            self.position,
            self.tenant,
            event.at,
            queued=(status == Status.QUEUED) - (self.status == Status.QUEUED),
            processing=(status == Status.PROCESSING) - (self.status == Status.PROCESSING),
        )
        self.status = status
        if amounts:
            self.counter_changes.add_to_rollup(self.tenant, event.at, self.priority_order, amounts)

    def add_duration(self, measure: str, at: datetime, duration_us: int) -> None:
        """Add a duration to the histogram of a measure."""
        self.counter_changes.add_duration(self.tenant, measure, at, duration_us)

    def worker_totals(self, attempt: int) -> WorkerTotals:
        """Return the totals of the worker of an attempt. Raises `DamagedLog` if the job has no such attempt."""
        if not 0 < attempt <= len(self.state.attempts):
            raise DamagedLog(
                f"position {self.position} names attempt {attempt} of job {self.state.id}, which has none"
            )
        started = self.state.attempts[attempt - 1]
        totals = self.projected.workers.get(started.worker)
        if totals is None:
            totals = self.projected.workers[started.worker] = WorkerTotals(
                worker=started.worker,
                hardware=started.runtime.hardware,
                first_position=self.position,
                last_position=self.position,
            )
        totals.first_position = min(totals.first_position, self.position)
        totals.last_position = max(totals.last_position, self.position)
        return totals

    def run_seconds(self, end: datetime) -> float:
        """Return the sum of the durations of the attempts that started before `end`, the end of the last of them."""
        attempts = [one for one in self.state.attempts if one.started_at <= end]
        runs = (min(one.ended_at or end, end) - one.started_at for one in attempts)
        return sum((max(NOTHING, run) for run in runs), NOTHING).total_seconds()

    def mark_attempt_changed(self, attempt: int) -> None:
        """Mark an attempt as changed; the later ones are written too."""
        if attempt and (self.first_changed_attempt is None or attempt < self.first_changed_attempt):
            self.first_changed_attempt = attempt

    def stage_row(self, event: e.StageStarted | e.StageFinished) -> dict[str, Any]:
        """Return the row of a stage, to be filled."""
        stage, scene = event.stage.value, NO_SCENE if event.scene is None else event.scene
        key = (event.attempt, stage, scene)
        row = self.stages.get(key)
        if row is None:
            row = self.stages[key] = {
                "job_id": self.state.id,
                "attempt": event.attempt,
                "stage": stage,
                "scene": scene,
                "started_at": None,
                "seconds": None,
            }
        return row


def _submitted(job: _JobProjection, event: e.Submitted) -> None:
    job.priority_order = priority_order(event.priority)
    job.change_status(event, Status.QUEUED, submitted=1, cost=job_cost(event.spec))


def _queued(job: _JobProjection, event: e.Queued) -> None:
    job.priority_order = priority_order(event.priority)
    if not job.keeps_place:
        job.queued_at = event.at if event.not_before is None else max(event.at, event.not_before)
    job.keeps_place = False
    if job.status != Status.QUEUED:
        job.change_status(event, Status.QUEUED)


def _retried(job: _JobProjection, event: e.Retried) -> None:
    job.keeps_place = False
    cost = {"cost": job_cost(job.state.spec)}
    job.counter_changes.add_to_rollup(job.tenant, event.at, job.priority_order, cost)


def _reprioritized(job: _JobProjection, event: e.Reprioritized) -> None:
    job.priority_order = priority_order(event.priority)


def _scenes_changed(job: _JobProjection, event: e.StoryboardPlanned | e.SceneRendered) -> None:
    job.scenes_changed = True


def _erased(job: _JobProjection, event: e.Erased) -> None:
    job.scenes_changed = job.erased = True


def _attempt_started(job: _JobProjection, event: e.AttemptStarted) -> None:
    if event.attempt == 1:
        job.add_duration("wait", event.at, micros_between(job.state.waits_from, event.at))
    job.change_status(event, Status.PROCESSING)
    job.mark_attempt_changed(event.attempt)
    job.worker_totals(event.attempt).attempts += 1


def _runtime_recorded(job: _JobProjection, event: e.RuntimeRecorded) -> None:
    job.mark_attempt_changed(event.attempt)


def _attempt_failed(job: _JobProjection, event: e.AttemptFailed) -> None:
    job.mark_attempt_changed(event.attempt)
    job.keeps_place = event.error.code in INTERRUPTED
    job.worker_totals(event.attempt).failed += event.error.counts


def _stage_started(job: _JobProjection, event: e.StageStarted) -> None:
    row = job.stage_row(event)
    if row["started_at"] is None:
        row["started_at"] = event.at


def _stage_finished(job: _JobProjection, event: e.StageFinished) -> None:
    row = job.stage_row(event)
    duration_us = micros(event.seconds)
    if row["seconds"] is None:
        row["seconds"] = duration_us / 1_000_000
    job.add_duration(row["stage"], event.at, duration_us)


def _completed(job: _JobProjection, event: e.Completed) -> None:
    job.completed = True
    job.mark_attempt_changed(event.attempt)
    job.worker_totals(event.attempt).completed += 1
    job.add_duration("run", event.at, micros(job.run_seconds(event.at)))
    job.change_status(
        event,
        Status.COMPLETED,
        completed=1,
        video_us=micros(event.media.duration_seconds),
        gpu_us=micros(event.gpu_seconds),
    )


def _failed(job: _JobProjection, event: e.Failed) -> None:
    job.mark_attempt_changed(event.attempt)
    job.change_status(event, Status.FAILED, failed=1)


def _cancelled(job: _JobProjection, event: e.Cancelled) -> None:
    job.mark_attempt_changed(event.attempt)
    job.change_status(event, Status.CANCELLED, cancelled=1)


_HANDLERS: dict[type, Callable[[_JobProjection, Any], None]] = {
    e.Submitted: _submitted,
    e.Queued: _queued,
    e.StoryboardPlanned: _scenes_changed,
    e.SceneRendered: _scenes_changed,
    e.Reprioritized: _reprioritized,
    e.Retried: _retried,
    e.Erased: _erased,
    e.AttemptStarted: _attempt_started,
    e.AttemptFailed: _attempt_failed,
    e.RuntimeRecorded: _runtime_recorded,
    e.StageStarted: _stage_started,
    e.StageFinished: _stage_finished,
    e.Completed: _completed,
    e.Failed: _failed,
    e.Cancelled: _cancelled,
}
