"""Stages that a worker records together."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.decide import LeaseLost
from kinolog.job.values import Runtime, Stage
from kinolog.ports.event_store import LoadedJob
from tests.builders.jobs import submit
from tests.strategies import START
from tests.unit.job.deciding import decided


@pytest.fixture
def running() -> LoadedJob:
    """A job that `worker-1` started one second after it was submitted."""
    _, loaded = decided(None, submit(), START)
    start = c.StartAttempt(id=new_id(), actor="worker-1", runtime=Runtime())
    return decided(loaded, start, START + timedelta(seconds=1))[1]


def record(*marks: c.StageMark, worker: str = "worker-1") -> c.RecordStages:
    """Return the command of the first attempt with these marks."""
    return c.RecordStages(id=new_id(), actor=worker, attempt=1, marks=marks)


def seconds(count: float) -> datetime:
    """Return the time that long after the submit."""
    return START + timedelta(seconds=count)


def test_one_commit_records_many_stages_at_their_own_times(running: LoadedJob) -> None:
    """Each mark becomes an event at the time when its stage started or finished."""
    command = record(
        c.StageMark(stage=Stage.PREFETCH, scene=None, at=seconds(2)),
        c.StageMark(stage=Stage.PREFETCH, scene=None, at=seconds(3), seconds=1.0),
        c.StageMark(stage=Stage.DENOISE, scene=0, at=seconds(3.5)),
    )
    events, after = decided(running, command, seconds(4))
    assert events == (
        e.StageStarted(at=seconds(2), attempt=1, stage=Stage.PREFETCH, scene=None),
        e.StageFinished(at=seconds(3), attempt=1, stage=Stage.PREFETCH, seconds=1.0, scene=None),
        e.StageStarted(at=seconds(3.5), attempt=1, stage=Stage.DENOISE, scene=0),
    )
    assert [(state.stage, state.seconds) for state in after.job.stages] == [
        (Stage.PREFETCH, 1.0),
        (Stage.DENOISE, None),
    ]


def test_times_never_leave_the_order_of_events(running: LoadedJob) -> None:
    """A mark from before the job's last event, or from the future, is moved between that event and now."""
    command = record(
        c.StageMark(stage=Stage.PREFETCH, scene=None, at=seconds(0)),
        c.StageMark(stage=Stage.PREFETCH, scene=None, at=seconds(9), seconds=9.0),
    )
    events, _ = decided(running, command, seconds(4))
    assert [event.at for event in events] == [seconds(1), seconds(4)]


def test_a_clock_that_was_set_back_between_two_marks(running: LoadedJob) -> None:
    """A mark with an earlier time than the mark before it is moved to that one's time."""
    command = record(
        c.StageMark(stage=Stage.PREFETCH, scene=None, at=seconds(3)),
        c.StageMark(stage=Stage.PREFETCH, scene=None, at=seconds(2), seconds=1.0),
        c.StageMark(stage=Stage.DENOISE, scene=0, at=seconds(3.5)),
    )
    events, _ = decided(running, command, seconds(4))
    assert [event.at for event in events] == [seconds(3), seconds(3), seconds(3.5)]


def test_only_the_holder_records(running: LoadedJob) -> None:
    """A worker that does not hold the attempt has lost the lease."""
    with pytest.raises(LeaseLost):
        decided(
            running,
            record(c.StageMark(stage=Stage.PREFETCH, scene=None, at=START), worker="worker-2"),
            seconds(4),
        )
