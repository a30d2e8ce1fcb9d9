"""The picture in docs/state-machine.md and the decider say the same."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kinolog.command_handler import CommandHandler
from kinolog.job import commands as c
from kinolog.job.decide import Refused
from kinolog.job.state import Job
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

PICTURE = Path(__file__).parents[3] / "docs" / "state-machine.md"
ARROW = re.compile(r"^\s+(\[\*\]|\w+) --> (\w+): (\w+)$", re.MULTILINE)
DEPTH = 6

SEALED = Sealed(nonce=b"n" * 12, ciphertext=b"c" * 16)
ARTIFACT = Artifact(kind=ArtifactKind.SCENE, key="key", sha256="00", size_bytes=1, media_type="video/mp4")
MEDIA = MediaFacts(
    width=64,
    height=64,
    frames=17,
    fps=8.0,
    duration_seconds=2.125,
    codec="h264",
    pixel_format="yuv420p",
    frame_hash="00",
)


def _submit() -> c.Submit:
    spec = Spec(
        prompt=SEALED,
        negative_prompt=None,
        model="m",
        model_class="m",
        width=64,
        height=64,
        frames=17,
        fps=8,
        steps=20,
        guidance=4.0,
        seed=1,
    )
    scene = Scene(
        index=0,
        prompt=SEALED,
        start_seconds=0.0,
        duration_seconds=2.125,
        frames=17,
        camera="static",
        transition="cut",
        seed=1,
    )
    return c.Submit(
        id="submit",
        actor="ann",
        tenant="default",
        request_id="r",
        body_hash=b"h" * 32,
        spec=spec,
        priority=Priority.MEDIUM,
        max_attempts=2,
        scenes=(scene,),
    )


def _commands(job: Job, name: str) -> list[c.Command]:
    """One of each command that somebody could give to this job, ids made from `name`."""
    worker, attempt = job.worker or "ada", job.attempt
    retryable, final = (
        JobError(code="GPU", message="lost", retryable=True),
        JobError(code="BAD", message="cannot", retryable=False),
    )
    other = Priority.LOW if job.priority is not Priority.LOW else Priority.HIGH
    return [
        c.Cancel(id=name, actor="ann"),
        c.Retry(id=name, actor="ann"),
        c.Reprioritize(id=name, actor="ann", priority=other),
        c.Prefetch(id=name, actor="ann"),
        c.Erase(id=name, actor="ann"),
        c.FinishPrefetch(id=name, actor=worker, assets=("weights",), size_bytes=1),
        c.StartAttempt(id=name, actor="ada", runtime=Runtime()),
        c.StartAttempt(id=name, actor="bob", runtime=Runtime()),
        c.StartStage(id=name, actor=worker, attempt=attempt, stage=Stage.DENOISE, scene=0),
        c.FinishStage(id=name, actor=worker, attempt=attempt, stage=Stage.DENOISE, seconds=1.0, scene=0),
        c.RecordScene(id=name, actor=worker, attempt=attempt, scene=0, artifact=ARTIFACT),
        c.Complete(
            id=name, actor=worker, attempt=attempt, artifacts=(ARTIFACT,), media=MEDIA, gpu_seconds=1.0
        ),
        c.FailAttempt(id=name, actor=worker, attempt=attempt, error=retryable, retry_at=START),
        c.FailAttempt(id=name, actor=worker, attempt=attempt, error=final, retry_at=START),
        c.ConfirmCancel(id=name, actor=worker, attempt=attempt),
        c.GiveUp(id=name, actor="reactor", error=final),
    ]


def _essence(job: Job) -> Job:
    """The job without what grows but decides nothing, so that the search ends."""
    return replace(
        job,
        version=0,
        applied_commands=(),
        updated_at=START,
        created_at=START,
        started_at=None,
        finished_at=None,
        not_before=None,
        attempts=job.attempts[-1:],
        stages=(),
        gpu_seconds=0.0,
    )


def _arrows() -> set[tuple[str, str, str]]:
    """Every transition that commands can cause within DEPTH commands of the submit."""
    at = START
    handler = CommandHandler(None, lambda: at)  # type: ignore[arg-type]  # stores nothing
    first = handler.decide_from("job", None, _submit())
    assert first is not None
    found = {("[*]", str(first.state.status), "submit")}
    frontier, seen = [first.state], {repr(_essence(first.state))}
    for depth in range(DEPTH):
        at += timedelta(seconds=1)
        reached = []
        for job in frontier:
            for command in _commands(job, f"{depth}"):
                try:
                    commit = handler.decide_from(
                        "job", LoadedJob(job=job, position=1, digest=b"", command_id=""), command
                    )
                except Refused:
                    continue
                if commit is None:
                    continue
                found.add((str(job.status), str(commit.state.status), commit.command.name))
                if repr(_essence(commit.state)) not in seen:
                    seen.add(repr(_essence(commit.state)))
                    reached.append(commit.state)
        frontier = reached
    return found


def test_the_picture_shows_every_transition_and_no_other() -> None:
    """The arrows drawn in docs/state-machine.md are the transitions that the decider makes."""
    drawn = {match.groups() for match in ARROW.finditer(PICTURE.read_text(encoding="utf-8"))}
    assert drawn == _arrows()
