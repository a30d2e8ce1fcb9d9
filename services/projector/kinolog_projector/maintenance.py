"""The commands of the projector's program that end by themselves: migrate, rebuild, inspect, restore."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from kinolog.adapters.jetstream.log.restore import restore as refill_log
from kinolog.adapters.jetstream.provision import replace_stream
from kinolog.adapters.jetstream.streams import StreamMissing
from kinolog.adapters.jetstream.subjects import ACCESS, EVENTS
from kinolog.adapters.obstore.configured_store import configured_artifacts
from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import UnusableBackup
from kinolog.command_handler import CommandHandler
from kinolog.counts import counted
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import RESTORE, DamagedLog
from kinolog.privacy.master_key_source import load_master_keys
from kinolog.process.settings import BackupSettings, ProjectorSettings
from kinolog.readmodel.database import writer_connection
from kinolog.readmodel.tables import PROJECTION_VERSION
from kinolog_projector.access.access_restore import fill_access, noted_access
from kinolog_projector.backup.backup import Backup
from kinolog_projector.backup.backup_load import check_master_keys, load_tables, rows_of
from kinolog_projector.commands import Command, CommandOptions, Report, naming_damage
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.log_comparison import archived_damages
from kinolog_projector.guard.log_guard import described
from kinolog_projector.log_connection import log_connection, raw_log_connection
from kinolog_projector.projection.archive_reader import read_archive
from kinolog_projector.rebuild.rebuild import Rebuild
from kinolog_projector.rebuild.replay_check import ReplayCheck
from kinolog_projector.rebuild.table_hashes import table_hashes
from kinolog_projector.restore.archive_repair import repair_archive
from kinolog_projector.restore.damaged_pages import mend as mend_relations
from kinolog_projector.restore.damaged_pages import salvage as salvage_tables
from kinolog_projector.restore.erasure_note import ErasureNote, archived_erasures, logged_erasures
from kinolog_projector.restore.erasures import erase_again
from kinolog_projector.restore.inspection import inspect_all
from kinolog_projector.restore.key_restore import restore_keys
from kinolog_projector.restore.settlement import settle as settle_all
from kinolog_projector.schema.revision import REVISION, ensure_permanent_schema, ensure_projection
from kinolog_projector.schema.row_security import make_api_login

STREAM_TRIES = 60
STREAM_PAUSE_SECONDS = 0.5
"""An update waits half a minute for streams that are provisioned at the same time."""


@naming_damage
async def migrate(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Migrate the database to this version. Idempotent."""
    database_url = settings.database_url.get_secret_value()
    async with await writer_connection(database_url, "kinolog-migrate") as connection:
        await ensure_permanent_schema(database_url, connection)
        problem = await ensure_projection(connection)
        if settings.api_database_password is not None:
            await make_api_login(connection, settings.api_database_password.get_secret_value())
    state = problem or f"the read models are of version {PROJECTION_VERSION}"
    return Report(
        f"the database is at revision {REVISION}, {state}", {"revision": REVISION, "rebuild": problem}
    )


@naming_damage
async def update(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Migrate, and rebuild read models that are of another version, incomplete or at another position."""
    migrated = await migrate(settings, options)
    if not migrated.facts["rebuild"]:
        return migrated
    for _ in range(STREAM_TRIES):
        try:
            rebuilt = await rebuild(settings, options)
            break
        except StreamMissing:
            await asyncio.sleep(STREAM_PAUSE_SECONDS)
    else:
        rebuilt = await rebuild(settings, options)
    return Report(f"{migrated.text}\n{rebuilt.text}", migrated.facts | rebuilt.facts)


@naming_damage
async def rebuild(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Rebuild the read models."""
    async with log_connection(settings) as log:
        database_url = settings.database_url.get_secret_value()
        rebuilt = await Rebuild(database_url, log.store, log.keys, settings.projector_batch_size).run()
        return Report(
            f"rebuilt the read models from {counted(rebuilt.commits, 'commit')}, up to position {rebuilt.position}",
            {"commits": rebuilt.commits, "position": rebuilt.position},
        )


@naming_damage
async def hash_tables(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Return one line per table: its name and the hash of its rows."""
    database_url = settings.database_url.get_secret_value()
    async with await writer_connection(database_url, "kinolog-hash") as connection:
        hashes = await table_hashes(connection)
    return Report("\n".join(f"{table:<12} {hashed}" for table, hashed in hashes.items()), dict(hashes))


@naming_damage
async def check(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Compare the archive with the log, and the read models with a replay of the log, while kinolog runs."""
    database_url = _url(settings)
    async with log_connection(settings) as log:
        async with await writer_connection(database_url, "kinolog-check-log") as connection:
            damages = await archived_damages(log.raw_log, ArchiveReader(connection))
        if damages:
            raise DamagedLog(f"{described(damages)}. {RESTORE}")
        checked = await ReplayCheck(database_url, log.store, log.keys, settings.projector_batch_size).run()
    facts = asdict(checked) | {"equal": not checked.differences}
    if not checked.differences:
        text = f"log, archive and {counted(checked.tables, 'table')} agree up to position {checked.position}"
        return Report(text, facts)
    lines = [f"the read models differ from the log at position {checked.position}:"]
    lines += [f"  {difference}" for difference in checked.differences]
    return Report(
        "\n".join((*lines, "Make them again with: kinolog projections rebuild")), facts, failed=True
    )


async def backup(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Copy what is new into the folder of a backup, while kinolog runs."""
    artifacts = configured_artifacts(BackupSettings().artifacts_url)
    async with log_connection(settings) as log:
        made = await Backup(
            _url(settings), log.raw_log, artifacts, BackupFolder(_folder(options)), verify=options.verify
        ).make()
    lines = [
        f"backed up {counted(made.position, 'commit')} ({made.new_commits} of them written now), "
        f"{counted(made.keys, 'key')} and {counted(made.artifacts, 'file')} ({made.new_artifacts} new)",
        *(f"lost: {lost}" for lost in made.lost),
    ]
    if made.kept_keys or made.kept_log_lines:
        lines.append(
            f"kept {counted(made.kept_keys, 'key')} and {counted(made.kept_log_lines, 'log line')} of the backup "
            "before that kinolog has lost"
        )
    if made.missing:
        lines.append(f"The backup is {made.missing}")
    facts = asdict(made) | {"complete": not made.missing}
    return Report("\n".join(lines), facts, failed=bool(made.lost or made.missing))


async def check_backup(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Compare every file of a backup with its hash, and the master keys. Needs neither log nor database."""
    manifest = await asyncio.to_thread(BackupFolder(_folder(options)).checked_manifest)
    check_master_keys(manifest, load_master_keys(settings))
    return Report(manifest.checked_text, manifest.checked_facts)


async def load(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Fill empty streams and an empty database from a backup. Files are not loaded."""
    folder = BackupFolder(_folder(options))
    manifest = await asyncio.to_thread(folder.checked_manifest, artifacts=False)
    async with (
        log_connection(settings) as log,
        await writer_connection(_url(settings), "kinolog-load") as connection,
    ):
        if await log.store.last_position() or await ArchiveReader(connection).position():
            raise UnusableBackup(
                "the log or the database is not empty: a backup is loaded into empty ones only"
            )
        await refill_log(log.client, rows_of(folder, manifest))
        loaded = await load_tables(connection, folder, manifest, log.store, log.stored_keys, log.keys.unwrap)
        await fill_access(connection, log.access_log)
    return Report(
        f"loaded {counted(loaded.position, 'commit')} and {counted(loaded.keys, 'key')}", asdict(loaded)
    )


async def erased(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Return the ids of the jobs that are erased in lists and archive. Needs the database alone."""
    async with await writer_connection(_url(settings), "kinolog-erased") as connection:
        report = _noted(await archived_erasures(connection))
        return Report(report.text, report.facts | {"access": await noted_access(connection)})


async def erased_in_log(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Return the ids of the jobs that commits after a position erase. Needs the log alone, and no master key."""
    async with raw_log_connection(settings) as log:
        return _noted(await logged_erasures(log, options.after))


async def erase(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Erase the jobs whose ids a file has, in a log that is loaded from a backup."""
    listed = (await asyncio.to_thread(_folder(options).read_text, encoding="ascii")).split()
    artifacts = configured_artifacts(BackupSettings().artifacts_url)
    async with log_connection(settings) as log:
        before = await log.store.last_position()
        handler = CommandHandler(log.store, system_clock)
        jobs = await erase_again(listed, log.store, handler, log.stored_keys, artifacts)
        commits = await log.store.last_position() - before
    return Report(f"erased {counted(len(jobs), 'job')} again", {"jobs": jobs, "commits": commits})


@naming_damage
async def mend(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Make damaged indexes again, and what a migration reads. Needs the database alone."""
    async with await writer_connection(_url(settings), "kinolog-mend") as connection:
        mended = await mend_relations(connection, options.damaged_files)
    return Report("\n".join(mended.done), asdict(mended))


@naming_damage
async def inspect(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Compare log, archive, keys and read models, and say what a restore would do."""
    async with (
        log_connection(settings) as log,
        await writer_connection(_url(settings), "kinolog-inspect") as connection,
    ):
        found = await inspect_all(
            connection, log.raw_log, log.stored_keys, log.keys.unwrap, options.damaged_files
        )
    facts = asdict(found) | {"is_whole": found.is_whole, "steps": list(found.steps)}
    return Report("\n".join((*found.found, *found.steps)), facts)


async def salvage(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Write permanent tables again without their damaged pages."""
    async with await writer_connection(_url(settings), "kinolog-salvage") as connection:
        await salvage_tables(connection, options.tables)
    return Report(f"written again: {', '.join(options.tables)}", {"tables": list(options.tables)})


async def repair(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Build the archive again from every intact commit of log and archive."""
    async with (
        log_connection(settings) as log,
        await writer_connection(_url(settings), "kinolog-repair-read") as reader,
        await writer_connection(_url(settings), "kinolog-repair") as writer,
    ):
        repaired = await repair_archive(reader, writer, log.raw_log, options.trust)
    return Report(f"the archive holds {counted(repaired.position, 'commit')}", asdict(repaired))


async def refill(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Fill the log and the keys from their archives."""
    async with (
        log_connection(settings) as log,
        await writer_connection(_url(settings), "kinolog-refill") as connection,
    ):
        commits = await refill_log(log.client, read_archive(connection))
        keys = await restore_keys(connection, log.store, log.stored_keys, log.keys.unwrap)
    return Report(
        f"restored {counted(commits, 'commit')} and {counted(keys, 'key')} from the archive",
        {"commits": commits, "keys": keys},
    )


async def settle(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Rebuild read models that need it, archive the rest of the log, and compare every commit."""
    async with log_connection(settings) as log:
        settled = await settle_all(
            _url(settings),
            log.store,
            log.keys,
            log.raw_log,
            settings.projector_batch_size,
            force_rebuild=options.force_rebuild,
        )
    return Report(
        f"log and archive have the same {counted(settled.commits, 'commit')} (hash {settled.hash})",
        asdict(settled),
    )


async def restore(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Do all that `inspect` says. A damaged stream is deleted: its intact commits are in the archive by then."""
    await migrate(settings, options)
    found = (await inspect(settings, options)).facts
    lines = await _restore_access(settings)
    if found["is_whole"]:
        whole = f"nothing to restore: {counted(found['commits'], 'commit')}, hash {found['hash']}"
        return Report("\n".join((*lines, whole)), found)
    if found["repair_archive"]:
        lines.append((await repair(settings, options)).text)
    if found["replace_log"]:
        async with log_connection(settings) as log:
            await replace_stream(log.client, EVENTS, settings.nats_replicas)
    if found["refill_log"]:
        lines.append((await refill(settings, options)).text)
    settled = await settle(settings, options)
    return Report("\n".join((*lines, settled.text)), settled.facts)


async def _restore_access(settings: ProjectorSettings) -> list[str]:
    """Make the stream of API keys whole from its archive, and say so. A damaged one is deleted.

    Its intact part is archived by then.
    """
    async with (
        log_connection(settings) as log,
        await writer_connection(_url(settings), "kinolog-access") as connection,
    ):
        filled = await fill_access(connection, log.access_log)
        if filled.problem:
            await replace_stream(log.client, ACCESS, settings.nats_replicas)
            filled = await fill_access(connection, log.access_log)
    restored = f"the stream of API keys got {counted(filled.restored, 'message')} back"
    return [restored] if filled.restored else []


COMMANDS: dict[str, Command] = {
    "migrate": migrate,
    "update": update,
    "rebuild": rebuild,
    "hash": hash_tables,
    "check": check,
    "backup": backup,
    "check-backup": check_backup,
    "load": load,
    "erased": erased,
    "erased-in-log": erased_in_log,
    "erase": erase,
    "inspect": inspect,
    "restore": restore,
    "mend": mend,
    "salvage": salvage,
    "repair": repair,
    "refill": refill,
    "settle": settle,
}


def _noted(note: ErasureNote) -> Report:
    job_ids = sorted(note.jobs)
    return Report("\n".join(job_ids), {"jobs": job_ids, "position": note.position, "last": note.last})


def _folder(options: CommandOptions) -> Path:
    if options.folder is None:
        raise UnusableBackup("name the folder of the backup with --folder")
    return options.folder


def _url(settings: ProjectorSettings) -> str:
    return settings.database_url.get_secret_value()
