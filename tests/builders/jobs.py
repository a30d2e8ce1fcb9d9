"""Specs, scenes and submits, and a driver that sends commands to jobs in a log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from kinolog.command_handler import CommandHandler, HandledCommand
from kinolog.ids import new_id
from kinolog.job.commands import Command, StartAttempt, Submit
from kinolog.job.commit import RecordedCommit
from kinolog.job.events import Event
from kinolog.job.state import Job
from kinolog.job.values import (
    Artifact,
    ArtifactKind,
    JobInput,
    MediaFacts,
    Priority,
    Runtime,
    Scene,
    Sealed,
    Spec,
)
from kinolog.ports.event_store import EventStore, LoadedJob
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealed_fields import PROMPT, scene_purpose
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.storyboard.planner import Shots, plan_storyboard
from tests.fixtures.waits import until

SEALED = Sealed(nonce=b"n" * 12, ciphertext=b"ciphertext and its tag")
SPEC = Spec(
    prompt=SEALED,
    negative_prompt=None,
    model="kinolog-tiny",
    model_class="tiny",
    width=64,
    height=48,
    frames=16,
    fps=8,
    steps=4,
    guidance=5.0,
    seed=7,
)
SUBMIT = Submit(
    id="submit",
    actor="ann",
    tenant="default",
    request_id="request",
    body_hash=b"h" * 32,
    spec=SPEC,
    priority=Priority.MEDIUM,
    max_attempts=3,
    scenes=(),
)
MEDIA = MediaFacts(
    width=128,
    height=96,
    frames=16,
    fps=8.0,
    duration_seconds=2.0,
    codec="h264",
    pixel_format="yuv420p",
    frame_hash="f" * 64,
    audio_codec="aac",
    audio_sample_rate=24_000,
    audio_channels=2,
)


def spec(**changes: Any) -> Spec:
    """A plain spec, but for `changes`. Its prompt is sealed with no key."""
    return replace(SPEC, **changes)


def submit(command_id: str = "submit", **changes: Any) -> Submit:
    """A submit of a plain spec without scenes, but for `changes`; its request id is the id of the command."""
    return replace(SUBMIT, id=command_id, request_id=command_id, **changes)


def video(job_id: str) -> Artifact:
    """A video whose key and hash are made from the job id."""
    digest = (job_id * 3)[:64].ljust(64, "0")
    key = f"sha256/{digest[:2]}/{digest[2:]}.mp4"
    return Artifact(
        kind=ArtifactKind.VIDEO, key=key, sha256=digest, size_bytes=12_345, media_type="video/mp4"
    )


def job_input(key: str, size_bytes: int = 100) -> JobInput:
    """A first frame whose sealed file is stored under this key. Its facts are sealed with no key."""
    return JobInput(
        role="first_frame",
        media_type="image/png",
        size_bytes=size_bytes,
        file=Artifact(
            kind=ArtifactKind.INPUT,
            key=key,
            sha256=key.split("/")[-1].partition(".")[0],
            size_bytes=size_bytes,
            media_type="application/octet-stream",
        ),
        facts=SEALED,
    )


def sealed_spec(sealer: Sealer, prompt: str, **changes: Any) -> Spec:
    """A plain spec whose prompt is sealed, but for `changes`."""
    return spec(prompt=sealer.seal(prompt, PROMPT), **changes)


def sealed_scenes(sealer: Sealer, prompt: str, spec: Spec) -> tuple[Scene, ...]:
    """The scenes that the prompt marks ("Then …"), each with its own sealed prompt."""
    return tuple(
        Scene(
            index=planned.index,
            prompt=sealer.seal(planned.prompt, scene_purpose(planned.index)),
            start_seconds=planned.start_seconds,
            duration_seconds=planned.duration_seconds,
            frames=planned.frames,
            camera=planned.camera.value,
            transition=planned.transition.value,
            seed=planned.seed,
        )
        for planned in plan_storyboard(
            prompt, shots=Shots.AUTO, frames=spec.frames, fps=spec.fps, seed=spec.seed
        )
    )


class JobDriver:
    """Sends commands to jobs in a log, as clients and workers do, and reads what became of them."""

    def __init__(self, store: EventStore, keys: KeyStore, clock: Callable[[], datetime]) -> None:
        self.store = store
        self.keys = keys
        self.handler = CommandHandler(store, clock)

    def command_id(self) -> str:
        """A new command id."""
        return new_id()

    async def send(self, job_id: str, *commands: Command) -> HandledCommand:
        """Send commands to a job, one after the other. Return what the last one did."""
        for command in commands:
            handled = await self.handler.handle(job_id, command)
        return handled

    async def submit_sealed(
        self, job_id: str, prompt: str, spec_changes: dict[str, Any], **submit_changes: Any
    ) -> str:
        """Submit a job with a new key, its prompt sealed and its scenes planned. Return its id."""
        key = (await self.keys.create({job_id: new_key()}))[job_id]
        sealer = Sealer(job_id, key)
        asked = sealed_spec(sealer, prompt, **spec_changes)
        scenes = sealed_scenes(sealer, prompt, asked)
        await self.send(job_id, submit(self.command_id(), spec=asked, scenes=scenes, **submit_changes))
        return job_id

    async def start(
        self,
        job_id: str,
        worker: str = "worker-1",
        runtime: Runtime | None = None,
        *,
        worker_key: bytes = b"a worker",
    ) -> int:
        """Let a worker start an attempt. Return its number."""
        command = StartAttempt(
            id=self.command_id(), actor=worker, runtime=runtime or Runtime(), worker_key=worker_key
        )
        return (await self.send(job_id, command)).job.attempt

    async def loaded(self, job_id: str) -> LoadedJob:
        """The job and its position, as the log has them."""
        loaded = await self.store.load(job_id)
        assert loaded is not None, job_id
        return loaded

    async def job(self, job_id: str) -> Job:
        """The job as the log has it."""
        return (await self.loaded(job_id)).job

    async def position(self, job_id: str) -> int:
        """Position of the job's last commit."""
        return (await self.loaded(job_id)).position

    async def commits(self, job_id: str) -> list[RecordedCommit]:
        """The job's history."""
        return [recorded async for recorded in self.store.history(job_id)]

    async def events(self, job_id: str) -> list[Event]:
        """The events of the job's history, oldest first."""
        return [event for recorded in await self.commits(job_id) for event in recorded.commit.events]

    async def until(self, job_id: str, condition: Callable[[Job], object], what: str = "the job") -> Job:
        """Wait until the job meets `condition`. Return it."""
        return await until(lambda: self.job(job_id), f"{what} {job_id}", condition)

    async def ended(self, job_id: str) -> Job:
        """Wait until the job has ended. Return it."""
        return await self.until(job_id, lambda job: job.status.terminal, "the end of the job")
