"""Conformance of the alarms that all processes see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.alarms import KNOWN_SECONDS, MAX_ALARMS, Alarm, Alarms, AlarmSeverity, public_alarms
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.alarms import Board, MemoryAlarms
from tests.fixtures.log import connected, server_of
from tests.fixtures.waits import until

AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
SLOW = Alarm(
    name="database-behind", severity=AlarmSeverity.WARNING, text="lists are stale", source="raiser", since=AT
)
FULL = replace(
    SLOW, name="storage-full", severity=AlarmSeverity.REFUSE_WRITES, text="make room", details="job 7 waits"
)


def facts(alarms: tuple[Alarm, ...]) -> tuple[Alarm, ...]:
    """Return alarms without the instances of their processes, which are new with every start."""
    assert all(alarm.instance for alarm in alarms)
    return tuple(replace(alarm, instance="") for alarm in alarms)


@dataclass
class AlarmPair:
    """The alarms of a process that raises some, and those of another process."""

    raiser: Alarms
    reader: Alarms

    twin: Alarms
    """Those of a third process, with the source of the first."""

    async def until(self, met: Callable[[tuple[Alarm, ...]], bool]) -> tuple[Alarm, ...]:
        """Read in the other process until the alarms are as required: they are announced without waiting."""
        return facts(await until(self.reader.current, "the alarms", met))


@pytest.fixture(params=["memory", "one server", "three replicas"])
async def alarms(request: pytest.FixtureRequest) -> AsyncIterator[AlarmPair]:
    """No alarms, of each kind."""
    if request.param == "memory":
        board: Board = {}
        raiser, reader, twin = (MemoryAlarms(source, board) for source in ("raiser", "reader", "raiser"))
        yield AlarmPair(raiser, reader, twin)
        return
    server = server_of(request, request.param)
    async with AsyncExitStack() as stack:
        raising = await stack.enter_async_context(connected(server, Service.PROJECTOR))
        reading = await stack.enter_async_context(connected(server, Service.API))
        announced = (
            NatsAlarms(raising, "raiser"),
            NatsAlarms(reading, "reader"),
            NatsAlarms(raising, "raiser"),
        )
        for each in announced:
            await each.open()
            stack.push_async_callback(each.close)
        yield AlarmPair(*announced)


async def test_at_first_there_are_no_alarms(alarms: AlarmPair) -> None:
    """Nothing is known before something is raised; clearing it is no error."""
    await alarms.raiser.clear(FULL.name)
    assert await alarms.raiser.current() == await alarms.reader.current() == ()


async def test_alarms_are_seen_by_all(alarms: AlarmPair) -> None:
    """Raised alarms are read back with every field, those that refuse writes first, by their own process too."""
    await alarms.raiser.raise_alarm(SLOW)
    await alarms.raiser.raise_alarm(FULL)
    assert await alarms.until(lambda found: len(found) == 2) == (FULL, SLOW)
    assert facts(await alarms.raiser.current()) == (FULL, SLOW)


async def test_an_alarm_that_is_raised_again_keeps_its_start(alarms: AlarmPair) -> None:
    """The text and severity of the last time count, the start of the first."""
    await alarms.raiser.raise_alarm(FULL)
    again = replace(FULL, text="make more room", severity=AlarmSeverity.WARNING)
    await alarms.raiser.raise_alarm(replace(again, since=AT + timedelta(minutes=5)))
    assert await alarms.until(lambda found: again in facts(found)) == (again,)


async def test_a_cleared_alarm_is_over(alarms: AlarmPair) -> None:
    """A process clears its own alarms only."""
    await alarms.raiser.raise_alarm(FULL)
    await alarms.raiser.raise_alarm(SLOW)
    await alarms.until(lambda found: len(found) == 2)
    await alarms.reader.clear(FULL.name)
    await alarms.raiser.clear(SLOW.name)
    assert await alarms.until(lambda found: len(found) == 1) == (FULL,)
    assert facts(await alarms.raiser.current()) == (FULL,)


async def test_two_processes_raise_the_same_alarm(alarms: AlarmPair) -> None:
    """Alarms of the same name stand beside each other, one per process."""
    await alarms.raiser.raise_alarm(FULL)
    await alarms.reader.raise_alarm(FULL)
    found = await alarms.until(lambda found: len(found) == 2)
    assert [alarm.source for alarm in found] == ["raiser", "reader"]


async def test_a_process_does_not_clear_the_alarm_of_another_with_its_source(alarms: AlarmPair) -> None:
    """Of two processes that find the same trouble, one may still have it when it is over for the other."""
    await alarms.raiser.raise_alarm(FULL)
    await alarms.twin.raise_alarm(replace(FULL, since=AT + timedelta(minutes=5)))
    await alarms.until(lambda found: len(found) == 2)
    (shown,) = public_alarms(await alarms.reader.current())
    assert (shown.since, shown.instance, shown.details) == (AT, "", "")
    await alarms.twin.clear(FULL.name)
    assert await alarms.until(lambda found: len(found) == 1) == (FULL,)
    await alarms.raiser.clear(FULL.name)
    assert await alarms.until(lambda found: not found) == ()


async def test_alarms_that_are_left_outlive_their_process(alarms: AlarmPair) -> None:
    """A process that ends because of a trouble leaves its alarm. What it raises later is a new one."""
    await alarms.raiser.raise_alarm(FULL)
    await alarms.until(lambda found: FULL in facts(found))  # a cluster forwards what it knows to be wanted
    await alarms.raiser.leave()
    await alarms.raiser.clear(FULL.name)
    await alarms.raiser.raise_alarm(SLOW)
    assert await alarms.until(lambda found: SLOW in facts(found)) == (FULL, SLOW)


def test_the_text_of_an_alarm_names_no_job() -> None:
    """Every tenant reads the text. With an id of a job in it, the whole text is a detail too."""
    job_id = "a1b2c3d4e5f6g7h8i9j0k1l2m3"
    alarm = replace(SLOW, text=f"evt.job.{job_id} is damaged", details="position 7")
    assert (alarm.text, alarm.details) == ("evt.job.… is damaged", f"evt.job.{job_id} is damaged position 7")
    assert replace(alarm) == alarm


@pytest.mark.parametrize("kind", ["memory", "one server"])
async def test_alarms_of_a_process_that_died_expire(kind: str, request: pytest.FixtureRequest) -> None:
    """An alarm that is not announced again is forgotten; the own ones stay."""
    now = 100.0
    if kind == "memory":
        board: Board = {}
        await MemoryAlarms("dead", board, lambda: 100.0).raise_alarm(FULL)
        now = 100.0 + KNOWN_SECONDS
        assert await MemoryAlarms("reader", board, lambda: now).current() == ()
        return
    server: NatsServer = request.getfixturevalue("nats_server")
    async with connected(server, Service.WORKER) as raising, connected(server, Service.API) as reading:
        reader = NatsAlarms(reading, "reader", now=lambda: now)
        await reader.open()
        await reader.raise_alarm(SLOW)
        dying = NatsAlarms(raising, "dead")  # never opened: it announces nothing by itself
        await dying.raise_alarm(FULL)
        await until(reader.current, "the alarms", lambda found: len(found) == 2)
        now = 100.0 + KNOWN_SECONDS
        assert [alarm.name for alarm in await reader.current()] == [SLOW.name]
        await reader.close()


async def test_a_process_that_starts_learns_what_stands(nats_server: NatsServer) -> None:
    """A new process requests the alarms and does not wait for the next announcement."""
    async with (
        connected(nats_server, Service.PROJECTOR) as raising,
        connected(nats_server, Service.API) as late,
    ):
        raiser, reader = NatsAlarms(raising, "raiser"), NatsAlarms(late, "reader")
        await raiser.open()
        await raiser.raise_alarm(FULL)
        await raising.flush()
        await reader.open()
        await until(reader.current, "the alarms", lambda found: len(found) == 1)
        await raiser.close()
        await until(reader.current, "no alarms", lambda found: not found)
        await reader.close()


async def test_alarms_need_no_stream(own_nats_server: NatsServer) -> None:
    """Alarms reach others through a server without any stream."""
    async with (
        connected(own_nats_server, Service.ADMIN) as admin,
        connected(own_nats_server, Service.API) as api,
    ):
        raiser, reader = NatsAlarms(admin, "stack"), NatsAlarms(api, "api")
        await reader.open()
        await raiser.open()
        await raiser.raise_alarm(FULL)
        assert facts(await until(reader.current, "the alarms", bool)) == (replace(FULL, source="stack"),)
        await raiser.close()
        await reader.close()


async def test_the_alarms_of_others_are_bounded(nats_server: NatsServer) -> None:
    """A process that raises alarms without end does not fill the memory of the others."""
    async with (
        connected(nats_server, Service.WORKER) as raising,
        connected(nats_server, Service.API) as reading,
    ):
        raiser, reader = NatsAlarms(raising, "raiser"), NatsAlarms(reading, "reader")
        await reader.open()
        for number in range(MAX_ALARMS + 20):
            await raiser.raise_alarm(replace(SLOW, name=f"alarm-{number}"))
        await until(reader.current, "the alarms", lambda found: len(found) == MAX_ALARMS)
        await raising.flush()
        await reading.flush()
        assert len(await reader.current()) == MAX_ALARMS
        await raiser.close()
        await reader.close()
