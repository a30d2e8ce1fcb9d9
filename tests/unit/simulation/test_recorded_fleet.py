"""What follows from recorded attempts: device times, absences of workers, the pause between two attempts."""

from __future__ import annotations

from math import inf

from kinolog.scheduling.next_job import START_SECONDS
from kinolog.simulation.job_record import AttemptRecord, JobStay
from kinolog.simulation.recorded_fleet import device_times, recorded_workers, turnaround_seconds
from kinolog.simulation.wait_summary import percentile
from tests.unit.simulation.records import job


def on(worker: str, came: float, started: float, left: float, ended: float | None = None) -> JobStay:
    """Return a job that a worker drew."""
    record = job(f"{worker}{started}", came)
    record.attempts = [
        AttemptRecord(
            worker=worker, started=started, left_device=left, ended=ended if ended is not None else left
        )
    ]
    record.ended = record.attempts[0].ended
    return record


def test_a_device_is_used_by_one_job_at_a_time() -> None:
    """An attempt that starts before the device is free does not use it before."""
    jobs = [on("w", 0, 0, 10, 15), on("w", 1, 9.5, 30), on("w", 34, 35, 36), on("v", 0, 3, 8)]
    device_times(jobs)
    assert [record.device_seconds for record in jobs] == [10, 20, 1, 5]
    assert [record.attempts[0].was_warm for record in jobs] == [False, True, True, False]
    assert turnaround_seconds(jobs) == -0.5
    assert turnaround_seconds([]) == -START_SECONDS


def test_a_worker_is_absent_while_a_job_waits_that_it_could_start() -> None:
    """Not while nothing waits, and not for the pause between two jobs."""
    jobs = [on("w", 0, 0, 10), on("w", 50, 50, 60), on("w", 55, 61, 70), on("w", 80, 200, 210)]
    (worker,) = recorded_workers(jobs)
    assert worker.present == ((-inf, 80), (200, inf))
    jobs.append(on("v", 0, 5, 300))
    both = recorded_workers(jobs)
    assert [each.name for each in both] == ["v", "w"]
    assert both[1].present == worker.present


def test_a_worker_that_goes_leaves_its_jobs_to_others() -> None:
    """After its last attempt a job waited until another worker was free."""
    jobs = [on("w", 0, 0, 10), on("v", 0, 0, 100), on("v", 20, 100, 130)]
    found = {worker.name: worker.present for worker in recorded_workers(jobs)}
    assert found == {"w": ((-inf, 20),), "v": ((-inf, inf),)}


def test_a_job_of_another_class_says_nothing_of_a_worker() -> None:
    jobs = [on("w", 0, 0, 10), on("v", 0, 0, 100), on("v", 20, 100, 130)]
    for record in jobs[1:]:
        record.model_class = "other"
    found = {worker.name: worker.present for worker in recorded_workers(jobs)}
    assert found["w"] == ((-inf, inf),)


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([1.0], 0.95) == 1.0
    assert percentile([0.0, 10.0], 0.5) == 5.0
    assert percentile([float(value) for value in range(101)], 0.95) == 95.0
