"""Commands about the facts about API keys. See `kinolog_projector.app`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from kinolog.backup.manifest import UnusableBackup
from kinolog.counts import counted
from kinolog.process.settings import ProjectorSettings
from kinolog.readmodel.database import writer_connection
from kinolog_projector.access.access_archive import add_noted
from kinolog_projector.access.access_restore import FilledAccess, fill_access, noted_commits
from kinolog_projector.commands import Command, CommandOptions, Report, naming_damage
from kinolog_projector.log_connection import log_connection


@naming_damage
async def fill(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Make stream and archive of the facts about API keys whole from each other."""
    return _report(await _filled(settings))


async def load_noted(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Add the facts about API keys that a file has, where they continue those that are there."""
    if options.folder is None:
        raise UnusableBackup("name the file with --folder")
    noted = noted_commits(await asyncio.to_thread(options.folder.read_text, encoding="ascii"))
    database_url = settings.database_url.get_secret_value()
    async with await writer_connection(database_url, "kinolog-access-note") as connection:
        added = await add_noted(connection, noted)
    if added is None:
        text = "the API keys that were here before are of another installation: those of the backup are kept"
        return Report(text, {"added": 0, "other": True})
    filled = await _filled(settings)
    return Report(
        f"kept {counted(added, 'later fact')} about API keys",
        asdict(filled) | {"added": added, "other": False},
    )


async def _filled(settings: ProjectorSettings) -> FilledAccess:
    database_url = settings.database_url.get_secret_value()
    async with (
        log_connection(settings) as log,
        await writer_connection(database_url, "kinolog-access-fill") as connection,
    ):
        return await fill_access(connection, log.access_log)


def _report(filled: FilledAccess) -> Report:
    text = f"the stream of API keys got {counted(filled.restored, 'message')} back from its archive"
    problem = f"the stream of API keys is damaged: {filled.problem}" if filled.problem else ""
    return Report(problem or text, asdict(filled))


COMMANDS: dict[str, Command] = {"fill-access": fill, "load-access": load_noted}
