"""Write the golden histories of this release: `python -m tests.golden.record tests/golden/vX.Y`.

Run once per release, before it; what is recorded is never changed afterwards. A later run adds the histories that the
folder lacks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kinolog.codec.commits import encode_commit
from kinolog.command_handler import CommandHandler
from kinolog.job import commands as c
from kinolog.job.values import (
    Artifact,
    ArtifactKind,
    JobError,
    JobInput,
    MediaFacts,
    Priority,
    Runtime,
    Scene,
    Sealed,
    Stage,
)
from kinolog.ports.event_store import LoadedJob
from tests.builders.jobs import spec
from tests.strategies import START

SEALED = Sealed(nonce=b"golden-nonce", ciphertext=b"ciphertext under a key that is long gone")
VIDEO = Artifact(
    kind=ArtifactKind.VIDEO,
    key="sha256/aa/aa.mp4",
    sha256="aa" * 32,
    size_bytes=12_345,
    media_type="video/mp4",
)
CLIP = Artifact(
    kind=ArtifactKind.SCENE,
    key="sha256/bb/bb.mp4",
    sha256="bb" * 32,
    size_bytes=2_345,
    media_type="video/mp4",
)
MEDIA = MediaFacts(
    width=256,
    height=256,
    frames=17,
    fps=8.0,
    duration_seconds=2.125,
    codec="h264",
    pixel_format="yuv420p",
    frame_hash="cc" * 32,
)
PICTURE = JobInput(
    role="first_frame",
    media_type="image/png",
    size_bytes=4_321,
    file=Artifact(
        kind=ArtifactKind.INPUT,
        key=f"jobs/golden00000000000000000000/{'dd' * 32}.sealed",
        sha256="dd" * 32,
        size_bytes=4_349,
        media_type="application/octet-stream",
    ),
    facts=SEALED,
)
RUNTIME = Runtime(hardware="a GPU", model_revision="revision-1", libraries={"torch": "2.13.0"})
PLACED = replace(
    RUNTIME,
    device="cuda:0",
    dtype="bfloat16",
    scheduler="UniPCMultistepScheduler",
    placement="group-offload",
    placement_reason="the device has 8 GiB",
    options={"flow_shift": "3.0"},
)
SOUNDING = replace(MEDIA, audio_codec="aac", audio_sample_rate=24_000, audio_channels=2)
LOST = JobError(code="OUT_OF_MEMORY", message="the device ran out of memory", retryable=True)
BROKEN = JobError(code="WEIGHTS_MISSING", message="the model's folder is empty", retryable=False)


def submit(scenes: int = 1) -> c.Submit:
    """Return a submit with so many scenes."""
    asked = spec(
        prompt=SEALED,
        negative_prompt=SEALED,
        width=256,
        height=256,
        frames=17,
        steps=20,
        guidance=4.0,
        style="noir",
        webhook=SEALED,
    )
    plan = tuple(
        Scene(
            index=n,
            prompt=SEALED,
            start_seconds=2.0 * n,
            duration_seconds=2.0,
            frames=16,
            camera="pan left",
            transition="cut",
            seed=7 + n,
        )
        for n in range(scenes)
    )
    return c.Submit(
        id="submit",
        actor="ann",
        tenant="default",
        request_id="golden",
        body_hash=b"h" * 32,
        spec=asked,
        priority=Priority.HIGH,
        max_attempts=3,
        scenes=plan,
        key_id="golden-key",
    )


def submit_with_everything() -> c.Submit:
    """Return a submit that starts from a picture, with a title, a codec, and scenes of a language model."""
    plain = submit(2)
    return replace(
        plain,
        spec=replace(
            plain.spec,
            codec="av1",
            crf=30,
            title=SEALED,
            tagged=True,
            prompt_writer="a language model",
            inputs=(PICTURE,),
        ),
    )


def work(worker: str, attempt: int) -> list[c.Command]:
    """Return the commands of a worker up to a rendered scene."""
    start = f"{attempt}-start"
    return [
        c.StartAttempt(id=start, actor=worker, runtime=RUNTIME),
        _record_stage(f"{attempt}-a", worker, attempt),
        _record_stage(f"{attempt}-b", worker, attempt, seconds=1.25),
        c.RecordScene(id=f"{attempt}-c", actor=worker, attempt=attempt, scene=0, artifact=CLIP),
    ]


def _record_stage(command_id: str, worker: str, attempt: int, seconds: float | None = None) -> c.RecordStages:
    """Return a report of one stage. The decider moves its time, which is after every commit, to that of its commit."""
    mark = c.StageMark(stage=Stage.DENOISE, scene=0, at=START + timedelta(days=1), seconds=seconds)
    return c.RecordStages(id=command_id, actor=worker, attempt=attempt, marks=(mark,))


HISTORIES: dict[str, list[c.Command]] = {
    "completed": [
        submit(2),
        c.Prefetch(id="p", actor="ann"),
        c.FinishPrefetch(id="q", actor="ada-1", assets=("weights", "prompt"), size_bytes=10),
        c.Reprioritize(id="r", actor="ann", priority=Priority.CRITICAL),
        *work("ada-1", 1),
        c.Complete(
            id="done", actor="ada-1", attempt=1, artifacts=(VIDEO, CLIP), media=MEDIA, gpu_seconds=3.5
        ),
    ],
    "started-from-a-picture": [
        submit_with_everything(),
        *work("ada-1", 1),
        c.RecordRuntime(id="runtime", actor="ada-1", attempt=1, runtime=PLACED),
        c.Complete(id="done", actor="ada-1", attempt=1, artifacts=(VIDEO,), media=SOUNDING, gpu_seconds=3.5),
    ],
    "lost-worker": [
        submit(),
        *work("ada-1", 1),
        *work("bob-1", 2),
        c.Complete(id="done", actor="bob-1", attempt=2, artifacts=(VIDEO,), media=MEDIA, gpu_seconds=1.5),
    ],
    "cancelled-while-running": [
        submit(),
        *work("ada-1", 1),
        c.Cancel(id="cancel", actor="ann", reason=SEALED),
        c.ConfirmCancel(id="stopped", actor="ada-1", attempt=1),
    ],
    "failed-retried-erased": [
        submit(),
        *work("ada-1", 1),
        c.FailAttempt(id="f1", actor="ada-1", attempt=1, error=LOST, retry_at=START + timedelta(seconds=5)),
        *work("ada-2", 2),
        c.FailAttempt(id="f2", actor="ada-2", attempt=2, error=BROKEN, retry_at=START),
        c.Retry(id="again", actor="ann"),
        c.Cancel(id="never mind", actor="ann"),
        c.Erase(id="erase", actor="ann"),
    ],
    "poisoned": [
        submit(),
        c.GiveUp(
            id="poison",
            actor="reactor",
            error=JobError(code="POISONED", message="no worker could", retryable=False),
        ),
    ],
}


def record(name: str, write: Callable[[bytes], object]) -> None:
    """Send the commands of a history to a job and write each stored commit after its length (4 bytes, big-endian)."""
    now, tail = START, None
    handler = CommandHandler(None, lambda: now)  # type: ignore[arg-type]  # stores nothing
    for position, command in enumerate(HISTORIES[name], 1):
        now += timedelta(seconds=10, microseconds=position)
        commit = handler.decide_from("golden00000000000000000000", tail, command)
        if commit is None:
            raise ValueError(f"{name}: {command} leads to nothing")
        encoded = encode_commit(commit)
        tail = LoadedJob(job=commit.state, position=position, digest=encoded.digest, command_id=command.id)
        write(len(encoded.raw).to_bytes(4, "big") + encoded.raw)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for history in HISTORIES:
        path = folder / f"{history}.log"
        if not path.exists():
            with path.open("xb") as file:
                record(history, file.write)
