"""Writes the golden histories of this release: `python -m tests.golden.record tests/golden/vX.Y`.

Run once per release, before it; what is recorded is never changed afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from kinolog.codec.commits import encode_commit
from kinolog.command_handler import CommandHandler
from kinolog.job import commands as c
from kinolog.job.values import (
    Artifact,
    ArtifactKind,
    JobError,
    MediaFacts,
    Priority,
    Runtime,
    Scene,
    Sealed,
    Spec,
    Stage,
)
from kinolog.ports.event_store import LoadedJob
from tests.strategies import START

SEALED = Sealed(b"golden-nonce", b"ciphertext under a key that is long gone")
VIDEO = Artifact(ArtifactKind.VIDEO, "sha256/aa/aa.mp4", "aa" * 32, 12_345, "video/mp4")
CLIP = Artifact(ArtifactKind.SCENE, "sha256/bb/bb.mp4", "bb" * 32, 2_345, "video/mp4")
MEDIA = MediaFacts(256, 256, 17, 8.0, 2.125, "h264", "yuv420p", "cc" * 32)
RUNTIME = Runtime("a GPU", "revision-1", {"torch": "2.13.0"})
LOST = JobError("OUT_OF_MEMORY", "the device ran out of memory", True)
BROKEN = JobError("WEIGHTS_MISSING", "the model's folder is empty", False)


def submit(scenes: int = 1) -> c.Submit:
    """A submit with so many scenes."""
    spec = Spec(SEALED, SEALED, "kinolog-tiny", "tiny", 256, 256, 17, 8, 20, 4.0, 7, "noir", SEALED)
    plan = tuple(Scene(n, SEALED, 2.0 * n, 2.0, 16, "pan left", "cut", 7 + n) for n in range(scenes))
    return c.Submit(
        "submit", "ann", "default", "golden", b"h" * 32, spec, Priority.HIGH, 3, plan, "golden-key"
    )


def work(worker: str, attempt: int) -> list[c.Command]:
    """A worker's reports up to a rendered scene."""
    start = f"{attempt}-start"
    return [
        c.StartAttempt(start, worker, RUNTIME),
        c.StartStage(f"{attempt}-a", worker, attempt, Stage.DENOISE, 0),
        c.FinishStage(f"{attempt}-b", worker, attempt, Stage.DENOISE, 1.25, 0),
        c.RecordScene(f"{attempt}-c", worker, attempt, 0, CLIP),
    ]


HISTORIES: dict[str, list[c.Command]] = {
    "completed": [
        submit(2),
        c.Prefetch("p", "ann"),
        c.FinishPrefetch("q", "ada-1", ("weights", "prompt"), 10),
        c.Reprioritize("r", "ann", Priority.CRITICAL),
        *work("ada-1", 1),
        c.Complete("done", "ada-1", 1, (VIDEO, CLIP), MEDIA, 3.5),
    ],
    "lost-worker": [
        submit(),
        *work("ada-1", 1),
        *work("bob-1", 2),
        c.Complete("done", "bob-1", 2, (VIDEO,), MEDIA, 1.5),
    ],
    "cancelled-while-running": [
        submit(),
        *work("ada-1", 1),
        c.Cancel("cancel", "ann", "a typing mistake"),
        c.ConfirmCancel("stopped", "ada-1", 1),
    ],
    "failed-retried-erased": [
        submit(),
        *work("ada-1", 1),
        c.FailAttempt("f1", "ada-1", 1, LOST, START + timedelta(seconds=5)),
        *work("ada-2", 2),
        c.FailAttempt("f2", "ada-2", 2, BROKEN, START),
        c.Retry("again", "ann"),
        c.Cancel("never mind", "ann"),
        c.Erase("erase", "ann"),
    ],
    "poisoned": [submit(), c.GiveUp("poison", "reactor", JobError("POISONED", "no worker could", False))],
}


def record(name: str, write: Callable[[bytes], object]) -> None:
    """Give the commands of one history to a job, and write every stored commit after its length (4 bytes)."""
    now, tail = START, None
    handler = CommandHandler(None, lambda: now)  # type: ignore[arg-type]  # stores nothing
    for position, command in enumerate(HISTORIES[name], 1):
        now += timedelta(seconds=10, microseconds=position)
        commit = handler.decide_from("golden00000000000000000000", tail, command)
        if commit is None:
            raise ValueError(f"{name}: {command} leads to nothing")
        encoded = encode_commit(commit)
        tail = LoadedJob(commit.state, position, encoded.digest, command.id)
        write(len(encoded.raw).to_bytes(4, "big") + encoded.raw)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=False)
    for history in HISTORIES:
        with (folder / f"{history}.log").open("wb") as file:
            record(history, file.write)
