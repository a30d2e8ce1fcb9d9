"""The command that makes the logins of the database. See `kinolog_projector.app`."""

from __future__ import annotations

import asyncio

import psycopg

from kinolog.process.main import CannotStart
from kinolog.process.settings import ProjectorSettings
from kinolog.readmodel.database import libpq_url
from kinolog.readmodel.logins import make_logins
from kinolog.readmodel.roles import API_LOGIN, PROJECTOR_LOGIN
from kinolog_projector.commands import Command, CommandOptions, Report


async def logins(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Make the logins of projector and api. Idempotent. Raises `CannotStart` without their passwords."""
    projector, api = settings.projector_database_password, settings.api_database_password
    if projector is None or api is None:
        raise CannotStart("set KINOLOG_PROJECTOR_DATABASE_PASSWORD and KINOLOG_API_DATABASE_PASSWORD")

    def make() -> None:
        with psycopg.connect(
            libpq_url(settings.database_url.get_secret_value()), autocommit=True
        ) as connection:
            make_logins(
                connection,
                projector_password=projector.get_secret_value(),
                api_password=api.get_secret_value(),
            )

    await asyncio.to_thread(make)
    made = [PROJECTOR_LOGIN, API_LOGIN]
    return Report(
        f"the logins {' and '.join(made)} are made, and the first one owns the database", {"logins": made}
    )


COMMANDS: dict[str, Command] = {"logins": logins}
