"""Port: the inference process as the supervisor uses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from kinolog_worker.inference.messages import FailedMessage, Message, PrefetchedMessage, RenderJob


class InferenceClient(Protocol):
    """Renders jobs in another process (see `InferenceProcess`)."""

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id while the process runs."""
        ...

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs that the process can encode; empty before it was ready once."""
        ...

    @property
    def loaded_models(self) -> tuple[str, ...]:
        """Names of the models that the process has loaded, the one used last first."""
        ...

    async def start(self) -> None:
        """Start the process unless it runs. Raises `RuntimeError`."""
        ...

    def run(self, job: RenderJob) -> AsyncGenerator[Message, None]:
        """Render a job. Yields its messages; the last is a `FinishedMessage`, `FailedMessage` or `CancelledMessage`."""
        ...

    async def prefetch(self, job: RenderJob) -> PrefetchedMessage | FailedMessage:
        """Load the job's model and encode its prompts."""
        ...

    def cancel(self, job_id: str) -> None:
        """Request that a job stops between two steps."""
        ...

    async def kill(self, job_id: str = "") -> None:
        """End the process at once, because of a job if it is named. The attempts at other jobs do not count then."""
        ...
