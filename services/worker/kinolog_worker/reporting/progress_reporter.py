"""Sends progress, log lines and previews of an attempt, ten times a second at most, never in the way of the work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from kinolog.ports.progress import (
    LogLevel,
    LogLine,
    PreviewImage,
    Progress,
    ProgressFeed,
    ProgressUpdate,
    SealedNote,
)

INTERVAL_SECONDS = 0.1
LINES_KEPT = 200
"""Log lines that wait to be sent; when more come the oldest are lost."""

SealNote: TypeAlias = Callable[[str], SealedNote]
"""Seals words of the prompt for a log line, under the key of the job at hand."""

_LEVELS = {
    "DEBUG": LogLevel.DEBUG,
    "INFO": LogLevel.INFO,
    "WARNING": LogLevel.WARNING,
    "ERROR": LogLevel.ERROR,
    "CRITICAL": LogLevel.ERROR,
}


class ProgressReporter:
    """Takes weather at any rate and sends the latest of each kind. Every call but `run` and `flush` returns at once."""

    def __init__(
        self, feed: ProgressFeed, job_id: str, attempt: int, clock: Callable[[], datetime], note: SealNote
    ) -> None:
        self._feed = feed
        self._job_id = job_id
        self._attempt = attempt
        self._clock = clock
        self._note = note
        self._lines: deque[LogLine] = deque(maxlen=LINES_KEPT)
        self._preview: PreviewImage | None = None
        self._progress: Progress | None = None
        self._something = asyncio.Event()

    def progress(self, progress: Progress) -> None:
        """How the attempt gets on; takes the place of what was not sent yet."""
        self._progress = progress
        self._something.set()

    def preview(self, scene: int, step: int, jpeg: bytes) -> None:
        """How a scene looks; takes the place of what was not sent yet."""
        self._preview = PreviewImage(
            job_id=self._job_id,
            attempt=self._attempt,
            at=self._clock(),
            scene=scene,
            step=step,
            media_type="image/jpeg",
            image=jpeg,
        )
        self._something.set()

    def line(self, level: str, message: str, secret: str = "") -> None:
        """A line for the owner of the job; `level` as in logging. Words of the prompt go into `secret` alone."""
        severity = _LEVELS.get(level, LogLevel.INFO)
        note = self._note(secret) if secret else None
        self._lines.append(
            LogLine(
                job_id=self._job_id,
                attempt=self._attempt,
                at=self._clock(),
                level=severity,
                message=message,
                note=note,
            )
        )
        self._something.set()

    async def run(self) -> None:
        """Send what there is, for ever."""
        while True:
            await self._something.wait()
            await self.flush()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def flush(self) -> None:
        """Send what there is; progress last, so that it is found first."""
        self._something.clear()
        waiting: list[ProgressUpdate | None] = [*self._lines, self._preview, self._progress]
        self._lines.clear()
        self._preview = self._progress = None
        for weather in waiting:
            if weather is not None:
                await self._feed.publish(weather)
