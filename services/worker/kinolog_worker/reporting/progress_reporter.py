"""Publishes progress, log lines and previews of an attempt, at most ten times a second, without delaying the work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from kinolog.ports.progress import (
    LogLevel,
    LogLine,
    PreviewImage,
    Progress,
    ProgressFeed,
    SealedNote,
)

INTERVAL_SECONDS = 0.1
MOST_LINES = 200
"""Log lines that wait to be published. Beyond that, the oldest are dropped."""


class Seals(Protocol):
    """Seals what progress reveals, with the key of the attempt's job: kinolog.privacy.sealed_fields.ProgressSealer."""

    def note(self, text: str) -> SealedNote:
        """Seal words of the prompt for a log line."""
        ...

    def picture(self, image: bytes) -> SealedNote:
        """Seal a preview."""
        ...


_LEVELS = {
    "DEBUG": LogLevel.DEBUG,
    "INFO": LogLevel.INFO,
    "WARNING": LogLevel.WARNING,
    "ERROR": LogLevel.ERROR,
    "CRITICAL": LogLevel.ERROR,
}


class ProgressReporter:
    """Accepts progress at any rate and publishes the latest of each kind. Only `run` and `flush` block."""

    def __init__(
        self,
        feed: ProgressFeed,
        *,
        job_id: str,
        attempt: int,
        clock: Callable[[], datetime],
        seals: Seals,
    ) -> None:
        self._feed = feed
        self._job_id = job_id
        self._attempt = attempt
        self._clock = clock
        self._seals = seals
        self._lines: deque[LogLine] = deque(maxlen=MOST_LINES)
        self._preview: PreviewImage | None = None
        self._progress: Progress | None = None
        self._newest: Progress | None = None
        self._pending = asyncio.Event()
        self._publishing = asyncio.Lock()

    def put_progress(self, progress: Progress) -> None:
        """Publish this progress instead of any that is still pending."""
        self._progress = self._newest = progress
        self._pending.set()

    def put_again(self) -> None:
        """Publish the newest progress again, if there is any, so that its readers look at the job."""
        if self._newest is not None:
            self.put_progress(self._newest)

    def put_preview(self, *, scene: int, step: int, jpeg: bytes) -> None:
        """Publish this preview of a scene instead of any that is still pending."""
        self._preview = PreviewImage(
            job_id=self._job_id,
            attempt=self._attempt,
            at=self._clock(),
            scene=scene,
            step=step,
            media_type="image/jpeg",
            sealed=self._seals.picture(jpeg),
        )
        self._pending.set()

    def put_log_line(self, level: str, message: str, secret: str = "") -> None:
        """Publish a line for the job's owner.

        `level` is a level name of `logging`. Words of the prompt may be in `secret` only, which is sealed.
        """
        self._lines.append(
            LogLine(
                job_id=self._job_id,
                attempt=self._attempt,
                at=self._clock(),
                level=_LEVELS.get(level, LogLevel.INFO),
                message=message,
                note=self._seals.note(secret) if secret else None,
            )
        )
        self._pending.set()

    async def run(self) -> None:
        """Publish what is pending, until cancelled."""
        while True:
            await self._pending.wait()
            await self.flush()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def flush(self) -> None:
        """Publish what is pending, after what is being published; progress last, so that it is the newest update."""
        async with self._publishing:
            self._pending.clear()
            # One by one: what is not published yet when the task is cancelled stays pending.
            for _ in range(len(self._lines)):
                await self._feed.publish(self._lines.popleft())
            preview, self._preview = self._preview, None
            if preview is not None:
                await self._feed.publish(preview)
            progress, self._progress = self._progress, None
            if progress is not None:
                await self._feed.publish(progress)
