"""What the commands of the projector's program take and return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import sqlalchemy.exc

from kinolog.access.verification import FileCheck
from kinolog.ports.event_store import DamagedLog
from kinolog.process.settings import ProjectorSettings
from kinolog_projector.restore.archive_repair import Trust
from kinolog_projector.schema.database_damage import described_damage


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """Options of a command."""

    trust: Trust | None = None
    folder: Path | None = None
    verify: bool = False
    damaged_files: Sequence[str] = ()
    tables: Sequence[str] = ()
    force_rebuild: bool = False
    after: int = 0
    files: FileCheck = FileCheck.NONE
    heads: Sequence[Path] = ()
    gently: bool = False
    progress: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a command has done: a text for people and facts for programs."""

    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    failed: bool = False
    """Whether something is wrong: the exit status is 1."""


Command: TypeAlias = Callable[[ProjectorSettings, CommandOptions], Awaitable[Report]]


def naming_damage(run: Command) -> Command:
    """Return a command that names a damaged page of Postgres as what it is, with what to do."""

    @wraps(run)
    async def named(settings: ProjectorSettings, options: CommandOptions) -> Report:
        try:
            return await run(settings, options)
        except (psycopg.InternalError, sqlalchemy.exc.DBAPIError) as error:
            cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
            if not isinstance(cause, psycopg.InternalError):
                raise
            database_url = settings.database_url.get_secret_value()
            raise DamagedLog(await described_damage(database_url, cause)) from error

    return named
