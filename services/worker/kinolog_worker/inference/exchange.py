"""A command to the inference process and its answers, and how it ends when the process exits."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from kinolog.job.values import (
    DEVICE_MISSING,
    NEIGHBOUR_ENDED,
    RENDERER_FROZEN,
    RENDERER_STOPPED,
    WORKER_FROZEN,
    WORKER_NOT_READY,
    Stage,
)
from kinolog_worker.inference.messages import (
    FailedMessage,
    LoadedMessage,
    Message,
    PrefetchedMessage,
    StageStartedMessage,
)

KILLED = "WORKER_KILLED"
"""Error code of a job whose process this supervisor killed."""

OF_NO_JOB = frozenset({RENDERER_STOPPED, DEVICE_MISSING})
"""Codes that blame no job: all that ran end with them."""


@dataclass(eq=False, slots=True)
class Exchange:
    """A command whose closing message has not arrived, with the answers that wait to be read."""

    job_id: str
    answers: asyncio.Queue[Message | PrefetchedMessage] = field(default_factory=asyncio.Queue)
    begun: bool = False
    """Set with the first answer: from then on the exit of the process may be the fault of the job."""
    loaded: bool = False
    """Set once the model is there: from then on a freeze of the process may be the fault of the job."""
    drawn: bool = False
    """Set once its frames are drawn. Its files are finished beside the drawing of the next job."""
    is_beside: bool = False
    """Whether its file is made beside the drawing of other jobs."""

    def note(self, message: Message | PrefetchedMessage) -> None:
        """Note how far the command is by its answer."""
        self.begun = True
        self.loaded = self.loaded or isinstance(message, LoadedMessage)
        is_assembly = isinstance(message, StageStartedMessage) and message.stage == Stage.ASSEMBLE
        self.drawn = self.drawn or is_assembly

    def failure(
        self, code: str, message: str, exchanges: Collection[Exchange], *, blamed: str = ""
    ) -> FailedMessage:
        """Return the closing message of this command, since the process ends with this cause.

        `exchanges` are all whose closing messages have not arrived, and `blamed` is the job because of which the
        process was ended. If nobody knows, the job that was being drawn is blamed, or else the one that was finished.
        A job that had not begun, or is not blamed, ends with a code that does not count.
        """
        if code != KILLED and not self.begun:
            code, message = WORKER_NOT_READY, f"{message} before it began the job"
        elif code not in OF_NO_JOB and not self._is_blamed(exchanges, blamed):
            code, message = NEIGHBOUR_ENDED, f"{message}, because of another job that it rendered"
        elif code == RENDERER_FROZEN and self.loaded:
            message = f"{message} by the rendering of this job"
        elif code == RENDERER_FROZEN:
            code, message = WORKER_FROZEN, f"{message} as it loaded the model"
        return FailedMessage(job_id=self.job_id, code=code, message=message, retryable=True)

    def _is_blamed(self, exchanges: Collection[Exchange], blamed: str) -> bool:
        if blamed:
            return self.job_id == blamed
        if self.drawn or self.is_beside:
            return not any(other.begun and not other.drawn and not other.is_beside for other in exchanges)
        return True
