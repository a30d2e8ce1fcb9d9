"""Alarms that the stack raises from its threads."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.client.connection import Connection, connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.alarms import LOG_DAMAGED, Alarm, AlarmSeverity
from kinolog_stack.disks import stack_alarms
from kinolog_stack.disks.stack_alarms import StackAlarms
from kinolog_stack.known_alarms import known_alarms
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.log import connected
from tests.fixtures.programs import started
from tests.fixtures.waits import until


async def test_an_alarm_is_announced_after_connections_that_failed(
    own_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails at first, the thread goes on, and what was raised meanwhile is announced."""
    failures = [OSError("no route"), ValueError("a bad answer")]

    async def fail_at_first(*arguments: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return await connect(*arguments, **named)

    monkeypatch.setattr(stack_alarms, "connect", fail_at_first)
    monkeypatch.setattr(stack_alarms, "AGAIN_SECONDS", 0.01)
    alarms = StackAlarms(own_nats_server)
    alarms.raise_alarm("disk", AlarmSeverity.WARNING, "little room")
    with started(alarms):
        async with connected(own_nats_server, Service.API) as client:
            seen = NatsAlarms(client, "api")
            await seen.open()
            (alarm,) = await until(seen.current, "the alarm is announced")
            assert (alarm.name, alarm.text) == ("disk", "little room")
            await seen.close()


async def test_an_alarm_is_announced_again_after_a_connection_that_is_lost_for_good(
    own_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client gives a connection up on errors that it does not know; another one takes its place."""
    made: list[Connection] = []

    async def noted(*arguments: Any, **named: Any) -> Connection:
        made.append(await connect(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(stack_alarms, "connect", noted)
    monkeypatch.setattr(stack_alarms, "AGAIN_SECONDS", 0.01)
    alarms = StackAlarms(own_nats_server)
    with started(alarms):
        alarms.raise_alarm("disk", AlarmSeverity.WARNING, "little room")
        async with connected(own_nats_server, Service.API) as client:
            seen = NatsAlarms(client, "api")
            await seen.open()
            (first,) = await until(seen.current, "the alarm is announced")
            alarms._loop.call_soon_threadsafe(made[0].on_lost)
            (again,) = await until(
                seen.current,
                "the alarm of another connection",
                lambda found: [alarm.instance for alarm in found] not in ([], [first.instance]),
            )
            assert (again.name, len(made)) == ("disk", 2)
            await seen.close()


def _addresses(server: NatsServer) -> dict[str, str]:
    return {
        "nats": f"nats://{server.host}:{server.port}",
        "nats-monitor": f"http://{server.host}:{server.monitor_port}",
    }


@pytest.mark.parametrize(("listed", "limit"), [([], "ANSWER_SECONDS"), (None, "NONE_SECONDS")])
def test_the_doctor_waits_briefly_where_the_gateway_knows_of_no_alarm(
    own_nats_server: NatsServer,
    listed: list[dict[str, Any]] | None,
    limit: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A healthy stack has no alarm to wait for. Without the gateway's word the processes get more time."""
    other = {"ANSWER_SECONDS", "NONE_SECONDS"} - {limit}
    monkeypatch.setattr(f"kinolog_stack.known_alarms.{limit}", float("inf"))
    monkeypatch.setattr(f"kinolog_stack.known_alarms.{other.pop()}", 0.0)
    assert known_alarms(_addresses(own_nats_server), own_nats_server._passwords_path, listed) == []


async def test_the_doctor_reads_the_details_of_alarms(own_nats_server: NatsServer) -> None:
    """What the gateway lists for all has details for who may read the data folder; a dead broker adds none."""
    server = own_nats_server
    addresses = _addresses(server)
    listed = [{"name": LOG_DAMAGED, "source": "projector", "text": "damaged"}]
    found = Alarm(
        name=LOG_DAMAGED,
        severity=AlarmSeverity.REFUSE_WRITES,
        text="damaged",
        source="",
        since=datetime.now(UTC),
        details="position 7",
    )

    async def read() -> tuple[str, str, str]:
        (alarm,) = await asyncio.to_thread(known_alarms, addresses, server._passwords_path, listed)
        return alarm.name, alarm.source, alarm.details

    async with connected(server, Service.PROJECTOR) as client:
        alarms = NatsAlarms(client, "projector")
        await alarms.open()
        await alarms.raise_alarm(found)
        assert await read() == (LOG_DAMAGED, "projector", "position 7")
        await alarms.close()
    server.stop()
    assert await read() == (LOG_DAMAGED, "projector", "")
