"""Jobs that have not started by their deadline, over a log in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest
from kinolog_projector.dispatch.rules import CheckTicket, ticket_changes
from kinolog_projector.dispatch.start_deadlines import StartDeadlines
from psycopg.errors import UndefinedColumn

from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.decide import START_TIMEOUT
from kinolog.job.values import Status
from kinolog.ports.read_model import ReadModelUnavailable
from tests.builders.jobs import submit
from tests.builders.memory_dispatch import MemoryDispatch
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until_true


async def submitted(dispatch: MemoryDispatch, seconds: int) -> str:
    """Submit a job that must start within seconds. Return its id."""
    job_id = new_id()
    await dispatch.send(job_id, submit(new_id(), start_timeout_seconds=seconds))
    return job_id


async def test_late_jobs_fail_once_and_lose_their_tickets() -> None:
    """Of the jobs that the read model names late only those fail that the log says have not started."""
    dispatch = MemoryDispatch()
    late, started, early = [await submitted(dispatch, seconds) for seconds in (60, 60, 7200)]
    await dispatch.start(started)

    async def late_starts(now: datetime) -> AsyncIterator[Sequence[str]]:
        assert now == dispatch.now
        yield [late, started]
        yield [early]

    deadlines = StartDeadlines(late_starts, CommandHandler(dispatch.store, dispatch.clock), dispatch.clock)
    assert await deadlines.expire() == []
    dispatch.advance(60)
    assert await deadlines.expire() == [late]
    assert await deadlines.expire() == []
    job = await dispatch.job(late)
    assert (job.status, job.error.code if job.error else "") == (Status.FAILED, START_TIMEOUT)
    assert ticket_changes((await dispatch.commits(late))[1:], dispatch.now) == [CheckTicket(late)]
    assert [(await dispatch.job(each)).status for each in (started, early)] == [
        Status.PROCESSING,
        Status.QUEUED,
    ]


@pytest.mark.parametrize(
    "trouble", [ReadModelUnavailable("it is away"), UndefinedColumn("it is of an old version")]
)
async def test_an_outage_of_the_read_model_delays_the_end(trouble: Exception) -> None:
    """While lists cannot be read nothing is ended; the next look ends what is late."""
    dispatch = MemoryDispatch()
    late, looks = await submitted(dispatch, 60), list[str]()
    dispatch.advance(61)

    async def late_starts(now: datetime) -> AsyncIterator[Sequence[str]]:
        looks.append("")
        if len(looks) == 1:
            raise trouble
        yield [late]

    deadlines = StartDeadlines(late_starts, CommandHandler(dispatch.store, dispatch.clock), dispatch.clock)
    async with background_task(deadlines.run(interval_seconds=0.001)):
        await until_true(lambda: len(looks) > 2, "two looks after the outage")
    assert (await dispatch.job(late)).status is Status.FAILED
