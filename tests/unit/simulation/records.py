"""Records of jobs for tests of simulations. Times are seconds after 0."""

from __future__ import annotations

from typing import Any

from kinolog.job.values import Priority
from kinolog.simulation.fleet_simulation import RecordedQueue
from kinolog.simulation.job_record import AttemptRecord, JobStay
from kinolog.simulation.recorded_fleet import WorkerRecord, device_times


def job(
    name: str,
    at: float,
    seconds: float = 10.0,
    priority: Priority = Priority.MEDIUM,
    tenant: str = "a",
    model: str = "m",
    finishing: float = 0.0,
    **more: Any,
) -> JobStay:
    """Return a job that was drawn in so many seconds, on a worker of its own, as soon as it came."""
    start = more.get("waits_from", at)
    attempt = AttemptRecord(
        worker=name,
        started=start,
        left_device=start + seconds,
        ended=start + seconds + finishing,
        stage_seconds={"denoise": seconds},
    )
    facts: dict[str, Any] = {
        "attempts": [attempt],
        "outcome": "completed",
        "ended": attempt.ended,
        "model_class": model,
        "waits_from": at,
        "number": int(at * 1000),
    }
    return JobStay(
        job_id=name, tenant=tenant, model=model, priority=priority, cost=1, submitted=at, **(facts | more)
    )


def queue(jobs: list[JobStay], workers: int = 1, turnaround: float = 0.0) -> RecordedQueue:
    """Return a record with so many workers that are there all the time."""
    device_times(jobs)
    fleet = [WorkerRecord(name=f"w{number}") for number in range(workers)]
    return RecordedQueue(jobs=jobs, workers=fleet, turnaround_seconds=turnaround)
