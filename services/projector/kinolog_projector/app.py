"""The composition root of the projector process: `python -m kinolog_projector`, or `kinolog-projector`.

Its commands are described in `kinolog_projector.command_line`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from functools import partial

import psycopg
import sqlalchemy.exc

from kinolog.adapters.heads.configured_targets import TargetUnusable, configured_targets
from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.key_requests import KeyRequests
from kinolog.adapters.jetstream.log.commit_feed import JetStreamCommitFeed
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.provision import main as provision_main
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.queue.advisories import JetStreamAdvisoryFeed
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer
from kinolog.adapters.jetstream.queue.ticket_lanes import JetStreamTicketLanes
from kinolog.adapters.jetstream.read_log import JetStreamReadLog
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
from kinolog.process.main import CannotStart, run_process, stop_requested
from kinolog.process.metrics.process_metrics import process_metrics
from kinolog.process.probe import Probe, metrics_text
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
from kinolog_projector.command_line import command_line, command_options
from kinolog_projector.command_session import serve_commands
from kinolog_projector.database_logins import COMMANDS as LOGIN_COMMANDS
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.fair_issuer import FairTicketIssuer
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.queue_metrics import READ_SECONDS as QUEUE_SECONDS
from kinolog_projector.dispatch.queue_metrics import QueueMetrics
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
from kinolog_projector.reads.address_key_archive import AddressKeyArchive
from kinolog_projector.reads.read_archive import ReadArchive, ReadRetention
from kinolog_projector.rebuild.healing import ReadModelHealing
from kinolog_projector.rebuild.rebuild import RebuildRunning
from kinolog_projector.schema.database_damage import DatabaseDamageAlarm
from kinolog_projector.schema.revision import WrongSchema
from kinolog_projector.tree.head_sender import HeadsAlarm, HeadSender
from kinolog_projector.tree.head_signer import HeadRules
from kinolog_projector.tree.tree_follower import TreeAlarm, TreeFollower
from kinolog_projector.verify.program import VerifyProgram
from kinolog_projector.verify.schedule import VerifyAlarm, VerifySchedule
from kinolog_projector.verify.shown_progress import ShownProgress
from kinolog_projector.verify_command import COMMANDS as VERIFY_COMMANDS
from kinolog_projector.webhooks.mail_call import MailCalls
from kinolog_projector.webhooks.notifier import Notifier

COMMANDS = LOGIN_COMMANDS | LOG_COMMANDS | ACCESS_COMMANDS | VERIFY_COMMANDS

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
        heads = HeadSender(
            database_url,
            configured_targets([place.get_secret_value() for place in settings.tree_heads_to]),
            HeadsAlarm(alarms, "audit-heads", system_clock),
            system_clock,
        )
        verify = VerifySchedule(
            settings.verify_every,
            log.access_log,
            ShownProgress(database_url).store,
            VerifyAlarm(alarms, "verify", system_clock),
            system_clock,
            VerifyProgram(),
        )
        read_log = JetStreamReadLog(log.client)
        log.stack.push_async_callback(read_log.close)
        reads = ReadArchive(
            database_url,
            read_log,
            AddressKeyArchive(log.keys),
            ReadRetention(days=settings.reads_days, size_bytes=settings.reads_bytes),
            ProblemAlarm(alarms, "reads-damaged", system_clock),
            system_clock,
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
                heads.run,
                verify.run,
                reads.run,
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
        queue_metrics = QueueMetrics(pool)
        problems: tuple[tuple[ProblemAlarm, Callable[[], str]], ...] = (
            (DatabaseDamageAlarm(alarms, "projection", system_clock), lambda: projector.damage),
            (StandstillAlarm(alarms, "projection", system_clock), lambda: projector.standstill),
            (StandstillAlarm(alarms, "dispatch", system_clock), lambda: guarded.problem),
        )
        measured = (
            *(projector.metrics, guarded.metrics, issuer.metrics, guard.metrics, notifier.metrics),
            *(queue_metrics.metrics, tree.metrics, heads.metrics, verify.metrics, reads.metrics),
            process_metrics,
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
        counting = asyncio.create_task(
            keep_running("the count of the queue", queue_metrics.update, QUEUE_SECONDS),
            name="count of the queue",
        )
        try:
            await serve(projector, partial(guard.beside, guarded.run), probe, stopping)
        except DamagedLog as damage:
            await guard.report(damage)
            await alarms.leave()  # the others know it for longer than a restart of this one takes
            raise
        finally:
            await end_tasks((announcing, following, pausing, counting))


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
    TargetUnusable,
    OSError,
)


def main() -> None:
    """Run a command. Exits with status 2 if it cannot start, 3 if the log is damaged."""
    options = command_line(["run", "session", *COMMANDS]).parse_args()
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
        report = await COMMANDS[options.command](settings, command_options(options))
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
