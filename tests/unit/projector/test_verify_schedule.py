"""The program that compares everything is run again and again, and its result becomes metrics and an alarm."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kinolog_projector.verify.schedule import VerifyAlarm, VerifySchedule

from tests.adapters.memory.alarms import MemoryAlarms
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until_true

NOW = datetime(2026, 11, 28, tzinfo=UTC)
WHOLE: dict[str, Any] = {"holds": True, "position": 12, "seconds": 1.5, "differences": []}
BROKEN = WHOLE | {"holds": False, "differences": ["lists: position 3, job a: lists lack the job"]}


def schedule(alarms: MemoryAlarms, *lines: str, every: timedelta | None = None) -> VerifySchedule:
    """Return a schedule of a program."""
    program = (sys.executable, "-c", "\n".join(("import sys", *lines)))
    alarm = VerifyAlarm(alarms, "verify", lambda: NOW)
    return VerifySchedule(every, alarm, lambda: NOW, program, first_seconds=0)


def printing(facts: dict[str, Any]) -> str:
    """Return a line of a program that prints the facts."""
    return f"print({json.dumps(facts)!r})"


async def test_a_difference_is_an_alarm_until_there_is_none() -> None:
    alarms = MemoryAlarms("projector")
    await schedule(alarms, printing(BROKEN), "sys.exit(1)").compare()
    (alarm,) = await alarms.current()
    assert (alarm.name, alarm.details) == ("verify", BROKEN["differences"][0])
    assert "lists lack" not in alarm.text
    await schedule(alarms, printing(WHOLE)).compare()
    assert not await alarms.current()


async def test_metrics_of_the_last_comparison() -> None:
    made = schedule(MemoryAlarms(), printing(WHOLE))
    assert not made.metrics()
    await made.compare()
    found = {metric.name.removeprefix("kinolog_verify_"): metric.value for metric in made.metrics()}
    assert found == {"holds": 1, "commits": 12, "seconds": 1.5, "end_seconds": NOW.timestamp()}


async def test_a_comparison_that_cannot_be_made(caplog: pytest.LogCaptureFixture) -> None:
    """The alarm stays as it is."""
    alarms = MemoryAlarms("projector")
    await schedule(alarms, printing(BROKEN)).compare()
    await schedule(alarms, "sys.exit('Postgres: away')").compare()
    assert "the comparison of everything ended early: Postgres: away" in caplog.text
    await schedule(alarms, "sys.exit(2)").compare()
    assert "ended early: exit status 2" in caplog.text
    assert len(await alarms.current()) == 1


async def test_it_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    """After the projector has caught up. Without an interval nothing runs."""
    caught_up = asyncio.Event()
    writer: Any = None
    await schedule(MemoryAlarms()).run(writer, caught_up)
    alarms = MemoryAlarms()
    made = schedule(alarms, printing(BROKEN), every=timedelta(microseconds=1))
    async with background_task(made.run(writer, caught_up)):
        caught_up.set()
        await until_true(lambda: caplog.text.count("lists lack the job") >= 2, "two comparisons")


async def test_a_program_ends_with_the_schedule() -> None:
    """A projector that stops does not leave it behind."""
    alarms = MemoryAlarms()
    made = schedule(alarms, "import time", "time.sleep(600)", every=timedelta(hours=1))
    caught_up = asyncio.Event()
    caught_up.set()
    writer: Any = None
    async with background_task(made.run(writer, caught_up)):
        await until_true(lambda: made.is_running, "the program")
    assert not made.is_running
