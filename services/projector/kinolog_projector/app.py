"""The projector process: `python -m kinolog_projector.app`, or `kinolog-projector`. Picks the implementations.

run      keep the read models, the archive and the queue of tickets (the default)
migrate  bring the database up to this version
update   the same, and make read models of another version anew; the log must be there
rebuild  make the read models anew from the log, beside the live ones, and swap them in
hash     print a hash of the rows of every table of the read models
restore  refill a log that has lost commits from the archive; stop all other services first
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import psycopg
import sqlalchemy.exc
import uvloop
from pydantic import ValidationError

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.log.commit_feed import JetStreamCommitFeed
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.log.restore import restore
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.queue.advisories import JetStreamAdvisoryFeed
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer
from kinolog.adapters.jetstream.streams import USED_BY, StreamMismatch, check_streams
from kinolog.adapters.jetstream.subjects import Service
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.command_handler import CommandHandler
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.process import logs
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.process.probe import Probe, metrics_text
from kinolog.process.settings import ProjectorSettings
from kinolog.readmodel.database import reading_pool, writing_connection
from kinolog.readmodel.tables import PROJECTION_VERSION
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import Reconciler
from kinolog_projector.dispatch.rules import KINDS
from kinolog_projector.dispatch.run import run_dispatch
from kinolog_projector.dispatch.unfinished_jobs import ReadModelUnfinishedJobs
from kinolog_projector.lifecycle import NAME, serve
from kinolog_projector.projection.archive_reader import read_archive
from kinolog_projector.projection.projector import Projector
from kinolog_projector.rebuild.rebuild import Rebuild, RebuildRunning
from kinolog_projector.rebuild.table_hashes import table_hashes
from kinolog_projector.schema.migrate import WrongSchema, ensure_projection, migrate_kept

log = logging.getLogger(__name__)

CANNOT_START, DAMAGED = 2, 3
REACTOR, POISON = "reactor", "poison"
"""Durable consumers; their names are kept on the server."""


class LogConnection:
    """The log, connected."""

    def __init__(self, settings: ProjectorSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack

    async def open(self) -> None:
        """Connect. Raises `LogUnavailable`, `StreamMismatch`."""
        replicas = self._settings.nats_replicas
        self.client = await connect(self._settings, Service.PROJECTOR)
        self._stack.push_async_callback(self.client.close)
        await check_streams(self.client, replicas, USED_BY[Service.PROJECTOR])
        self.store = JetStreamEventStore(self.client, replicas=replicas)
        self._stack.push_async_callback(self.store.close)
        self.keys = JetStreamKeyStore(self.client, replicas=replicas)
        self._stack.push_async_callback(self.keys.close)


@asynccontextmanager
async def opened(settings: ProjectorSettings) -> AsyncIterator[tuple[LogConnection, AsyncExitStack]]:
    """The log, and a stack for what is built on it."""
    async with AsyncExitStack() as stack:
        its = LogConnection(settings, stack)
        await its.open()
        yield its, stack


async def run(settings: ProjectorSettings) -> None:
    """Keep the read models and the queue until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with opened(settings) as (its, stack):
        progress = JetStreamProgressFeed(its.client)
        stack.push_async_callback(progress.close)
        office = JetStreamTicketIssuer(its.client)
        stack.push_async_callback(office.close)
        workers = JetStreamWorkerRegistry(its.client)
        stack.push_async_callback(workers.close)
        commits = JetStreamCommitFeed(its.client, REACTOR, kinds=KINDS)
        stack.push_async_callback(commits.close)
        advisories = JetStreamAdvisoryFeed(its.client, POISON)
        stack.push_async_callback(advisories.close)
        database_url = settings.database_url.get_secret_value()
        pool = reading_pool(database_url, 2, "kinolog-reconciler")
        await stack.enter_async_context(pool)
        projector = Projector(database_url, its.store, its.keys, progress, settings.projector_batch_size)
        keep = partial(
            run_dispatch,
            Dispatcher(commits, its.store, office, system_clock),
            Reconciler(ReadModelUnfinishedJobs(pool), its.store, office, workers, system_clock),
            PoisonTicketHandler(
                advisories, its.store, CommandHandler(its.store, system_clock), office, workers
            ),
        )
        probe = Probe(
            settings.projector_probe_port,
            host=settings.probe_host,
            missing=projector.missing,
            metrics=(lambda: metrics_text(projector.metrics()),),
        )
        await serve(projector, keep, probe, stopping)


async def migrate(settings: ProjectorSettings) -> int:
    """Bring the database up to this version; doing so twice is no error. Answers the version of the read models."""
    database_url = settings.database_url.get_secret_value()
    revision = await asyncio.to_thread(migrate_kept, database_url)
    async with await writing_connection(database_url, "kinolog-migrate") as connection:
        version = await ensure_projection(connection)
    _say(f"the database is at revision {revision}, the read models are of version {version}")
    return version


async def update(settings: ProjectorSettings) -> None:
    """Migrate, and make read models of another version anew."""
    if await migrate(settings) != PROJECTION_VERSION:
        await rebuild(settings)


async def rebuild(settings: ProjectorSettings) -> None:
    """Make the read models anew."""
    async with opened(settings) as (its, _):
        database_url = settings.database_url.get_secret_value()
        rebuilt = await Rebuild(database_url, its.store, its.keys, settings.projector_batch_size).run()
        _say(f"rebuilt the read models from {rebuilt.commits} commits, up to position {rebuilt.position}")


async def print_hashes(settings: ProjectorSettings) -> None:
    """A line per table."""
    database_url = settings.database_url.get_secret_value()
    async with await writing_connection(database_url, "kinolog-hash") as connection:
        for table, hashed in (await table_hashes(connection)).items():
            _say(f"{table:<12} {hashed}")


async def restore_log(settings: ProjectorSettings) -> None:
    """Refill the log."""
    async with opened(settings) as (its, _):
        database_url = settings.database_url.get_secret_value()
        async with await writing_connection(database_url, "kinolog-restore") as connection:
            restored = await restore(its.client, read_archive(connection))
        _say(f"restored {restored} commits from the archive")


COMMANDS: dict[str, Callable[[ProjectorSettings], Awaitable[object]]] = {
    "run": run,
    "migrate": migrate,
    "update": update,
    "rebuild": rebuild,
    "hash": print_hashes,
    "restore": restore_log,
}


def main() -> None:
    """Run a command; the exit status is 2 when it cannot start, 3 when the log is damaged."""
    name = sys.argv[1] if len(sys.argv) > 1 else "run"
    if name not in COMMANDS or len(sys.argv) > 2:
        sys.exit(_failed((__doc__ or "").strip(), CANNOT_START))
    try:
        settings = ProjectorSettings()
    except ValidationError as error:
        first = error.errors()[0]
        setting = "_".join(map(str, first["loc"])).upper()
        sys.exit(_failed(f"KINOLOG_{setting}: {first['msg']}", CANNOT_START))
    logs.configure(NAME, settings.log_level, settings.log_format)
    collect_garbage_rarely(CollectionRate.BATCHES)
    try:
        uvloop.run(_command(name, settings))
    except DamagedLog as error:
        sys.exit(_failed(str(error), DAMAGED))
    except (WrongSchema, StreamMismatch, LogUnavailable, RebuildRunning, OSError) as error:
        sys.exit(_failed(str(error), CANNOT_START))
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        # The first line alone: details may hold values.
        sys.exit(_failed(f"Postgres: {str(error).strip().splitlines()[0]}", CANNOT_START))


async def _command(name: str, settings: ProjectorSettings) -> None:
    await COMMANDS[name](settings)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _failed(why: str, status: int) -> int:
    sys.stderr.write(f"kinolog-projector: {why}\n")
    return status


if __name__ == "__main__":
    main()
