"""The alarms of `kinolog up`, which runs in threads, on the event loop of a thread of their own."""

from __future__ import annotations

import asyncio
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
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.logs import fields
from kinolog.process.settings import AdminSettings
from kinolog.process.tasks import end_tasks, keep_running
from kinolog_stack.servers.nats_server import NatsServer

SOURCE = "kinolog up"
CLOSE_SECONDS = 5.0
AGAIN_SECONDS = 1.0
"""Pause after a connection that was refused or lost."""

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

    def raise_alarm(self, name: str, severity: AlarmSeverity, text: str, details: str = "") -> None:
        """Raise an alarm; raising it again changes its text and details."""
        since = datetime.now(UTC)
        alarm = Alarm(name=name, severity=severity, text=text, source=SOURCE, since=since, details=details)
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

    def _submit(self, change: Coroutine[Any, Any, None]) -> None:
        if self._loop.is_closed():
            change.close()
            return
        asyncio.run_coroutine_threadsafe(change, self._loop).add_done_callback(_report)

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
        """Keep a connection until `stop`. Whatever ends one is logged, and the next one follows after a pause."""
        serving = keep_running("announcing the alarms of the stack", self._serve_connection, AGAIN_SECONDS)
        serve = asyncio.create_task(serving, name="alarms of the stack")
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((serve, stopping), return_when=asyncio.FIRST_COMPLETED)
        await end_tasks((serve, stopping))

    async def _serve_connection(self) -> None:
        """Announce what stands until the connection is lost for good; the client reconnects by itself otherwise."""
        lost = asyncio.Event()
        try:
            client = await connect(_settings(self._nats), Service.ADMIN, on_lost=lost.set)
        except LogUnavailable as unavailable:
            logger.debug("alarms cannot be announced yet: %s", unavailable)
            return
        alarms = NatsAlarms(client, SOURCE)
        try:
            await alarms.open()
            self._alarms = alarms
            for alarm in list(self._standing.values()):
                await alarms.raise_alarm(alarm)
            await lost.wait()
            logger.error("the connection for alarms is lost and is opened again", extra=fields("alarms_lost"))
        finally:
            self._alarms = None
            await alarms.close()
            await client.close()


def _report(change: Future[None]) -> None:
    """Log why an alarm could not be changed. The next change of it may do."""
    if not change.cancelled() and (error := change.exception()) is not None:
        logger.error("an alarm could not be changed", exc_info=error, extra=fields("alarm_failed"))


def _settings(nats: NatsServer) -> AdminSettings:
    env = nats.settings_env(Service.ADMIN)
    return AdminSettings.model_validate(
        {name.removeprefix("KINOLOG_").lower(): value for name, value in env.items()}
    )
