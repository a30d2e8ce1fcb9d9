"""A commit: one decision about one job, as the log stores it. See docs/decisions/0001."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kinolog.job.commands import NO_ORIGIN, CommandOrigin
from kinolog.job.events import Completed, Event, SceneRendered
from kinolog.job.state import Job
from kinolog.job.values import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFacts:
    """The command of a commit, who sent it, and from where."""

    name: str
    id: str
    actor: str
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A command, the events that it produced, and the state after them.

    `version` is the number of events of the job, including these. `previous_position` and `previous_hash` chain the
    commits of the job; they are 0 and empty in the first.
    """

    job_id: str
    command: CommandFacts
    events: tuple[Event, ...]
    state: Job
    fold_version: int
    version: int
    previous_position: int
    previous_hash: bytes
    at: datetime

    @property
    def tenant(self) -> str:
        """The tenant of the job."""
        return self.state.tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCommit:
    """A commit at its position in the log. `raw` is the stored message, `digest` the SHA-256 in it."""

    position: int
    commit: Commit
    digest: bytes
    raw: bytes


def artifacts_ever_made(history: Iterable[RecordedCommit]) -> list[Artifact]:
    """Return the files that a job ever made, scenes of earlier attempts included, each once."""
    made: dict[str, Artifact] = {}
    for recorded in history:
        for event in recorded.commit.events:
            match event:
                case Completed(artifacts=artifacts):
                    files = artifacts
                case SceneRendered(artifact=artifact, thumbnail=thumbnail):
                    files = (artifact,) if thumbnail is None else (artifact, thumbnail)
                case _:
                    continue
            for file in files:
                made.setdefault(file.key, file)
    return list(made.values())
