"""A worker's workbench: log, queue and stores in memory, and an inference process that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from kinolog_worker.dependencies import Timing, WorkerDependencies
from kinolog_worker.inference.messages import (
    ArtifactFile,
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    LoadedMessage,
    Message,
    PrefetchedMessage,
    RenderJob,
    SceneFile,
    SceneRenderedMessage,
    StageFinishedMessage,
    StageStartedMessage,
    StepMessage,
)
from kinolog_worker.media.video_check import VerifiedMedia
from kinolog_worker.queue.ticket_handler import TicketHandler
from kinolog_worker.renderers.renderer import LoadedFacts
from kinolog_worker.reporting.worker_status import WorkerStatus

from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.commands import Command, StartAttempt, Submit
from kinolog.job.events import Event
from kinolog.job.state import Job
from kinolog.job.values import Priority, Runtime, Scene, Spec
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.ports.tickets import HeldTicket, Ticket
from kinolog.privacy.sealed_fields import PROMPT, scene_purpose
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.storyboard.planner import plan_storyboard
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.adapters.memory.commit_notifications import MemoryCommitNotifier
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.progress import MemoryProgressFeed
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.adapters.memory.workers import MemoryWorkerRegistry

START = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
ME = "worker-me"
FACTS = LoadedFacts(
    revision="revision-1",
    libraries={"torch": "2"},
    device="cpu",
    hardware="a laptop",
    dtype="float32",
    seconds=1.5,
    size_bytes=1_000,
)
MEDIA = VerifiedMedia(
    codec="h264",
    pixel_format="yuv420p",
    width=64,
    height=48,
    fps=8.0,
    frames=16,
    duration_seconds=2.0,
    size_bytes=10,
    sha256="0" * 64,
    frame_hash="1" * 64,
)
CATALOGUE = Catalogue(
    [
        ModelEntry(name="card", source="embedded:card", model_class="tiny"),
        ModelEntry(name="big", source="owner/big", model_class="tiny"),
    ],
    default="card",
)


class ToldInference:
    """Renders as it is told: `script` takes the order and yields messages."""

    def __init__(self) -> None:
        self.script: Callable[[ToldInference, RenderJob], AsyncGenerator[Message, None]] = rendering
        self.orders: list[RenderJob] = []
        self.cancelled = asyncio.Event()
        self.killed = asyncio.Event()
        self.alive = True
        self.pid: int | None = None

    async def start(self) -> None:
        self.alive = True

    async def run(self, job: RenderJob) -> AsyncGenerator[Message, None]:
        self.orders.append(job)
        async for message in self.script(self, job):
            yield message

    async def prefetch(self, job: RenderJob) -> PrefetchedMessage | FailedMessage:
        self.orders.append(job)
        return PrefetchedMessage(
            job_id=job.job_id, facts=FACTS, cached=False, embeddings=len(job.scenes), seconds=0.5
        )

    def cancel(self, job_id: str) -> None:
        self.cancelled.set()

    async def kill(self) -> None:
        self.killed.set()


async def rendering(inference: ToldInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run in which all goes well."""
    yield StageStartedMessage(job_id=job.job_id, stage="prefetch")
    yield LoadedMessage(job_id=job.job_id, facts=FACTS, cached=False)
    yield StageFinishedMessage(job_id=job.job_id, stage="prefetch", seconds=1.5)
    for scene in job.scenes:
        if any(file.index == scene.index for file in job.finished_scenes):
            done = next(file for file in job.finished_scenes if file.index == scene.index)
            yield SceneRenderedMessage(job_id=job.job_id, file=done, seconds=0.0, reused=True)
            continue
        yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=scene.index)
        for step in range(1, job.steps + 1):
            fraction = step / job.steps
            count = len(job.scenes)
            yield StepMessage(
                job_id=job.job_id,
                stage="denoise",
                scene=scene.index,
                scenes=count,
                step=step,
                steps=job.steps,
                fraction=fraction,
                step_seconds=0.1,
                eta_seconds=None,
            )
        yield StageFinishedMessage(job_id=job.job_id, stage="denoise", seconds=1.0, scene=scene.index)
        path = job.folder / f"scene-{scene.index}.mp4"
        path.write_bytes(f"scene {scene.index}".encode())
        yield SceneRenderedMessage(
            job_id=job.job_id, file=_scene_file(path, scene.index, scene.frames), seconds=1.0, reused=False
        )
    yield finished(job)


def finished(job: RenderJob) -> FinishedMessage:
    """The end of a run that went well, with its files."""
    files = []
    for kind, name in (("video", "video.mp4"), ("thumbnail", "thumbnail.jpg"), ("preview", "preview.webp")):
        path = job.folder / name
        path.write_bytes(kind.encode())
        files.append(
            ArtifactFile(
                kind=kind,
                path=path,
                media_type="x/y",
                sha256=sha256(kind.encode()).hexdigest(),
                size_bytes=len(kind),
            )
        )
    return FinishedMessage(
        job_id=job.job_id, media=MEDIA, files=tuple(files), device_seconds=2.5, seconds=3.0
    )


async def endless(inference: ToldInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run that goes on until it is asked to stop."""
    yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
    await inference.cancelled.wait()
    yield CancelledMessage(job_id=job.job_id)


async def deaf(inference: ToldInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run that does not stop before it is killed."""
    yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
    await inference.killed.wait()
    yield FailedMessage(
        job_id=job.job_id, code="WORKER_KILLED", message="the inference process was stopped", retryable=True
    )


def failing(
    code: str, *, retryable: bool
) -> Callable[[ToldInference, RenderJob], AsyncGenerator[Message, None]]:
    """A run that fails."""

    async def run(inference: ToldInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        yield FailedMessage(job_id=job.job_id, code=code, message="it was told to", retryable=retryable)

    return run


def _scene_file(path: Path, index: int, frames: int) -> SceneFile:
    content = path.read_bytes()
    return SceneFile(
        index=index, path=path, sha256=sha256(content).hexdigest(), frames=frames, size_bytes=len(content)
    )


@dataclass
class Bench:
    """Everything that a desk needs."""

    folder: Path
    now: datetime = START
    store: MemoryEventStore = field(default_factory=MemoryEventStore)
    keys: MemoryKeyStore = field(default_factory=MemoryKeyStore)
    office: MemoryTicketIssuer = field(default_factory=MemoryTicketIssuer)
    progress: MemoryProgressFeed = field(default_factory=MemoryProgressFeed)
    workers: MemoryWorkerRegistry = field(default_factory=MemoryWorkerRegistry)
    artifacts: MemoryArtifacts = field(default_factory=MemoryArtifacts)
    inference: ToldInference = field(default_factory=ToldInference)
    timing: Timing = field(
        default_factory=lambda: Timing(tail_check_seconds=0.05, cancel_timeout_seconds=0.05)
    )
    served: frozenset[str] = frozenset({"card"})

    def __post_init__(self) -> None:
        self.handler = CommandHandler(self.store, self.clock)
        self.parts = WorkerDependencies(
            worker=ME,
            served=self.served,
            catalogue=CATALOGUE,
            clock=self.clock,
            store=self.store,
            handler=self.handler,
            keys=self.keys,
            queue=self.office.queue(),
            progress=self.progress,
            workers=self.workers,
            notifier=MemoryCommitNotifier(self.store),
            artifacts=self.artifacts,
            inference=self.inference,
            scratch=self.folder,
            status=WorkerStatus(ME, "cpu", ("card",), START),
            timing=self.timing,
        )
        self.desk = TicketHandler(self.parts)

    def with_timing(self, **seconds: float) -> None:
        """Wait for other times."""
        self.timing = replace(self.timing, **seconds)
        self.__post_init__()

    def clock(self) -> datetime:
        """The time: a millisecond later with every look."""
        self.now += timedelta(milliseconds=1)
        return self.now

    async def submitted(self, prompt: str = "A star. A ring.", model: str = "card") -> str:
        """A job as the api submits it."""
        job_id = new_id()
        key = new_key()
        await self.keys.create({job_id: key})
        sealer = Sealer(job_id, key)
        scenes = tuple(
            Scene(
                index=shot.index,
                prompt=sealer.seal(shot.prompt, scene_purpose(shot.index)),
                start_seconds=shot.start_seconds,
                duration_seconds=shot.duration_seconds,
                frames=shot.frames,
                camera=shot.camera.value,
                transition=shot.transition.value,
                seed=shot.seed,
            )
            for shot in plan_storyboard(prompt, frames=16, fps=8, seed=7)
        )
        spec = Spec(
            prompt=sealer.seal(prompt, PROMPT),
            negative_prompt=None,
            model=model,
            model_class="tiny",
            width=64,
            height=48,
            frames=16,
            fps=8,
            steps=4,
            guidance=1.0,
            seed=7,
        )
        await self.give(
            job_id,
            Submit(
                id=new_id(),
                actor="ann",
                tenant="default",
                request_id=job_id,
                body_hash=b"h",
                spec=spec,
                priority=Priority.MEDIUM,
                max_attempts=3,
                scenes=scenes,
            ),
        )
        return job_id

    async def give(self, job_id: str, *commands: Command) -> None:
        """Give commands to a job."""
        for command in commands:
            await self.handler.handle(job_id, command)

    async def taken_over(self, job_id: str, worker: str = "worker-other") -> None:
        """Another worker starts an attempt."""
        await self.give(job_id, StartAttempt(id=new_id(), actor=worker, runtime=Runtime()))

    async def ticket(self, job_id: str, *, prefetch: bool = False) -> HeldTicket:
        """The job's ticket, in this worker's hands."""
        job = await self.job(job_id)
        ticket = Ticket(
            job_id=job_id,
            position=1,
            attempt=job.attempt + 1,
            model_class="tiny",
            priority=job.priority,
            not_before=None,
            prefetch=prefetch,
        )
        await self.office.issue(ticket)
        return await self.parts.queue.take(["tiny"])

    async def work(self, job_id: str) -> Job:
        """Take the job's ticket, deal with it, and see what has become of the job."""
        async with asyncio.timeout(30):
            await self.desk.handle(await self.ticket(job_id))
        return await self.job(job_id)

    async def job(self, job_id: str) -> Job:
        """The job as the log has it."""
        loaded = await self.store.load(job_id)
        assert loaded is not None
        return loaded.job

    async def events(self, job_id: str) -> Sequence[Event]:
        """Everything that happened to the job."""
        return [event async for recorded in self.store.history(job_id) for event in recorded.commit.events]

    async def until(self, job_id: str, met: Callable[[Job], object]) -> None:
        """Wait until the job is as wanted."""
        async with asyncio.timeout(30):
            async for _ in self.store.follow(0):
                if met(await self.job(job_id)):
                    return
