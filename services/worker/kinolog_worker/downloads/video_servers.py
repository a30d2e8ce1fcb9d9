"""The servers that run models for a worker: their API keys, and the alarm while one takes no job."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from kinolog.job.server_errors import SERVER_ERRORS, SERVER_UNAVAILABLE
from kinolog.models.catalogue import ModelEntry
from kinolog.models.hub.errors import DownloadFailed
from kinolog.models.servers.video_server import video_server
from kinolog.ports.alarms import Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog_worker.inference.messages import FailedMessage, FinishedMessage, Outcome

SERVER_ALARM = "video-server"
"""Name of the alarm while a server takes no job of a model."""

logger = logging.getLogger(__name__)


class ServerKeyUnreadable(DownloadFailed):
    """The API key for a server is not where the entry of its model says."""

    code = SERVER_UNAVAILABLE


class VideoServers:
    """The servers of the models of one worker."""

    def __init__(self, alarms: Alarms, clock: Clock) -> None:
        self._alarms = alarms
        self._clock = clock
        self._away: set[str] = set()
        """Names of the models whose servers take no job."""

    async def api_key(self, entry: ModelEntry) -> str:
        """Return the API key for the server of a model; empty if its entry names none.

        It is read for each attempt, so that a key can be replaced. Raises `ServerKeyUnreadable`.
        """
        server = video_server(entry)
        if server is None:
            return ""
        key, place = "", ""
        if server.api_key_file:
            key, place = await asyncio.to_thread(_first_line, Path(server.api_key_file)), server.api_key_file
        elif server.api_key_variable:
            key, place = os.environ.get(server.api_key_variable, "").strip(), server.api_key_variable
        if place and not key:
            logger.error("%s: the worker finds no API key in %s", entry.name, place)
            raise ServerKeyUnreadable("the worker finds no API key for the server of the model")
        if not (key.isascii() and key.isprintable()):
            logger.error("%s: %s has characters that no API key has", entry.name, place)
            raise ServerKeyUnreadable("the worker finds no usable API key for the server of the model")
        return key

    async def note(self, entry: ModelEntry, outcome: Outcome) -> None:
        """Raise the alarm if the server of a model takes no job, and clear it once one has made a video."""
        if not entry.files_at_once:
            return
        code = outcome.code if isinstance(outcome, FailedMessage) else ""
        if isinstance(outcome, FailedMessage) and code in SERVER_ERRORS:
            self._away.add(entry.name)
            await self._raise_alarm(entry.name, outcome.message)
        elif self._away and (code or isinstance(outcome, FinishedMessage)):
            self._away.discard(entry.name)
            if not self._away:
                await self._alarms.clear(SERVER_ALARM)

    async def _raise_alarm(self, model: str, problem: str) -> None:
        source = self._alarms.source
        text = (
            f"{source} gets no video of {model}: {problem}. Start its server, or correct the source and the key of its "
            "entry in the catalogue. Its jobs wait, and go on by themselves."
        )
        await self._alarms.raise_alarm(
            Alarm(
                name=SERVER_ALARM,
                severity=AlarmSeverity.WARNING,
                text=text,
                source=source,
                since=self._clock(),
            )
        )


def _first_line(path: Path) -> str:
    """Return the first line of a file without blanks; empty if the file cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().strip()
    except (OSError, ValueError):
        return ""
