"""An inference process whose messages a script makes, and the scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from hashlib import sha256
from pathlib import Path

from kinolog_worker.inference.messages import (
    ArtifactFile,
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    LoadedMessage,
    LogLineMessage,
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
from kinolog_worker.renderers.renderer import LoadedFacts

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


class ScriptedInference:
    """Renders nothing: `script` takes a job and yields messages. `jobs` are those that it received."""

    def __init__(self) -> None:
        self.script: Callable[[ScriptedInference, RenderJob], AsyncGenerator[Message, None]] = rendering
        self.jobs: list[RenderJob] = []
        self.cancelled = asyncio.Event()
        self.killed = asyncio.Event()
        self.alive = True
        self.pid: int | None = None
        self.codecs: tuple[str, ...] = ("h264", "h265", "av1")
        self.loaded_models: tuple[str, ...] = ()

    async def start(self) -> None:
        self.alive = True

    async def run(self, job: RenderJob) -> AsyncGenerator[Message, None]:
        self.jobs.append(job)
        self.loaded_models = (job.model.name,)
        async for message in self.script(self, job):
            yield message

    async def prefetch(self, job: RenderJob) -> PrefetchedMessage | FailedMessage:
        self.jobs.append(job)
        self.loaded_models = (job.model.name,)
        return PrefetchedMessage(
            job_id=job.job_id, facts=FACTS, cached=False, embeddings=len(job.scenes), seconds=0.5
        )

    def cancel(self, job_id: str) -> None:
        self.cancelled.set()

    async def kill(self, job_id: str = "") -> None:
        self.killed.set()


async def rendering(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run without errors."""
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
            yield StepMessage(
                job_id=job.job_id,
                stage="denoise",
                scene=scene.index,
                step=step,
                steps=job.steps,
            )
        yield StageFinishedMessage(job_id=job.job_id, stage="denoise", seconds=1.0, scene=scene.index)
        path = job.folder / f"scene-{scene.index}.mp4"
        path.write_bytes(f"scene {scene.index}".encode())
        path.with_suffix(".jpg").write_bytes(f"middle of scene {scene.index}".encode())
        yield SceneRenderedMessage(
            job_id=job.job_id, file=_scene_file(path, scene.index, scene.frames), seconds=1.0, reused=False
        )
    yield finished(job)


def finished(job: RenderJob) -> FinishedMessage:
    """Return the closing message of a run without errors, and write its files."""
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
    return FinishedMessage(job_id=job.job_id, media=MEDIA, files=tuple(files), device_seconds=2.5)


async def endless(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run that continues until it is cancelled."""
    yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
    await inference.cancelled.wait()
    yield CancelledMessage(job_id=job.job_id)


async def unresponsive(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run that does not stop before it is killed."""
    yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
    await inference.killed.wait()
    yield FailedMessage(
        job_id=job.job_id, code="WORKER_KILLED", message="the inference process was stopped", retryable=True
    )


def failing(
    code: str, *, retryable: bool, detail: str = ""
) -> Callable[[ScriptedInference, RenderJob], AsyncGenerator[Message, None]]:
    """Return a script that fails."""

    async def run(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        yield LogLineMessage(job_id=job.job_id, level="WARNING", text=f"a library warns: {detail}")
        yield FailedMessage(
            job_id=job.job_id, code=code, message="the script fails", retryable=retryable, detail=detail
        )

    return run


def _scene_file(path: Path, index: int, frames: int) -> SceneFile:
    content = path.read_bytes()
    return SceneFile(
        index=index, path=path, sha256=sha256(content).hexdigest(), frames=frames, size_bytes=len(content)
    )
