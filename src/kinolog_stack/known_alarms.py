"""The alarms of a running stack, as its processes announce them to each other: with what only operators may read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import httpx

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.alarms import Alarm
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.settings import AdminSettings
from kinolog_client.models.catalogue import AlarmInfo
from kinolog_stack.errors import StartError
from kinolog_stack.servers.passwords import load_passwords

SOURCE = "kinolog doctor"
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 2.0
"""How long the processes may take to announce their alarms after a request."""
NONE_SECONDS = 0.5
"""The same where the gateway, which asked them before, knows of no alarm."""
LOOK_SECONDS = 0.02


def known_alarms(
    addresses: Mapping[str, str], passwords: Path, listed: Iterable[Mapping[str, Any]] | None
) -> list[AlarmInfo]:
    """Return the alarms that stand. Without the broker they are those that the gateway `listed`, without details.

    `listed` is None if the gateway does not say which alarms stand.
    """
    public = [AlarmInfo.model_validate(alarm) for alarm in listed or ()]
    seconds = NONE_SECONDS if listed is not None and not public else ANSWER_SECONDS
    try:
        httpx.get(f"{addresses['nats-monitor']}/healthz", timeout=CONNECT_SECONDS, trust_env=False)
        password = load_passwords(passwords, [Service.ADMIN.value])[Service.ADMIN.value]
        settings = AdminSettings.model_validate(
            {"nats_url": addresses["nats"], "nats_user": Service.ADMIN.value, "nats_password": password}
        )
        found = asyncio.run(_announced(settings, {(alarm.source, alarm.name) for alarm in public}, seconds))
    except (httpx.HTTPError, LogUnavailable, StartError):
        return public
    return [
        AlarmInfo(
            name=alarm.name,
            severity=alarm.severity.value,
            text=alarm.text,
            source=alarm.source,
            since=alarm.since,
            details=alarm.details,
            instance=alarm.instance,
        )
        for alarm in found
    ]


async def _announced(
    settings: AdminSettings, expected: Set[tuple[str, str]], seconds: float
) -> tuple[Alarm, ...]:
    """Return the alarms that are announced. Wait for those expected, each by source and name, or `seconds` for any."""
    loop = asyncio.get_running_loop()
    client = await connect(settings, Service.ADMIN, connect_seconds=CONNECT_SECONDS)
    try:
        alarms = NatsAlarms(client, SOURCE)
        await alarms.open()
        ends_at = loop.time() + seconds
        known = await alarms.current()
        while loop.time() < ends_at and not (expected and expected <= {(a.source, a.name) for a in known}):
            await asyncio.sleep(LOOK_SECONDS)
            known = await alarms.current()
        await alarms.close()
    finally:
        await client.close()
    return known
