"""What a worker is made of; app.py picks the implementations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kinolog.command_handler import CommandHandler
from kinolog.models.catalogue import Catalogue
from kinolog.ports.artifacts import ArtifactStore
from kinolog.ports.clock import Clock
from kinolog.ports.commit_notifications import CommitNotifier
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.ports.tickets import TicketQueue
from kinolog.ports.workers import WorkerRegistry
from kinolog_worker.attempt.estimate import StageRates
from kinolog_worker.inference.messages import FailedMessage, Message, PrefetchedMessage, RenderJob
from kinolog_worker.reporting.worker_status import WorkerStatus


class InferenceClient(Protocol):
    """The inference process as the supervisor uses it (see `InferenceProcess`)."""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id while the process runs."""
        ...

    async def start(self) -> None:
        """Start the process unless it runs. Raises RuntimeError."""
        ...

    def run(self, job: RenderJob) -> AsyncGenerator[Message, None]:
        """Render a job: yields its messages, the last of which is Finished, Failed or RunCancelled."""
        ...

    async def prefetch(self, job: RenderJob) -> PrefetchedMessage | FailedMessage:
        """Load the job's model and encode its prompts."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask for a job to stop between two steps."""
        ...

    async def kill(self) -> None:
        """End the process at once."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a worker waits for what, in seconds."""

    keep_seconds: float = 10.0
    """Between two reports that a ticket is still being worked on."""

    look_seconds: float = 2.0
    """Between two looks at the job's tail, in case a commit went unheard."""

    obey_seconds: float = 30.0
    """How long the inference process may take to stop when asked, before it is killed."""

    stall_seconds: float = 1800.0
    """How long the inference process may say nothing about a job before it is killed."""

    retry_seconds: float = 5.0
    """Pause before the second attempt; it doubles with every further one."""

    grace_seconds: float = 5.0
    """How long a running job may take to end when the worker is told to stop."""

    report_seconds: float = 5.0
    """Between two reports to the registry."""


@dataclass(frozen=True, slots=True)
class WorkerDependencies:
    """Everything that an attempt needs. `served` are the names of the models that this worker runs."""

    worker: str
    served: frozenset[str]
    catalogue: Catalogue
    clock: Clock
    store: EventStore
    handler: CommandHandler
    keys: KeyStore
    queue: TicketQueue
    progress: ProgressFeed
    workers: WorkerRegistry
    watch: CommitNotifier
    artifacts: ArtifactStore
    inference: InferenceClient
    scratch: Path
    status: WorkerStatus
    timing: Timing = Timing()
    times: StageRates = field(default_factory=StageRates)
