"""What a worker depends on; app.py picks the implementations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kinolog.command_handler import CommandHandler
from kinolog.models.catalogue import Catalogue
from kinolog.ports.alarms import Alarms
from kinolog.ports.artifacts import ArtifactStore
from kinolog.ports.clock import Clock
from kinolog.ports.commit_notifications import CommitNotifier
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import JobKeys
from kinolog.ports.live_video.parts import LiveVideos
from kinolog.ports.progress import ProgressFeed
from kinolog.ports.tickets import TicketQueue
from kinolog.ports.workers import WorkerRegistry
from kinolog.provenance import ProvenanceSigner
from kinolog_worker.downloads.model_files import ModelFiles
from kinolog_worker.downloads.video_servers import VideoServers
from kinolog_worker.inference.inference_client import InferenceClient
from kinolog_worker.reporting.stage_rates import StageRates
from kinolog_worker.reporting.worker_status import WorkerStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Intervals and time limits of a worker, in seconds."""

    ack_extend_seconds: float = 10.0
    """Interval at which the ack wait of the held ticket is extended."""

    tail_check_seconds: float = 2.0
    """Interval at which the job's tail is read, in case a commit notification was lost."""

    cancel_timeout_seconds: float = 30.0
    """How long the inference process may take to stop a cancelled job before it is killed."""

    stall_timeout_seconds: float = 1800.0
    """How long the inference process may send nothing about a job before it is killed."""

    checkpoint_seconds: float = 60.0
    """Interval of checkpoints within a scene; 0 for none."""

    first_retry_seconds: float = 5.0
    """Pause before the second attempt; it doubles with every further one."""

    shutdown_grace_seconds: float = 5.0
    """How long a running job may take to end after the worker starts to shut down."""

    report_interval_seconds: float = 5.0
    """Interval of reports to the registry."""

    holder_look_seconds: float = 6.0
    """How long the worker of a job is watched before its ticket is taken over: longer than the interval of reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDependencies:
    """Everything that a worker needs. `worker` is its name; `served` are the names of the models that it runs."""

    worker: str
    served: frozenset[str]
    catalogue: Catalogue
    clock: Clock
    store: EventStore
    handler: CommandHandler
    keys: JobKeys
    queue: TicketQueue
    progress: ProgressFeed
    workers: WorkerRegistry
    notifier: CommitNotifier
    artifacts: ArtifactStore
    live_videos: LiveVideos
    alarms: Alarms
    inference: InferenceClient
    models: ModelFiles
    servers: VideoServers
    signer: ProvenanceSigner | None = None
    """None if videos are not signed."""

    most_preemptions: int = 3
    """How often a job gives its device to a critical one; 0 for never."""

    scratch: Path
    disks: Mapping[str, Path] = field(default_factory=dict)
    """Folders on whose disks room is reported, by their names."""
    status: WorkerStatus
    timing: Timing = Timing()
    rates: StageRates = field(default_factory=StageRates)
