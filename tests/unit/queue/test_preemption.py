"""Which jobs give their device to critical ones, and a simulated fleet in which that happens all the time."""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass

import pytest

from kinolog.job.values import Priority, Stage
from kinolog.process.settings import WorkerSettings
from kinolog.scheduling.lane_choice import LaneChoice
from kinolog.scheduling.preemption import DEAR_SECONDS, PREEMPTING, PREEMPTIONS, DrawnJob

MOST = 3


def drawn(priority: Priority = Priority.LOW, stage: Stage | None = Stage.DENOISE, **more: float) -> DrawnJob:
    """Return a job that uses a device."""
    return DrawnJob(priority=priority, stage=stage, preemptions=int(more.pop("preemptions", 0)), **more)


@pytest.mark.parametrize(
    ("job", "may"),
    [
        (drawn(), True),
        (drawn(Priority.MEDIUM), True),
        (drawn(Priority.HIGH), False),
        (drawn(Priority.CRITICAL), False),
        (drawn(stage=None), True),
        (drawn(stage=Stage.PREFETCH), True),
        (drawn(stage=Stage.DECODE), False),
        (drawn(stage=Stage.POSTPROCESS), False),
        (drawn(stage=Stage.ASSEMBLE), False),
        (drawn(preemptions=MOST - 1), True),
        (drawn(preemptions=MOST), False),
    ],
)
def test_a_job_is_preempted_while_it_draws_and_not_too_often(job: DrawnJob, may: bool) -> None:
    assert job.may_be_preempted(MOST) is may
    assert not job.may_be_preempted(0)


def test_a_job_is_preempted_as_often_as_the_setting_of_workers_says() -> None:
    assert WorkerSettings.model_fields["worker_preemptions"].default == PREEMPTIONS


def test_the_job_that_loses_least_goes_first() -> None:
    """A low one before a medium one. Of equals, one that loses little and has long to go."""
    jobs = [
        drawn(lost_seconds=DEAR_SECONDS - 1),
        drawn(lost_seconds=DEAR_SECONDS),
        drawn(Priority.MEDIUM, left_seconds=DEAR_SECONDS),
        drawn(Priority.MEDIUM, left_seconds=DEAR_SECONDS - 1),
    ]
    assert [job.reluctance for job in jobs] == [0, 1, 2, 3]


@dataclass
class SteppedJob:
    """A job that needs so many steps of a device."""

    number: int
    priority: Priority
    arrives: int
    steps: int
    preemptions: int = 0
    started: int | None = None
    ended: int | None = None
    waited_since: int = 0


def simulated(jobs: list[SteppedJob], workers: int, most_preemptions: int) -> None:
    """Let a fleet draw the jobs, a step of each worker at a time, and note when each ends.

    Lanes take turns as those of a worker do. A job that was preempted is the next one of its lane, and a critical job
    takes the device of no job that started while it waited already.
    """
    lanes: dict[Priority, deque[SteppedJob]] = {priority: deque() for priority in Priority}
    choices = [LaneChoice() for _ in range(workers)]
    drawing: list[SteppedJob | None] = [None] * workers
    coming, now = deque(sorted(jobs, key=lambda job: job.arrives)), 0
    while any(job.ended is None for job in jobs):
        while coming and coming[0].arrives <= now:
            job = coming.popleft()
            job.waited_since = now
            lanes[job.priority].append(job)
            _preempt_for(job, lanes, drawing, most_preemptions)
        for number, choice in enumerate(choices):
            if drawing[number] is None:
                drawing[number] = _next(choice, lanes, now)
            running = drawing[number]
            if running is not None:
                running.steps -= 1
                if not running.steps:
                    running.ended, drawing[number] = now, None
        now += 1


def _preempt_for(
    job: SteppedJob,
    lanes: dict[Priority, deque[SteppedJob]],
    drawing: list[SteppedJob | None],
    most_preemptions: int,
) -> None:
    """Let a critical job that has just come take a device, if none is free and it is the first of its lane."""
    if job.priority is not PREEMPTING or None in drawing or lanes[job.priority][0] is not job:
        return
    states = [
        (drawn(one.priority, preemptions=one.preemptions), number)
        for number, one in enumerate(drawing)
        if one is not None
    ]
    victims = [each for each in states if each[0].may_be_preempted(most_preemptions)]
    if not victims:
        return
    _, number = min(victims, key=lambda each: each[0].reluctance)
    victim = drawing[number]
    assert victim is not None
    victim.preemptions += 1
    lanes[victim.priority].appendleft(victim)
    lanes[job.priority].remove(job)
    drawing[number] = job


def _next(choice: LaneChoice, lanes: dict[Priority, deque[SteppedJob]], now: int) -> SteppedJob | None:
    for lane in choice.order(float(now)):
        waiting = lanes.get(Priority(lane)) if lane != "prefetch" else None
        if waiting:
            choice.record_served(lane, float(now))
            return waiting.popleft()
        choice.record_empty(lane, float(now))
    return None


@pytest.mark.parametrize("workers", [1, 4])
def test_of_200_mixed_jobs_none_starves(workers: int) -> None:
    """Critical jobs come so often that they could keep low ones from ever ending. All end, each preempted a few times.

    With preemption a critical job that finds the lane empty ends sooner, and the last low job not much later.
    """
    chance = random.Random(7)
    priorities = random.Random(3).choices(list(Priority), weights=[4, 2, 3, 3], k=200)
    ends: dict[int, int] = {}
    waits: dict[int, float] = {}
    for most in (0, MOST):
        chance.seed(7)
        jobs = [
            SteppedJob(number, priority, chance.randrange(4_000 // workers), chance.randrange(5, 40))
            for number, priority in enumerate(priorities)
        ]
        length = {job.number: job.steps for job in jobs}
        simulated(jobs, workers, most)
        assert max(job.preemptions for job in jobs) <= most
        critical = [job for job in jobs if job.priority is PREEMPTING]
        waits[most] = sum((job.ended or 0) - job.arrives - length[job.number] for job in critical) / len(
            critical
        )
        ends[most] = max(job.ended or 0 for job in jobs)
        counted = Counter(job.preemptions for job in jobs)
        assert most == 0 or sum(counted[n] for n in counted if n) > 5
    assert ends[MOST] <= ends[0] + 1
    assert waits[MOST] < 0.7 * waits[0]
