"""Apply commands to a job without a log."""

from __future__ import annotations

from datetime import datetime

from kinolog.command_handler import CommandHandler
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.ports.event_store import LoadedJob


def decided(
    loaded: LoadedJob | None, command: c.Command, at: datetime
) -> tuple[tuple[e.Event, ...], LoadedJob]:
    """Return the events of a command at a time, and the job after it."""
    handler = CommandHandler(store=None, clock=lambda: at)  # type: ignore[arg-type]  # never stores
    commit = handler.decide_from("a" * 26, loaded, command)
    assert commit is not None
    return commit.events, LoadedJob(job=commit.state, position=1, digest=b"", command_id=command.id)
