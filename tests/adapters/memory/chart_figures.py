"""Figures of charts, computed from all events of a tenant: what the memory read model answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import fmean, quantiles

from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.values import Priority, Stage, Status
from kinolog.ports import read_model as rm
from kinolog.readmodel.queries.time_spans import bucket_starts, choose_bucket
from kinolog.readmodel.time_buckets import BUCKET_SECONDS, bucket_start

History = Sequence[RecordedCommit]
MINUTE_SECONDS, HOUR_SECONDS = BUCKET_SECONDS[:2]


def overview(history: History, span: rm.TimeRange, now: dict[Status, int]) -> rm.Overview:
    """Return the figures at the top of a dashboard; `now` is the current number of jobs by status."""
    counts = Counter(type(event) for _, event in _events(history, span, MINUTE_SECONDS))
    completions = [ev for _, ev in _events(history, span, MINUTE_SECONDS) if isinstance(ev, e.Completed)]
    runs, waits = _runs(history, span), _waits(history, span)
    return rm.Overview(
        submitted=counts[e.Submitted],
        completed=counts[e.Completed],
        failed=counts[e.Failed],
        cancelled=counts[e.Cancelled],
        queued_now=now[Status.QUEUED],
        processing_now=now[Status.PROCESSING],
        mean_seconds=fmean(runs) if runs else None,
        p50_seconds=_percentile(runs, 50) if runs else None,
        p95_seconds=_percentile(runs, 95) if runs else None,
        mean_wait_seconds=fmean(waits) if waits else None,
        video_seconds=sum(event.media.duration_seconds for event in completions),
        gpu_seconds=sum(event.gpu_seconds for event in completions),
    )


def success_rates(history: History, span: rm.TimeRange) -> tuple[rm.PriorityEnds, ...]:
    """Return how jobs ended, by their priority at that time."""
    ends: Counter[tuple[Priority, type]] = Counter()
    for recorded, event in _events(history, span, MINUTE_SECONDS):
        ends[recorded.commit.state.priority, type(event)] += 1
    return tuple(
        rm.PriorityEnds(
            priority=priority,
            completed=ends[priority, e.Completed],
            failed=ends[priority, e.Failed],
            cancelled=ends[priority, e.Cancelled],
        )
        for priority in Priority
    )


def stage_times(history: History, span: rm.TimeRange) -> tuple[rm.StageTime, ...]:
    """Return how long stages took."""
    seconds: dict[Stage, list[float]] = {}
    for _, event in _events(history, span, HOUR_SECONDS):
        if isinstance(event, e.StageFinished):
            seconds.setdefault(event.stage, []).append(event.seconds)
    return tuple(
        rm.StageTime(
            stage=stage,
            count=len(seconds[stage]),
            mean_seconds=fmean(seconds[stage]),
            p50_seconds=_percentile(seconds[stage], 50),
            p95_seconds=_percentile(seconds[stage], 95),
        )
        for stage in Stage
        if stage in seconds
    )


def queue_depth(history: History, span: rm.TimeRange, bucket_seconds: int) -> rm.QueueDepth:
    """Return the depth at the end of each bucket, and the peaks in it."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    stored_seconds = max(seconds for seconds in BUCKET_SECONDS if bucket_seconds % seconds == 0)
    depths = _depths(history, stored_seconds)
    points = []
    for at in bucket_starts(start, span.end, bucket_seconds):
        end = at + timedelta(seconds=bucket_seconds)
        before = _depth_before(depths, at)
        within = [before, *(depth for when, depth in depths if at <= when < end)]
        busiest = max(
            within, key=lambda one: (one[Status.QUEUED] + one[Status.PROCESSING], one[Status.QUEUED])
        )
        points.append(
            rm.DepthPoint(
                at=at,
                queued=within[-1][Status.QUEUED],
                processing=within[-1][Status.PROCESSING],
                peak_queued=max(depth[Status.QUEUED] for depth in within),
                peak_processing=max(depth[Status.PROCESSING] for depth in within),
                busiest_queued=busiest[Status.QUEUED],
                busiest_processing=busiest[Status.PROCESSING],
            )
        )
    return rm.QueueDepth(tuple(points), bucket_seconds)


def trends(history: History, span: rm.TimeRange, bucket_seconds: int) -> rm.Trends:
    """Return how many jobs were submitted and ended in each bucket."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    counts: Counter[tuple[datetime, type]] = Counter()
    for recorded in history:
        for event in recorded.commit.events:
            counts[bucket_start(event.at, bucket_seconds), type(event)] += 1
    points = (
        rm.TrendPoint(
            at=at,
            submitted=counts[at, e.Submitted],
            completed=counts[at, e.Completed],
            failed=counts[at, e.Failed],
            cancelled=counts[at, e.Cancelled],
        )
        for at in bucket_starts(start, span.end, bucket_seconds)
    )
    return rm.Trends(tuple(points), bucket_seconds)


def _events(
    history: History, span: rm.TimeRange, bucket_seconds: int
) -> Iterator[tuple[RecordedCommit, e.Event]]:
    """Yield the events in the buckets that a span touches, with their commits."""
    start = bucket_start(span.start, bucket_seconds)
    for recorded in history:
        for event in recorded.commit.events:
            if start <= event.at and bucket_start(event.at, bucket_seconds) < span.end:
                yield recorded, event


def _runs(history: History, span: rm.TimeRange) -> list[float]:
    """Return the seconds of all attempts of each job that was completed in a span, counted from its history."""
    starts: dict[str, datetime] = {}
    seconds: defaultdict[str, float] = defaultdict(float)
    for recorded in history:
        job_id = recorded.commit.job_id
        for event in recorded.commit.events:
            if isinstance(event, e.AttemptStarted):
                starts[job_id] = event.at
            elif isinstance(event, e.AttemptFailed | e.Completed) and job_id in starts:
                seconds[job_id] += (event.at - starts.pop(job_id)).total_seconds()
    return [
        seconds[recorded.commit.job_id]
        for recorded, event in _events(history, span, HOUR_SECONDS)
        if isinstance(event, e.Completed)
    ]


def _waits(history: History, span: rm.TimeRange) -> list[float]:
    """Return the seconds from submission to first start of jobs that were first started in a span."""
    return [
        (event.at - recorded.commit.state.waits_from).total_seconds()
        for recorded, event in _events(history, span, HOUR_SECONDS)
        if isinstance(event, e.AttemptStarted) and event.attempt == 1
    ]


def _depths(history: History, bucket_seconds: int) -> list[tuple[datetime, Counter[Status]]]:
    """Return the number of jobs by status after each commit, with the start of its bucket.

    Buckets follow each other in time, commits of a bucket in the order of the log.
    """
    statuses: dict[str, Status] = {}
    depths: list[tuple[datetime, Counter[Status]]] = []
    for recorded in sorted(history, key=lambda one: bucket_start(one.commit.at, bucket_seconds)):
        statuses[recorded.commit.job_id] = recorded.commit.state.status
        depths.append((bucket_start(recorded.commit.at, bucket_seconds), Counter(statuses.values())))
    return depths


def _depth_before(depths: list[tuple[datetime, Counter[Status]]], at: datetime) -> Counter[Status]:
    earlier = [depth for when, depth in depths if when < at]
    return earlier[-1] if earlier else Counter()


def _percentile(values: list[float], percent: int) -> float:
    return values[0] if len(values) == 1 else quantiles(values, n=100, method="inclusive")[percent - 1]
