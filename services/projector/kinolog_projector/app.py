"""The projector process: `python -m kinolog_projector.app`, or `kinolog-projector`. The composition root.

run      keep the read models, the archive and the ticket queue up to date (the default)
migrate  migrate the database to this version
update   migrate, and rebuild read models of another version; needs the log
rebuild  rebuild the read models from the log beside the live ones, then swap them
hash     print a hash of the rows of each read model table
restore  restore missing commits of the log from the archive; stop all other services first
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import psycopg
import sqlalchemy.exc

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.client.connection import Connection, connect
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.log.commit_feed import JetStreamCommitFeed
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.log.raw_log import JetStreamRawLog
from kinolog.adapters.jetstream.log.restore import restore
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.queue.advisories import JetStreamAdvisoryFeed
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer
from kinolog.adapters.jetstream.streams import STREAMS_OF, StreamMismatch, check_streams
from kinolog.adapters.jetstream.subjects import QUEUE_STREAMS, Service
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.command_handler import CommandHandler
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.privacy.master_key_source import load_master_keys
from kinolog.privacy.master_keys import MasterKeyUnusable
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.process.main import CannotStart, end_this_process, exit_with, run_process, stop_requested
from kinolog.process.probe import Probe, metrics_text, process_metrics
from kinolog.process.settings import ProjectorSettings
from kinolog.process.standstill_alarm import StandstillAlarm
from kinolog.process.tasks import end_tasks
from kinolog.readmodel.database import reader_pool, writer_connection
from kinolog.readmodel.tables import PROJECTION_VERSION
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import Reconciler
from kinolog_projector.dispatch.rules import TICKET_EVENTS
from kinolog_projector.dispatch.run import GuardedDispatch, run_dispatch
from kinolog_projector.dispatch.unfinished_jobs import ReadModelUnfinishedJobs
from kinolog_projector.erasure.key_audit import KeyAudit
from kinolog_projector.guard.log_guard import LogGuard
from kinolog_projector.lifecycle import NAME, serve
from kinolog_projector.projection.archive_reader import read_archive
from kinolog_projector.projection.projector import CHECK_SECONDS, Projector
from kinolog_projector.rebuild.rebuild import Rebuild, RebuildRunning
from kinolog_projector.rebuild.table_hashes import table_hashes
from kinolog_projector.schema.migrate import WrongSchema, ensure_projection, migrate_permanent_schema

DAMAGED = 3
"""Exit status when the log is damaged."""
DISPATCHER_CONSUMER, POISON_CONSUMER = "reactor", "poison"
"""Names of the durable consumers. They are storage: the server stores them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConnection:
    """A connection to the log, and a stack that closes what is built on it."""

    client: Connection
    store: JetStreamEventStore
    keys: WrappedKeyStore
    stack: AsyncExitStack


@asynccontextmanager
async def log_connection(settings: ProjectorSettings) -> AsyncIterator[LogConnection]:
    """Connect to the log, check its streams and the master key.

    Raises `LogUnavailable`, `StreamMismatch`, `MasterKeyUnusable`.
    """
    replicas = settings.nats_replicas
    master_keys = load_master_keys(settings)
    async with AsyncExitStack() as stack:
        client = await connect(settings, Service.PROJECTOR, on_lost=end_this_process)
        stack.push_async_callback(client.close)
        await check_streams(client, replicas, STREAMS_OF[Service.PROJECTOR])
        store = JetStreamEventStore(client, replicas=replicas)
        stack.push_async_callback(store.close)
        stored_keys = JetStreamKeyStore(client, replicas=replicas)
        stack.push_async_callback(stored_keys.close)
        keys = WrappedKeyStore(stored_keys, master_keys)
        await keys.check()
        yield LogConnection(client=client, store=store, keys=keys, stack=stack)


async def run(settings: ProjectorSettings) -> None:
    """Keep the read models and the queue up to date until SIGTERM or SIGINT."""
    async with log_connection(settings) as log:
        stopping = stop_requested()
        progress = JetStreamProgressFeed(log.client)
        log.stack.push_async_callback(progress.close)
        issuer = JetStreamTicketIssuer(log.client)
        log.stack.push_async_callback(issuer.close)
        workers = JetStreamWorkerRegistry(log.client)
        log.stack.push_async_callback(workers.close)
        commits = JetStreamCommitFeed(log.client, DISPATCHER_CONSUMER, kinds=TICKET_EVENTS)
        log.stack.push_async_callback(commits.close)
        advisories = JetStreamAdvisoryFeed(log.client, POISON_CONSUMER)
        log.stack.push_async_callback(advisories.close)
        database_url = settings.database_url.get_secret_value()
        pool = reader_pool(database_url, 2, "kinolog-reconciler")
        await log.stack.enter_async_context(pool)
        alarms = NatsAlarms(log.client, NAME)
        log.stack.push_async_callback(alarms.close)
        await alarms.open()
        raw_log = JetStreamRawLog(log.client)
        log.stack.push_async_callback(raw_log.close)
        guard = LogGuard(database_url, raw_log, alarms, system_clock)
        key_audit = KeyAudit(
            database_url, log.store, log.keys, head=log.keys.head, alarms=alarms, clock=system_clock
        )
        projector = Projector(
            database_url,
            log.store,
            log.keys,
            progress,
            settings.projector_batch_size,
            check_archive=guard.check_start,
            companions=(key_audit.run,),
        )
        dispatch = partial(
            run_dispatch,
            Dispatcher(commits, log.store, issuer, system_clock),
            Reconciler(
                ReadModelUnfinishedJobs(pool),
                log.store,
                issuer,
                workers,
                system_clock,
                partial(provision, log.client, settings.nats_replicas, QUEUE_STREAMS),
            ),
            PoisonTicketHandler(
                advisories, log.store, CommandHandler(log.store, system_clock), issuer, workers
            ),
        )
        guarded = GuardedDispatch(dispatch, commits)
        standstills = (
            (StandstillAlarm(alarms, "projection", system_clock), lambda: projector.standstill),
            (StandstillAlarm(alarms, "dispatch", system_clock), lambda: guarded.problem),
        )
        probe = Probe(
            settings.projector_probe_port,
            host=settings.probe_host,
            missing=lambda: [*projector.missing(), *guarded.missing(), *guard.missing()],
            metrics=(
                lambda: metrics_text(
                    [*projector.metrics(), *guarded.metrics(), *guard.metrics(), *process_metrics()]
                ),
            ),
        )
        announcing = asyncio.create_task(_announce(standstills), name="alarms")
        try:
            await serve(projector, partial(guard.beside, guarded.run), probe, stopping)
        except DamagedLog as damage:
            await guard.report(
                damage
            )  # the other processes know it longer than this one takes to start again
            raise
        finally:
            await end_tasks((announcing,))


async def _announce(standstills: Iterable[tuple[StandstillAlarm, Callable[[], str]]]) -> None:
    """Keep the alarms about parts that stand still as their problems are, until cancelled."""
    while True:
        for alarm, problem in standstills:
            await alarm.update(problem())
        await asyncio.sleep(CHECK_SECONDS)


async def migrate(settings: ProjectorSettings) -> int:
    """Migrate the database to this version and return the version of its read models. Idempotent."""
    database_url = settings.database_url.get_secret_value()
    revision = await asyncio.to_thread(migrate_permanent_schema, database_url)
    async with await writer_connection(database_url, "kinolog-migrate") as connection:
        version = await ensure_projection(connection)
    _print_line(f"the database is at revision {revision}, the read models are of version {version}")
    return version


async def update(settings: ProjectorSettings) -> None:
    """Migrate, and rebuild read models of another version."""
    if await migrate(settings) != PROJECTION_VERSION:
        await rebuild(settings)


async def rebuild(settings: ProjectorSettings) -> None:
    """Rebuild the read models."""
    async with log_connection(settings) as log:
        database_url = settings.database_url.get_secret_value()
        rebuilt = await Rebuild(database_url, log.store, log.keys, settings.projector_batch_size).run()
        _print_line(
            f"rebuilt the read models from {rebuilt.commits} commits, up to position {rebuilt.position}"
        )


async def print_hashes(settings: ProjectorSettings) -> None:
    """Print one line per table: its name and the hash of its rows."""
    database_url = settings.database_url.get_secret_value()
    async with await writer_connection(database_url, "kinolog-hash") as connection:
        for table, hashed in (await table_hashes(connection)).items():
            _print_line(f"{table:<12} {hashed}")


async def restore_log(settings: ProjectorSettings) -> None:
    """Restore missing commits of the log from the archive."""
    async with log_connection(settings) as log:
        database_url = settings.database_url.get_secret_value()
        async with await writer_connection(database_url, "kinolog-restore") as connection:
            restored = await restore(log.client, read_archive(connection))
        _print_line(f"restored {restored} commits from the archive")


COMMANDS: dict[str, Callable[[ProjectorSettings], Awaitable[object]]] = {
    "run": run,
    "migrate": migrate,
    "update": update,
    "rebuild": rebuild,
    "hash": print_hashes,
    "restore": restore_log,
}


START_ERRORS = (WrongSchema, StreamMismatch, MasterKeyUnusable, LogUnavailable, RebuildRunning, OSError)


def main() -> None:
    """Run a command. Exits with status 2 if it cannot start, 3 if the log is damaged."""
    name = sys.argv[1] if len(sys.argv) > 1 else "run"
    if name not in COMMANDS or len(sys.argv) > 2:
        exit_with(NAME, (__doc__ or "").strip())
    collect_garbage_rarely(CollectionRate.BATCHES)
    run_process(NAME, ProjectorSettings, partial(_run_command, COMMANDS[name]), START_ERRORS)


async def _run_command(
    command: Callable[[ProjectorSettings], Awaitable[object]], settings: ProjectorSettings
) -> None:
    try:
        await command(settings)
    except DamagedLog as error:
        raise CannotStart(str(error), DAMAGED) from error
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        # The first line alone: details may hold values.
        raise CannotStart(f"Postgres: {str(error).strip().splitlines()[0]}") from error


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
