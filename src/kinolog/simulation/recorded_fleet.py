"""What follows from recorded attempts together: how long each used its device, and when workers were there. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from statistics import median

from kinolog.scheduling.next_job import START_SECONDS, TAKE_SECONDS
from kinolog.simulation.job_record import AttemptRecord, JobStay

ABSENT_SECONDS = 10.0
"""A worker whose device is free counts as absent while a job that it could start waits for longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """A worker: the classes of models that it served, all if it names none, and when it was there."""

    name: str
    classes: frozenset[str] | None = None
    present: tuple[tuple[float, float], ...] = ((-inf, inf),)

    def serves(self, model_class: str) -> bool:
        """Return whether it renders jobs of a class."""
        return self.classes is None or model_class in self.classes

    def present_seconds(self, start: float, end: float) -> float:
        """Return for how long it was there between two times."""
        return sum(max(0.0, min(end, until) - max(start, since)) for since, until in self.present)


@dataclass(slots=True)
class _Run:
    attempt: AttemptRecord
    job: JobStay


def device_times(jobs: Iterable[JobStay]) -> None:
    """Note in each attempt how long it used its device, and whether its worker was warm.

    The device of a worker is used by one job at a time: an attempt uses it from its start, or from when the one before
    has left it, until its files begin to be finished.
    """
    for runs in _runs_by_worker(jobs).values():
        free, model = -inf, ""
        for run in runs:
            attempt = run.attempt
            left = _left_device(attempt)
            attempt.device_seconds = max(0.0, left - max(attempt.started, free))
            attempt.was_warm = run.job.model == model
            free, model = max(free, left), run.job.model


def recorded_workers(jobs: Sequence[JobStay]) -> list[WorkerRecord]:
    """Return the workers of a record, and when they were there.

    The log does not say when a worker was absent, or a lane paused. It shows where a job waited although a worker that
    renders its class had nothing to do.
    """
    waits = _waits_by_class(jobs)
    found = []
    for name, runs in sorted(_runs_by_worker(jobs).items()):
        classes = frozenset(run.job.model_class for run in runs)
        served = [waits[each] for each in classes if each in waits]
        present, since, free = list[tuple[float, float]](), -inf, -inf
        for run in runs:
            start = run.attempt.started
            absent_from = min((each.first_between(free, start) for each in served), default=inf)
            if start - absent_from > ABSENT_SECONDS:
                present.append((since, absent_from))
                since = start
            free = max(free, run.attempt.ended if run.attempt.ended is not None else start)
        absent_from = min((each.first_between(free, inf) for each in served), default=inf)
        present.append((since, absent_from))
        spans = tuple(span for span in present if span[0] < span[1])
        found.append(WorkerRecord(name=name, classes=classes, present=spans))
    return found


def turnaround_seconds(jobs: Iterable[JobStay]) -> float:
    """Return how long after a job has left the device the next one starts that waits already, at the median.

    It is negative where workers start the next attempt before. Without such attempts it is what `next_job` says.
    """
    gaps = []
    for runs in _runs_by_worker(jobs).values():
        for before, run in pairwise(runs):
            left, start = _left_device(before.attempt), run.attempt.started
            waited = run.job.attempts[0] is run.attempt and run.job.waits_from < left - TAKE_SECONDS
            if waited and start - left <= ABSENT_SECONDS:
                gaps.append(max(start - left, -START_SECONDS))
    return median(gaps) if gaps else -START_SECONDS


class _LongWaits:
    """Times in which jobs of a class waited for longer than `ABSENT_SECONDS`."""

    def __init__(self, spans: list[tuple[float, float]]) -> None:
        spans.sort()
        self._spans = spans
        self._starts = [start for start, _ in spans]
        self._latest: list[float] = []
        latest = -inf
        for _, end in spans:
            latest = max(latest, end)
            self._latest.append(latest)

    def first_between(self, free: float, until: float) -> float:
        """Return since when a job waited although a worker was free in a span; infinite if none waited too long."""
        if until <= free:
            return inf
        index = bisect_right(self._starts, free)
        if index and self._latest[index - 1] > free + ABSENT_SECONDS:
            return free
        stop = bisect_left(self._starts, until - ABSENT_SECONDS)
        return self._starts[index] if index < stop else inf


def _waits_by_class(jobs: Sequence[JobStay]) -> dict[str, _LongWaits]:
    spans: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for job in jobs:
        end = job.started if job.started is not None else job.ended
        if end is not None and end - job.waits_from > ABSENT_SECONDS and not job.pauses:
            spans[job.model_class].append((job.waits_from, end))
    return {name: _LongWaits(found) for name, found in spans.items()}


def _runs_by_worker(jobs: Iterable[JobStay]) -> dict[str, list[_Run]]:
    found: defaultdict[str, list[_Run]] = defaultdict(list)
    for job in jobs:
        for attempt in job.attempts:
            found[attempt.worker].append(_Run(attempt, job))
    for runs in found.values():
        runs.sort(key=lambda run: run.attempt.started)
    return dict(found)


def _left_device(attempt: AttemptRecord) -> float:
    ends = [end for end in (attempt.left_device, attempt.ended) if end is not None]
    if ends:
        return min(ends)
    return attempt.started + sum(attempt.stage_seconds.values())
