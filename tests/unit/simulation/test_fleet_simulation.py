"""Simulated fleets with answers that are known, and laws of all of them."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinolog.job.values import Priority
from kinolog.simulation.fleet_simulation import RecordedQueue, simulate
from kinolog.simulation.job_record import AttemptRecord, JobStay, JobTimes
from kinolog.simulation.queue_settings import QueuePolicy, QueueSettings
from kinolog.simulation.recorded_fleet import WorkerRecord
from tests.unit.simulation.records import job, queue

FAIR, STRICT, FIFO = (QueueSettings(policy=policy, preemptions=0) for policy in QueuePolicy)
LOW, MEDIUM, HIGH, CRITICAL = Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.CRITICAL


def starts(jobs: list[JobStay], settings: QueueSettings = FAIR, workers: int = 1) -> list[float | None]:
    """Return when each job starts."""
    return [times.started for times in simulate(queue(jobs, workers), settings)]


def order(jobs: list[JobStay], settings: QueueSettings, workers: int = 1) -> list[str]:
    """Return the names of jobs in the order in which they start."""
    times = simulate(queue(jobs, workers), settings)
    started = [(each.started, one.job_id) for each, one in zip(times, jobs, strict=True)]
    return [name for _, name in sorted((at, name) for at, name in started if at is not None)]


def test_one_worker_draws_one_job_after_the_other() -> None:
    jobs = [job("a", 0.0), job("b", 3.0), job("c", 30.0)]
    assert starts(jobs) == [0.0, 10.0, 30.0]
    assert starts(jobs, workers=2) == [0.0, 3.0, 30.0]


def test_files_are_finished_while_the_next_job_is_drawn() -> None:
    """The device does not wait for them. But a worker has two jobs at most."""
    assert starts([job(name, 0.0, finishing=4.0) for name in "abc"]) == [0.0, 10.0, 20.0]
    times = simulate(queue([job(name, 0.0, finishing=25.0) for name in "abc"]), FAIR)
    assert [each.ended for each in times] == [35.0, 45.0, 70.0]


def test_the_next_attempt_starts_before_the_device_is_free() -> None:
    """It does where the record says so, and uses the device no sooner."""
    times = simulate(queue([job("a", 0.0), job("b", 0.0)], turnaround=-0.5), FAIR)
    assert [(each.started, each.ended) for each in times] == [(0.0, 10.0), (9.5, 20.0)]


def test_strict_priorities_and_first_come_first_served() -> None:
    jobs = [
        job("first", 0.0),
        job("low", 1.0, priority=LOW),
        job("old", 2.0),
        job("high", 3.0, priority=HIGH),
    ]
    assert order(jobs, STRICT) == ["first", "high", "old", "low"]
    assert order(jobs, FIFO) == ["first", "low", "old", "high"]


def test_lanes_take_turns_by_their_weights() -> None:
    """Of three full lanes four jobs are high, two medium and one is low, in turn."""
    jobs = [
        job(f"{priority.value}-{number}", 0.001 * number, 1.0, priority)
        for priority in (LOW, MEDIUM, HIGH)
        for number in range(40)
    ]
    taken = Counter(name.partition("-")[0] for name in order(jobs, FAIR)[:28])
    assert taken == {"high": 16, "medium": 8, "low": 4}
    even = QueueSettings(
        preemptions=0, lane_weights={"critical": 1, "high": 1, "medium": 1, "low": 1, "prefetch": 1}
    )
    assert set(Counter(name.partition("-")[0] for name in order(jobs, even)[:30]).values()) == {10}


def test_tenants_share_a_lane_by_their_weights() -> None:
    jobs = [job("now", 0.0, 5.0, tenant="c")]
    jobs += [job(f"a{number}", 1.0, 1.0, tenant="a") for number in range(300)]
    jobs += [job(f"b{number}", 2.0, 1.0, tenant="b") for number in range(300)]
    assert Counter(name[0] for name in order(jobs, FAIR)[1:201]) == {"a": 100, "b": 100}
    weighted = QueueSettings(tenant_weights={"b": 3.0})
    assert Counter(name[0] for name in order(jobs, weighted)[1:201]) == {"a": 50, "b": 150}
    assert Counter(name[0] for name in order(jobs, FIFO)[1:201]) == {"a": 200}


def test_a_critical_job_takes_the_device_of_a_low_one() -> None:
    """That goes on where it was, so both take as long as without it."""
    jobs = [job("low", 0.0, 100.0, LOW), job("critical", 20.0, 10.0, CRITICAL)]
    low, critical = simulate(queue(jobs), QueueSettings())
    assert (critical.started, critical.ended) == (20.0, 30.0)
    assert (low.started, low.ended, low.device_seconds) == (0.0, 110.0, 100.0)
    assert starts(jobs) == [0.0, 100.0]
    assert starts([job("high", 0.0, 100.0, HIGH), jobs[1]], QueueSettings()) == [0.0, 100.0]


def test_a_job_is_stopped_at_most_as_often_as_it_may_be() -> None:
    jobs = [job("low", 0.0, 100.0, LOW)]
    jobs += [job(f"critical{number}", 10.0 * (number + 1), 1.0, CRITICAL) for number in range(5)]
    assert starts(jobs, QueueSettings())[:5] == [0.0, 10.0, 20.0, 30.0, 103.0]


def test_a_stopped_job_goes_on_with_a_worker_that_waits() -> None:
    """One that could not have drawn the critical job."""
    jobs = [job("low", 0.0, 100.0, LOW, model="x"), job("critical", 20.0, 10.0, CRITICAL, model="y")]
    fleet = [
        WorkerRecord(name="both", classes=frozenset({"x", "y"})),
        WorkerRecord(name="one", classes=frozenset({"x"})),
    ]
    recorded = RecordedQueue(jobs=queue(jobs).jobs, workers=fleet, turnaround_seconds=0.0)
    low, critical = simulate(recorded, QueueSettings())
    assert (critical.started, critical.ended) == (20.0, 30.0)
    assert (low.started, low.ended) == (0.0, 100.0)


def test_the_low_job_is_stopped_before_the_medium_one() -> None:
    jobs = [job("medium", 0.0, 100.0), job("low", 0.0, 100.0, LOW), job("critical", 5.0, 10.0, CRITICAL)]
    times = simulate(queue(jobs, workers=2), QueueSettings())
    assert [each.ended for each in times] == [100.0, 110.0, 15.0]


def test_speed_divides_the_work_of_the_device() -> None:
    record = job("a", 0.0, finishing=4.0)
    record.attempts[0].stage_seconds = {"prefetch": 2.0, "denoise": 6.0}
    (times,) = simulate(queue([record]), QueueSettings(speed=2.0))
    assert times.ended == pytest.approx(2.0 + 3.0 + 2.0 + 4.0)


def test_a_model_is_loaded_where_it_is_not() -> None:
    """A worker that draws another model in between loads the first one again: as long as such loads took."""
    jobs = [
        job(f"{model}{number}", 100.0 * number, 10.0, model=model) for number in range(4) for model in "mn"
    ]
    for record in jobs:
        record.attempts[0].worker = record.model
        is_first = record.attempts[0].started == 0.0
        record.attempts[0].stage_seconds = {"prefetch": 4.0 if is_first else 0.0, "denoise": 6.0}
    alone = simulate(queue(jobs, workers=1), FAIR)
    assert sum(each.device_seconds for each in alone) == 2 * 10 + 6 * (10 + 4)
    beside = simulate(queue(jobs, workers=2), FAIR)
    assert sum(each.device_seconds for each in beside) == 80


def test_a_failed_attempt_is_repeated_after_its_pause() -> None:
    record = job("a", 0.0)
    record.attempts[0].retried, record.attempts[0].pause_seconds = True, 5.0
    record.attempts.append(AttemptRecord(worker="a", started=15.0, ended=45.0, left_device=45.0))
    times = simulate(queue([record, job("b", 1.0)]), FAIR)
    assert [(each.started, each.ended) for each in times] == [(0.0, 50.0), (10.0, 20.0)]


def test_interrupted_attempts_are_one_piece_of_work() -> None:
    """What was done before an interruption is not repeated."""
    record = job("a", 0.0)
    record.attempts[0].error, record.attempts[0].retried = "PREEMPTED", True
    record.attempts.append(AttemptRecord(worker="a", started=50.0, ended=70.0, left_device=70.0))
    (times,) = simulate(queue([record]), FAIR)
    assert (times.started, times.ended) == (0.0, 30.0)


def test_what_clients_do_happens_at_its_time() -> None:
    """Start times, deadlines, cancels, priorities and pauses."""
    later = job("later", 0.0, waits_from=50.0)
    late = job("late", 0.0, start_before=5.0, attempts=[], outcome="failed", ended=5.0)
    cancelled = job("cancelled", 1.0, cancelled=8.0, attempts=[], outcome="cancelled", ended=8.0)
    stopped = job("stopped", 0.0, cancelled=4.0, outcome="cancelled", ended=4.0)
    raised = job("raised", 2.0, priority=LOW, changes=[(3.0, CRITICAL)])
    paused = job("paused", 3.0, pauses=[(3.5, 40.0)])
    jobs = [stopped, late, cancelled, raised, job("other", 2.5), paused, later]
    found = simulate(queue(jobs), STRICT)
    assert [each.started for each in found] == [0.0, None, None, 4.0, 14.0, 40.0, 50.0]
    assert found[1].ended == 5.0
    assert found[0].ended == 4.0
    assert found[2].ended == 8.0


def test_a_running_job_is_paused_and_goes_on() -> None:
    jobs = [job("a", 0.0, pauses=[(4.0, 20.0)]), job("b", 1.0)]
    times = simulate(queue(jobs), FAIR)
    assert [(each.started, each.ended) for each in times] == [(0.0, 26.0), (4.0, 14.0)]


def test_a_job_that_never_ended_takes_what_is_usual() -> None:
    """At its cost. Without any job that ended it takes no time."""
    known = job("known", 0.0)
    open_job = job("open", 0.0, attempts=[], outcome="", ended=None)
    open_job.cost = 3
    times = simulate(queue([known, open_job]), FAIR)
    assert times[1].ended == 40.0
    assert simulate(queue([open_job]), FAIR)[0].ended == 0.0


def test_workers_render_their_classes_while_they_are_there() -> None:
    jobs = [job("m", 0.0, model="m"), job("n", 0.0, model="n")]
    recorded = queue(jobs)
    late = WorkerRecord(name="late", classes=frozenset("n"), present=((30.0, 60.0),))
    other = WorkerRecord(name="other", classes=frozenset("m"))
    times = simulate(RecordedQueue(jobs=recorded.jobs, workers=[late, other]), QueueSettings())
    assert [each.started for each in times] == [0.0, 30.0]
    assert late.present_seconds(0.0, 50.0) == 20.0
    everywhere = simulate(RecordedQueue(jobs=recorded.jobs, workers=[late, other]), QueueSettings(workers=2))
    assert [each.started for each in everywhere] == [0.0, 0.0]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 300),
            st.floats(0.1, 60),
            st.sampled_from(list(Priority)),
            st.sampled_from("abc"),
            st.sampled_from("mn"),
            st.floats(0, 20),
        ),
        max_size=60,
    ),
    st.sampled_from(list(QueuePolicy)),
    st.integers(1, 5),
    st.sampled_from([-0.5, 0.0, 0.3]),
)
def test_laws_of_all_simulations(
    drawn: list[tuple[float, float, Priority, str, str, float]],
    policy: QueuePolicy,
    workers: int,
    turnaround: float,
) -> None:
    """Every job starts once it can and ends, no work is lost, and no more is done than the workers can."""
    jobs = [
        job(str(number), at, seconds, priority, tenant, model, finishing)
        for number, (at, seconds, priority, tenant, model, finishing) in enumerate(drawn)
    ]
    recorded = queue(jobs, workers, turnaround)
    times = simulate(recorded, QueueSettings(policy=policy))
    assert times == simulate(recorded, QueueSettings(policy=policy))
    for each, (at, seconds, *_) in zip(times, drawn, strict=True):
        assert each.started is not None
        assert each.ended is not None
        assert each.started >= at
        assert each.ended >= each.started + seconds - 1e-6
        assert each.device_seconds == pytest.approx(seconds)
    _check_capacity(times, workers)


def _check_capacity(times: list[JobTimes], workers: int) -> None:
    ends = [each.ended for each in times if each.ended is not None]
    if ends:
        begin = min(each.waits_from for each in times)
        assert sum(each.device_seconds for each in times) <= workers * (max(ends) - begin) + 1e-6


def test_many_jobs_of_many_tenants() -> None:
    """All policies end them all."""
    chance = random.Random(3)
    jobs = [
        job(
            str(number),
            chance.uniform(0, 6_000),
            chance.uniform(1, 20),
            chance.choice(list(Priority)),
            f"t{chance.randrange(300)}",
        )
        for number in range(600)
    ]
    recorded = queue(jobs, workers=1)
    for policy in QueuePolicy:
        assert all(each.ended is not None for each in simulate(recorded, QueueSettings(policy=policy)))
