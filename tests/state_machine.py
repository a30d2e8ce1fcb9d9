"""The state machine of a job, explored through the decider: `python -m tests.state_machine` draws it.

The command rewrites the picture in docs/state-machine.md. The commands are the members of the union `Command`, taken
by introspection, so a new command needs an entry in `EXAMPLES` before the picture can be drawn.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias, get_args

from kinolog.job import commands as c
from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.decide import Refused, decide
from kinolog.job.evolve import fold
from kinolog.job.names import stored_name
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
    Stage,
    Status,
)
from tests.builders.jobs import spec
from tests.strategies import START

PAGE = Path(__file__).parents[1] / "docs" / "state-machine.md"
DEPTH = 6
"""Commands after the submit; a greater depth finds no further transition."""

COMMANDS: tuple[type[c.Command], ...] = get_args(c.Command)
_PICTURE = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)
_ARROW = re.compile(r"^\s+(\[\*\]|\w+) --> (\w+): (\w+)$", re.MULTILINE)

Examples: TypeAlias = Mapping[type, Callable[[Job, str], Iterable[c.Command]]]
"""Commands of a class to a job in its state; the string is the id of the commands."""


class StatusChange(NamedTuple):
    """A command that a job accepts, with the status before and after it. `before` is `[*]` for a submit."""

    before: str
    after: str
    command: str


class UncoveredCommands(Exception):
    """Commands that the decider accepts and that a picture or a law leaves out."""


def command_classes() -> set[type]:
    """Return the classes in the commands module that have an id and an actor."""
    return {
        kind
        for _, kind in inspect.getmembers(c, inspect.isclass)
        if is_dataclass(kind) and {"id", "actor"} <= {field.name for field in fields(kind)}
    }


def require_all(commands: Iterable[type], covered: Collection[type], where: str) -> None:
    """Raise `UncoveredCommands` if a command is not covered."""
    missing = sorted(kind.__name__ for kind in commands if kind not in covered)
    if missing:
        raise UncoveredCommands(f"{where} leaves out {', '.join(missing)}")


_SEALED = Sealed(nonce=b"n" * 12, ciphertext=b"c" * 16)
_ARTIFACT = Artifact(kind=ArtifactKind.SCENE, key="key", sha256="00", size_bytes=1, media_type="video/mp4")
_CHECKPOINT = StoredCheckpoint(attempt=1, scene=0, step=1, key="key", size_bytes=1)
_MEDIA = MediaFacts(
    width=64,
    height=64,
    frames=17,
    fps=8.0,
    duration_seconds=2.125,
    codec="h264",
    pixel_format="yuv420p",
    frame_hash="00",
)
_RETRYABLE = JobError(code="GPU", message="lost", retryable=True)
_FINAL = JobError(code="BAD", message="cannot", retryable=False)
_SUBMIT = c.Submit(
    id="submit",
    actor="ann",
    tenant="default",
    request_id="r",
    body_hash=b"h" * 32,
    spec=spec(frames=17),
    priority=Priority.MEDIUM,
    max_attempts=2,
    scenes=(
        Scene(
            index=0,
            prompt=_SEALED,
            start_seconds=0.0,
            duration_seconds=2.125,
            frames=17,
            camera="static",
            transition="cut",
            seed=1,
        ),
    ),
    start_timeout_seconds=DEPTH // 2,
)

EXAMPLES: Examples = {
    c.Submit: lambda job, name: [_SUBMIT],
    c.Cancel: lambda job, name: [c.Cancel(id=name, actor="ann")],
    c.Retry: lambda job, name: [c.Retry(id=name, actor="ann")],
    c.Reprioritize: lambda job, name: [
        c.Reprioritize(id=name, actor="ann", priority=priority) for priority in (Priority.LOW, Priority.HIGH)
    ],
    c.Pause: lambda job, name: [c.Pause(id=name, actor="ann")],
    c.Resume: lambda job, name: [c.Resume(id=name, actor="ann")],
    c.Prefetch: lambda job, name: [c.Prefetch(id=name, actor="ann")],
    c.Erase: lambda job, name: [c.Erase(id=name, actor="ann")],
    c.FinishErasure: lambda job, name: [
        c.FinishErasure(id=name, actor="ann", files=1, sha256=(_ARTIFACT.sha256,))
    ],
    c.FinishPrefetch: lambda job, name: [
        c.FinishPrefetch(id=name, actor=_holder(job), assets=("weights",), size_bytes=1)
    ],
    c.StartAttempt: lambda job, name: [
        c.StartAttempt(id=name, actor=worker, runtime=Runtime()) for worker in ("ada", "bob")
    ],
    c.RecordRuntime: lambda job, name: [
        c.RecordRuntime(id=name, actor=_holder(job), attempt=job.attempt, runtime=Runtime(dtype="float32"))
    ],
    c.RecordStages: lambda job, name: [
        c.RecordStages(
            id=name,
            actor=_holder(job),
            attempt=job.attempt,
            marks=(c.StageMark(stage=Stage.DENOISE, scene=0, at=START),),
        )
    ],
    c.RecordScene: lambda job, name: [
        c.RecordScene(id=name, actor=_holder(job), attempt=job.attempt, scene=0, artifact=_ARTIFACT)
    ],
    c.RecordCheckpoint: lambda job, name: [
        c.RecordCheckpoint(id=name, actor=_holder(job), attempt=job.attempt, checkpoint=_CHECKPOINT)
    ],
    c.Complete: lambda job, name: [
        c.Complete(
            id=name,
            actor=_holder(job),
            attempt=job.attempt,
            artifacts=(_ARTIFACT,),
            media=_MEDIA,
            gpu_seconds=1.0,
        )
    ],
    c.FailAttempt: lambda job, name: [
        c.FailAttempt(id=name, actor=_holder(job), attempt=job.attempt, error=error, retry_at=START)
        for error in (_RETRYABLE, _FINAL)
    ],
    c.ConfirmCancel: lambda job, name: [c.ConfirmCancel(id=name, actor=_holder(job), attempt=job.attempt)],
    c.GiveUp: lambda job, name: [c.GiveUp(id=name, actor="reactor", error=_FINAL)],
    c.Expire: lambda job, name: [c.Expire(id=name, actor="reactor")],
}


def _holder(job: Job) -> str:
    """Return the worker that holds the job, or one that could take it."""
    return job.worker or "ada"


def transitions(
    commands: Collection[type] = COMMANDS, examples: Examples = EXAMPLES
) -> frozenset[StatusChange]:
    """Return every transition that the commands cause within `DEPTH` commands after a submit.

    Raises `UncoveredCommands` if a command has no example.
    """
    require_all(commands, examples, "tests/state_machine.py")
    at = START
    first = fold(None, "job", decide(None, _SUBMIT, at), _SUBMIT.id)
    found = {StatusChange("[*]", first.status, stored_name(c.Submit))}
    frontier, seen = [first], {_decisive_state(first)}
    for depth in range(DEPTH):
        at += timedelta(seconds=1)
        reached = []
        for job in frontier:
            for command in (each for kind in commands for each in examples[kind](job, f"{depth}")):
                try:
                    events = decide(job, command, at)
                except Refused:
                    continue
                if not events:
                    continue
                after = fold(job, "job", events, command.id)
                found.add(StatusChange(job.status, after.status, stored_name(type(command))))
                if _decisive_state(after) not in seen:
                    seen.add(_decisive_state(after))
                    reached.append(after)
        frontier = reached
    return frozenset(found)


@cache
def all_transitions() -> frozenset[StatusChange]:
    """Return every transition of every command. The search takes a second, so it is done once."""
    return transitions()


def _decisive_state(job: Job) -> str:
    """Return the state of a job without what grows and decides nothing, so that the search ends."""
    reduced = replace(
        job,
        version=0,
        applied_commands=(),
        updated_at=START,
        created_at=START,
        started_at=None,
        finished_at=None,
        paused_at=START if job.paused_at else None,
        not_before=None,
        attempts=job.attempts[-1:],
        stages=(),
        gpu_seconds=0.0,
    )
    return repr(reduced)


def picture(found: Iterable[StatusChange]) -> str:
    """Return the transitions as a mermaid state diagram: by status, then in the order of the commands."""
    statuses = ["[*]", *Status]
    names = [stored_name(kind) for kind in COMMANDS]
    ordered = sorted(
        found, key=lambda t: (statuses.index(t.before), names.index(t.command), statuses.index(t.after))
    )
    arrows = "".join(f"    {t.before} --> {t.after}: {t.command}\n" for t in ordered)
    return f"stateDiagram-v2\n{arrows}"


def drawn_transitions(page: str) -> set[StatusChange]:
    """Return the transitions in the picture of a page."""
    return {StatusChange(*match.groups()) for match in _ARROW.finditer(page)}


def with_picture(page: str) -> str:
    """Return the page with its picture drawn again."""
    return _PICTURE.sub(lambda _: picture(all_transitions()), page, count=1)


if __name__ == "__main__":
    PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
