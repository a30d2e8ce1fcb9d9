"""Simulations against the record of a real queue: two workers, three tenants, two models, preemptions and cancels."""

from __future__ import annotations

import pytest

from kinolog.simulation.fleet_simulation import RecordedQueue, simulate
from kinolog.simulation.job_record import JobTimes, recorded_times
from kinolog.simulation.queue_settings import QueuePolicy, QueueSettings
from kinolog.simulation.wait_summary import ALL, GroupSummary, fleet_summary, group_summaries
from kinolog_cli.replay.log_files import open_log_file
from kinolog_cli.replay.what_if.recorded_jobs import RecordedJobs
from tests.recorded_queue import unpacked


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedQueue:
    """What a simulation begins with."""
    file = open_log_file(unpacked(tmp_path_factory.mktemp("log")), prompts=False)
    jobs = RecordedJobs()
    for commit in file.commits(RecordedJobs.events):
        jobs.apply(commit)
    file.close()
    return jobs.queue()


def summaries(times: list[JobTimes]) -> dict[tuple[str, str], GroupSummary]:
    """Return the summaries by kind and name."""
    return {(each.kind, each.name): each for each in group_summaries(times)}


def test_the_simulation_of_what_was_is_what_was(recorded: RecordedQueue) -> None:
    """Waits at the mean and at p95 within 5 % of all jobs; of each priority and tenant within 10 % and a second."""
    was = summaries(recorded_times(list(recorded.jobs)))
    simulated = summaries(simulate(recorded, QueueSettings()))
    assert was.keys() == simulated.keys()
    assert len(was) == 8
    for key, group in was.items():
        share, seconds = (0.05, 0.0) if key[0] == ALL else (0.1, 1.0)
        for name in ("mean_seconds", "p95_seconds"):
            real = getattr(group, name)
            assert abs(getattr(simulated[key], name) - real) <= share * real + seconds, (key, name)


def test_each_job_waits_about_as_long_as_it_did(recorded: RecordedQueue) -> None:
    """The error of single jobs is small beside the waits: orders agree, not only sums."""
    pairs = zip(recorded_times(list(recorded.jobs)), simulate(recorded, QueueSettings()), strict=True)
    waits = [(was.wait_seconds, now.wait_seconds) for was, now in pairs]
    errors = sorted(abs(now - was) for was, now in waits if was is not None and now is not None)
    assert len(errors) > 240
    assert errors[len(errors) // 2] < 1.5
    assert sum(errors) / len(errors) < 4.0


def test_other_rules_do_not_explain_the_record(recorded: RecordedQueue) -> None:
    """The comparison can fail: no other policy, number of workers or speed gives the waits that were."""
    was = summaries(recorded_times(list(recorded.jobs)))[ALL, ""].mean_seconds
    assert was is not None
    for settings in (
        QueueSettings(policy=QueuePolicy.FIFO),
        QueueSettings(policy=QueuePolicy.STRICT),
        QueueSettings(workers=3),
        QueueSettings(speed=1.2),
    ):
        mean = summaries(simulate(recorded, settings))[ALL, ""].mean_seconds
        assert mean is not None
        assert abs(mean - was) > 0.05 * was, settings


def test_the_workers_of_the_record(recorded: RecordedQueue) -> None:
    """Both were there all the time, and started attempts before their device was free."""
    assert len(recorded.workers) == 2
    assert all(worker.classes == frozenset({"short-card", "long-card"}) for worker in recorded.workers)
    assert -0.5 <= recorded.turnaround_seconds < 0
    fleet = fleet_summary(recorded_times(list(recorded.jobs)), recorded.workers)
    assert fleet.worker_seconds == pytest.approx(2 * fleet.makespan_seconds)
    assert 0.8 < fleet.used_share < 1.0
