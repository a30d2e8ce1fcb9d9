"""The composition root of the projector process: `python -m kinolog_projector`, or `kinolog-projector`.

Commands:

run      keep the read models, the archive and the ticket queue up to date (the default)
logins   as a superuser of Postgres, make the logins of projector and api, and give the database to the former
migrate  migrate the database to this version
update   migrate, and rebuild read models that need it; needs the log
rebuild  rebuild the read models from the log beside the live ones, then swap them
hash     print a hash of the rows of each read model table
check    compare log and archive, and the read models with a replay of the log, and name what differs
backup   copy what is new into the folder --folder; --verify reads the files again that it has already
check-backup  compare every file of the backup in --folder with its hash

These need all other services stopped, and `--json` prints what they found for programs:

inspect  compare log, archive, keys and read models, and say what a restore would do
restore  restore log, archive, keys and read models, and compare every commit; --trust log or archive
repair   only build the archive again from every intact commit of log and archive
refill   only fill the log and the keys from their archives
load     fill an empty log, key store and database from the backup in --folder
erased   name the jobs that are erased; needs the database alone
erased-in-log  name the jobs that are erased by commits after the position --after; needs the log alone
erase    erase the jobs that the file --folder names, in a log that was loaded
mend     only make the indexes in --damaged-files again, and the tables of one row; needs the database alone
salvage  only write the tables --tables again without their damaged pages
fill-access  make the stream of API keys and its archive whole from each other
load-access  add the facts about API keys in the file --folder that continue those that are there
settle   only rebuild read models that need it, archive the rest of the log, and compare every commit
session  run such commands in one process, as lines of JSON on standard input ask for them
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NoReturn

import psycopg
import sqlalchemy.exc

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.key_requests import KeyRequests
from kinolog.adapters.jetstream.log.commit_feed import JetStreamCommitFeed
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.provision import main as provision_main
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.queue.advisories import JetStreamAdvisoryFeed
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer
from kinolog.adapters.jetstream.queue.ticket_lanes import JetStreamTicketLanes
from kinolog.adapters.jetstream.streams import StreamMismatch
from kinolog.adapters.jetstream.subjects import QUEUE_STREAMS
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.backup.manifest import UnusableBackup
from kinolog.command_handler import CommandHandler
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.privacy.job_keys import StoredJobKeys
from kinolog.privacy.master_keys import MasterKeyUnusable
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.process.main import CannotStart, exit_with, run_process, stop_requested
from kinolog.process.probe import Probe, metrics_text, process_metrics
from kinolog.process.problem_alarm import ProblemAlarm, StandstillAlarm
from kinolog.process.settings import ProjectorSettings
from kinolog.process.tasks import end_tasks, keep_running
from kinolog.readmodel.database import reader_pool
from kinolog.tenants.followed_file import CHECK_SECONDS as TENANTS_FILE_SECONDS
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy_file import InvalidTenantsFile
from kinolog.webhooks.messages import ANNOUNCED_EVENTS
from kinolog_projector.access.access_archive import AccessArchive
from kinolog_projector.access_commands import COMMANDS as ACCESS_COMMANDS
from kinolog_projector.command_session import serve_commands
from kinolog_projector.commands import CommandOptions
from kinolog_projector.database_logins import COMMANDS as LOGIN_COMMANDS
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.fair_issuer import FairTicketIssuer
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.queue_pauses import FollowedQueuePauses
from kinolog_projector.dispatch.reconciler import Reconciler
from kinolog_projector.dispatch.rules import TICKET_EVENTS
from kinolog_projector.dispatch.run import GuardedDispatch, run_dispatch
from kinolog_projector.dispatch.start_deadlines import StartDeadlines
from kinolog_projector.dispatch.unfinished_jobs import ReadModelLateStarts, ReadModelUnfinishedJobs
from kinolog_projector.erasure.key_audit import KeyAudit
from kinolog_projector.erasure.scrub import Scrub
from kinolog_projector.guard.log_guard import LogGuard
from kinolog_projector.lifecycle import NAME, serve
from kinolog_projector.log_connection import log_connection
from kinolog_projector.maintenance import COMMANDS as LOG_COMMANDS
from kinolog_projector.projection.projector import CHECK_SECONDS, Projector
from kinolog_projector.rebuild.healing import ReadModelHealing
from kinolog_projector.rebuild.rebuild import RebuildRunning
from kinolog_projector.restore.archive_repair import Trust
from kinolog_projector.schema.database_damage import DatabaseDamageAlarm
from kinolog_projector.schema.revision import WrongSchema
from kinolog_projector.tree.head_signer import HeadRules
from kinolog_projector.tree.tree_follower import TreeAlarm, TreeFollower
from kinolog_projector.webhooks.mail_call import MailCalls
from kinolog_projector.webhooks.notifier import Notifier

COMMANDS = LOGIN_COMMANDS | LOG_COMMANDS | ACCESS_COMMANDS

FAILED = 1
"""Exit status when a check found something wrong."""
DAMAGED = 3
"""Exit status when the log is damaged."""
DISPATCHER_CONSUMER, POISON_CONSUMER, WEBHOOKS_CONSUMER = "reactor", "poison", "webhooks"
"""Names of the durable consumers. They are storage: the server stores them."""


def _mail_calls(settings: ProjectorSettings) -> MailCalls | None:
    """Return what sends e-mail; None without a mail server. Raises `CannotStart` for a password that cannot be read."""
    try:
        server = settings.mail_server()
    except ValueError as error:
        raise CannotStart(str(error)) from None
    return MailCalls(server) if server else None


async def run(settings: ProjectorSettings) -> None:
    """Keep the read models and the queue up to date until SIGTERM or SIGINT."""
    policies, mail = FollowedPolicies(settings.tenants_file), _mail_calls(settings)
    async with log_connection(settings) as log:
        stopping = stop_requested()
        progress = JetStreamProgressFeed(log.client)
        log.stack.push_async_callback(progress.close)
        in_queue = JetStreamTicketIssuer(log.client)
        log.stack.push_async_callback(in_queue.close)
        lanes = JetStreamTicketLanes(log.client)
        log.stack.push_async_callback(lanes.close)
        workers = JetStreamWorkerRegistry(log.client)
        log.stack.push_async_callback(workers.close)
        commits = JetStreamCommitFeed(log.client, DISPATCHER_CONSUMER, kinds=TICKET_EVENTS)
        log.stack.push_async_callback(commits.close)
        advisories = JetStreamAdvisoryFeed(log.client, POISON_CONSUMER)
        log.stack.push_async_callback(advisories.close)
        announced = JetStreamCommitFeed(log.client, WEBHOOKS_CONSUMER, kinds=ANNOUNCED_EVENTS)
        log.stack.push_async_callback(announced.close)
        database_url = settings.database_url.get_secret_value()
        pool = reader_pool(database_url, 2, "kinolog-reconciler")
        await log.stack.enter_async_context(pool)
        alarms = NatsAlarms(log.client, NAME)
        log.stack.push_async_callback(alarms.close)
        await alarms.open()
        queue_pauses = FollowedQueuePauses(log.access_log, alarms)
        issuer = FairTicketIssuer(in_queue, lanes, workers, policies.weight, pauses=queue_pauses)
        log.stack.push_async_callback(issuer.close)
        key_requests = KeyRequests(log.client, StoredJobKeys(log.store, log.keys))
        log.stack.push_async_callback(key_requests.close)
        await key_requests.open()
        guard = LogGuard(database_url, log.raw_log, alarms, system_clock)
        key_audit = KeyAudit(
            database_url, log.store, log.keys, head=log.keys.head, alarms=alarms, clock=system_clock
        )
        notifier = Notifier(
            database_url,
            log.store,
            log.access_log,
            log.keys,
            announced,
            alarms,
            system_clock,
            rules=settings.webhook_rules,
            recipients=lambda tenant: policies.current.of(tenant).mail_recipients,
            pauses=settings.webhook_retry_seconds,
            public_url=settings.public_url,
            mail=mail,
        )
        tree = TreeFollower(
            database_url, HeadRules.of(settings), TreeAlarm(alarms, "audit-tree", system_clock), system_clock
        )
        projector = Projector(
            database_url,
            log.store,
            log.keys,
            progress,
            settings.projector_batch_size,
            check_archive=guard.check_start,
            rebuild=ReadModelHealing(database_url, log.store, log.keys, settings.projector_batch_size).run,
            companions=(
                key_audit.run,
                Scrub(database_url, DatabaseDamageAlarm(alarms, "erased-texts", system_clock)).run,
                AccessArchive(
                    database_url, log.access_log, ProblemAlarm(alarms, "access-damaged", system_clock)
                ).run,
                notifier.run,
                tree.run,
            ),
        )
        handler = CommandHandler(log.store, system_clock)
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
            PoisonTicketHandler(advisories, log.store, handler, issuer, workers),
            issuer,
            StartDeadlines(ReadModelLateStarts(pool), handler, system_clock),
        )
        guarded = GuardedDispatch(dispatch, commits)
        problems: tuple[tuple[ProblemAlarm, Callable[[], str]], ...] = (
            (DatabaseDamageAlarm(alarms, "projection", system_clock), lambda: projector.damage),
            (StandstillAlarm(alarms, "projection", system_clock), lambda: projector.standstill),
            (StandstillAlarm(alarms, "dispatch", system_clock), lambda: guarded.problem),
        )
        measured = (
            *(projector.metrics, guarded.metrics, issuer.metrics, guard.metrics, notifier.metrics),
            *(tree.metrics, process_metrics),
        )
        probe = Probe(
            settings.projector_probe_port,
            host=settings.probe_host,
            missing=lambda: [*projector.missing(), *guarded.missing(), *guard.missing()],
            metrics=(lambda: metrics_text([metric for part in measured for metric in part()]),),
        )
        announcing = asyncio.create_task(
            keep_running("the alarms about this process", partial(_announce, problems), CHECK_SECONDS),
            name="alarms",
        )
        following = asyncio.create_task(
            keep_running("the file of tenants", policies.check, TENANTS_FILE_SECONDS), name="file of tenants"
        )
        pausing = asyncio.create_task(queue_pauses.run(), name="pauses of the queue")
        try:
            await serve(projector, partial(guard.beside, guarded.run), probe, stopping)
        except DamagedLog as damage:
            await guard.report(damage)
            await alarms.leave()  # the others know it for longer than a restart of this one takes
            raise
        finally:
            await end_tasks((announcing, following, pausing))


async def _announce(problems: Iterable[tuple[ProblemAlarm, Callable[[], str]]]) -> None:
    """Keep the alarms about parts of this process as their problems are, until cancelled."""
    while True:
        for alarm, problem in problems:
            await alarm.update(problem())
        await asyncio.sleep(CHECK_SECONDS)


START_ERRORS = (
    InvalidTenantsFile,
    WrongSchema,
    StreamMismatch,
    MasterKeyUnusable,
    LogUnavailable,
    RebuildRunning,
    UnusableBackup,
    ArtifactsUnavailable,
    OSError,
)


DESCRIPTION = (__doc__ or "").partition("\n\n")[2].strip()
"""What the commands do, for the help and for whoever types a wrong one."""


class _CommandLine(argparse.ArgumentParser):
    """A wrong command line is answered with the description of all commands."""

    def error(self, message: str) -> NoReturn:
        exit_with(NAME, f"{message}\n\n{DESCRIPTION}")


def main() -> None:
    """Run a command. Exits with status 2 if it cannot start, 3 if the log is damaged."""
    parser = _CommandLine(
        prog="kinolog-projector",
        usage="kinolog-projector [COMMAND] [OPTION ...]",
        description=DESCRIPTION.replace("%", "%%"),
        epilog="Settings are environment variables: docs/settings.md lists them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = ["run", "session", *COMMANDS]
    parser.add_argument(
        "command", nargs="?", default="run", choices=commands, metavar="COMMAND", help="see above"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    parser.add_argument("--trust", type=Trust, default=None, help="log or archive: the copy that is right")
    parser.add_argument(
        "--folder", type=Path, default=None, help="folder of the backup; of `erase` the file with ids"
    )
    parser.add_argument("--verify", action="store_true", help="read again what the backup has already")
    parser.add_argument("--damaged-files", nargs="*", default=[], help="numbers of damaged files of Postgres")
    parser.add_argument("--tables", nargs="*", default=[], help="tables with damaged pages")
    parser.add_argument("--force-rebuild", action="store_true", help="rebuild also intact read models")
    parser.add_argument("--after", type=int, default=0, help="position in the log")
    options = parser.parse_args()
    if options.command == "session":
        serve_commands({"projector": main, "provision": provision_main}, sys.stdin, sys.stdout)
        return
    collect_garbage_rarely(CollectionRate.BATCHES)
    run_process(NAME, ProjectorSettings, partial(_run_command, options), START_ERRORS)


async def _run_command(options: argparse.Namespace, settings: ProjectorSettings) -> None:
    try:
        if options.command == "run":
            await run(settings)
            return
        report = await COMMANDS[options.command](
            settings,
            CommandOptions(
                trust=options.trust,
                folder=options.folder,
                verify=options.verify,
                damaged_files=options.damaged_files,
                tables=options.tables,
                force_rebuild=options.force_rebuild,
                after=options.after,
            ),
        )
        _print_line(json.dumps(report.facts) if options.as_json else report.text)
        if report.failed:
            sys.exit(FAILED)
    except DamagedLog as error:
        raise CannotStart(str(error), DAMAGED) from error
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        # The first line alone: details may hold values.
        raise CannotStart(f"Postgres: {str(error).strip().splitlines()[0]}") from error


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":  # `python -m` of a module, as earlier deployments start it
    main()
