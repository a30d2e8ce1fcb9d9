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

SEALED = Sealed(b"n" * 12, b"c" * 16)
ARTIFACT = Artifact(ArtifactKind.SCENE, "key", "00", 1, "video/mp4")
MEDIA = MediaFacts(64, 64, 17, 8.0, 2.125, "h264", "yuv420p", "00")


def _submit() -> c.Submit:
    spec = Spec(SEALED, None, "m", "m", 64, 64, 17, 8, 20, 4.0, 1)
    scene = Scene(0, SEALED, 0.0, 2.125, 17, "static", "cut", 1)
    return c.Submit("submit", "ann", "default", "r", b"h" * 32, spec, Priority.MEDIUM, 2, (scene,))


def _commands(job: Job, name: str) -> list[c.Command]:
    """One of each command that somebody could give to this job, ids made from `name`."""
    worker, attempt = job.worker or "ada", job.attempt
    retryable, final = JobError("GPU", "lost", True), JobError("BAD", "cannot", False)
    other = Priority.LOW if job.priority is not Priority.LOW else Priority.HIGH
    return [
        c.Cancel(name, "ann"),
        c.Retry(name, "ann"),
        c.Reprioritize(name, "ann", other),
        c.Prefetch(name, "ann"),
        c.Erase(name, "ann"),
        c.FinishPrefetch(name, worker, ("weights",), 1),
        c.StartAttempt(name, "ada", Runtime()),
        c.StartAttempt(name, "bob", Runtime()),
        c.StartStage(name, worker, attempt, Stage.DENOISE, 0),
        c.FinishStage(name, worker, attempt, Stage.DENOISE, 1.0, 0),
        c.RecordScene(name, worker, attempt, 0, ARTIFACT),
        c.Complete(name, worker, attempt, (ARTIFACT,), MEDIA, 1.0),
        c.FailAttempt(name, worker, attempt, retryable, START),
        c.FailAttempt(name, worker, attempt, final, START),
        c.ConfirmCancel(name, worker, attempt),
        c.GiveUp(name, "reactor", final),
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
                    commit = handler.decide_from("job", LoadedJob(job, 1, b"", ""), command)
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
