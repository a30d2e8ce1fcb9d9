"""When a job of `kinolog generate` starts: the options, and what they stand for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer

from kinolog.durations import written_length, written_moment
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode

StartAfterOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--start-after",
        metavar="LENGTH|TIME",
        help="Start no earlier: 2h from now, or a time such as 2026-12-24T22:00 in the zone of this machine.",
    ),
]
StartTimeoutOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--start-timeout",
        metavar="LENGTH",
        help="Fail if no attempt has started after 45s, 10m, 12h or 3d; counts from --start-after.",
    ),
]


def start_time(text: str | None) -> datetime | None:
    """Return the time of `--start-after`. Raises `CommandFailed` for a text that is none."""
    if text is None:
        return None
    time = written_moment(text, datetime.now(UTC))
    if time is None:
        raise CommandFailed(
            ExitCode.USAGE,
            f"--start-after: {text!r} is no length and no time; write 45s, 10m, 2h, 3d or 2026-12-24T22:00",
        )
    return time


def start_timeout_seconds(text: str | None) -> int | None:
    """Return the seconds of `--start-timeout`. Raises `CommandFailed` for a text that is no length."""
    if text is None:
        return None
    length = written_length(text)
    if not length:
        raise CommandFailed(
            ExitCode.USAGE, f"--start-timeout: {text!r} is no length of time; write 45s, 10m, 12h or 3d"
        )
    return int(length.total_seconds())
