"""The alarms of `kinolog up`, which runs in threads, on the event loop of a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.alarms import Alarm, AlarmSeverity
from kinolog.process.settings import AdminSettings
from kinolog.process.tasks import end_tasks
from kinolog_stack.servers.nats_server import NatsServer

SOURCE = "kinolog up"
CLOSE_SECONDS = 5.0
AGAIN_SECONDS = 1.0
"""Pause after a connection that was refused."""

logger = logging.getLogger(__name__)


class StackAlarms:
    """Raises and clears alarms from any thread. What is raised before the broker answers is announced later."""

    def __init__(self, nats: NatsServer) -> None:
        self._nats = nats
        self._loop = asyncio.new_event_loop()
        self._standing: dict[str, Alarm] = {}
        self._alarms: NatsAlarms | None = None
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Connect in the background."""
        self._thread.start()

    def raise_alarm(self, name: str, severity: AlarmSeverity, text: str) -> None:
        """Raise an alarm; raising it again changes its text."""
        alarm = Alarm(name=name, severity=severity, text=text, source=SOURCE, since=datetime.now(UTC))
        self._submit(self._raise(alarm))

    def clear(self, name: str) -> None:
        """Clear an alarm, if it stands."""
        self._submit(self._clear(name))

    def stop(self) -> None:
        """Withdraw all alarms and close the connection."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(CLOSE_SECONDS)

    def _submit(self, change: Coroutine[Any, Any, None]) -> Future[None] | None:
        if self._loop.is_closed():
            change.close()
            return None
        return asyncio.run_coroutine_threadsafe(change, self._loop)

    async def _raise(self, alarm: Alarm) -> None:
        self._standing[alarm.name] = alarm
        if self._alarms is not None:
            await self._alarms.raise_alarm(alarm)

    async def _clear(self, name: str) -> None:
        self._standing.pop(name, None)
        if self._alarms is not None:
            await self._alarms.clear(name)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        """Keep a connection until `stop`. The client reconnects by itself once it was connected."""
        stopping = asyncio.create_task(self._stopping.wait())
        while not stopping.done():
            connecting = asyncio.create_task(connect(_settings(self._nats), Service.ADMIN))
            await asyncio.wait([connecting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                await end_tasks((connecting,))
                return
            try:
                client = connecting.result()
            except Exception as error:  # whatever it is: without this thread every later alarm would be lost
                logger.debug("alarms cannot be announced yet: %s", error)
                await asyncio.wait([stopping], timeout=AGAIN_SECONDS)
                continue
            alarms = NatsAlarms(client, SOURCE)
            with contextlib.suppress(Exception):  # a connection that is lost at once: it reconnects
                await alarms.open()
            self._alarms = alarms
            for alarm in list(self._standing.values()):
                await alarms.raise_alarm(alarm)
            await stopping
            await alarms.close()
            await client.close()


def _settings(nats: NatsServer) -> AdminSettings:
    env = nats.settings_env(Service.ADMIN)
    return AdminSettings.model_validate(
        {name.removeprefix("KINOLOG_").lower(): value for name, value in env.items()}
    )
