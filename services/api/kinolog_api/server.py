"""The gRPC server: every service over the parts that it is given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio  # type: ignore[attr-defined]  # stubs leave it out
from grpc_reflection.v1alpha import reflection

from kinolog.command_handler import CommandHandler
from kinolog.models.catalogue import Catalogue
from kinolog.ports.artifacts import ArtifactStore
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.ports.read_model import ReadModel
from kinolog.ports.workers import WorkerRegistry
from kinolog.v1 import analytics_service_pb2, audit_service_pb2, job_service_pb2
from kinolog_api.analytics.charts import ChartQueries
from kinolog_api.audit.history import JobHistory
from kinolog_api.audit.verify_job import VerifyJob
from kinolog_api.health import HealthMonitor
from kinolog_api.jobs.artifacts import ReadArtifact
from kinolog_api.jobs.catalogue import ListCatalogue
from kinolog_api.jobs.commands import JobCommands
from kinolog_api.jobs.erase_job import EraseJob
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.jobs.key_pool import KeyPool
from kinolog_api.jobs.list_jobs import ListJobs
from kinolog_api.jobs.submit_job import SubmitJob
from kinolog_api.rpc.authentication import Authenticator
from kinolog_api.rpc.calls import CallGuard, Stream, Unary, routes
from kinolog_api.rpc.tenants import TenantLookup
from kinolog_api.rpc.validation import RequestRules
from kinolog_api.watch.broadcast import WatchBroadcast
from kinolog_api.watch.watch_jobs import WatchJobs

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""A batch of 1,000 jobs with the longest prompts fits."""

OPTIONS = (
    ("grpc.so_reuseport", 0),  # so that a port that is taken is an error, not a second listener
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)

JOBS = job_service_pb2.DESCRIPTOR.services_by_name["JobService"]
ANALYTICS = analytics_service_pb2.DESCRIPTOR.services_by_name["AnalyticsService"]
AUDIT = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]


class ListenFailed(OSError):
    """The address cannot be listened on; says why and what to do."""


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """What stands behind the api. The composition root picks the implementations."""

    store: EventStore
    keys: KeyStore
    progress: ProgressFeed
    workers: WorkerRegistry
    artifacts: ArtifactStore
    read_model: ReadModel
    catalogue: Catalogue
    callers: Authenticator
    clock: Clock


class ApiServer:
    """Serves the three services, health and reflection. Make it inside the event loop that runs it."""

    def __init__(self, parts: ApiDependencies) -> None:
        reading = JobQueries(parts.store, parts.keys, parts.progress, parts.read_model)
        handler = CommandHandler(parts.store, parts.clock)
        steering = JobCommands(handler, reading, parts.read_model)
        tenancy = TenantLookup(parts.store)
        self._hub = WatchBroadcast(parts.store, parts.keys, parts.progress, tenancy)
        self._erasing = EraseJob(
            steering,
            reading,
            parts.store,
            parts.keys,
            parts.artifacts,
            parts.progress,
            parts.read_model,
        )
        rules = RequestRules()
        self._key_pool = KeyPool(parts.keys)
        submitting = SubmitJob(parts.store, parts.keys, self._key_pool, handler, parts.catalogue, rules)
        watching = WatchJobs(parts.store, self._hub, reading)
        listing = ListCatalogue(parts.catalogue, parts.workers, tenancy)
        jobs = {
            **_writes(submitting, steering, self._erasing),
            **_reads(parts, reading, listing, watching),
        }
        gate = CallGuard(parts.callers, rules)
        self._health = health_aio.HealthServicer()
        self._health_watch = HealthMonitor(self._health, parts.store, parts.read_model)
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers(
            (
                routes(JOBS, gate, jobs),
                routes(ANALYTICS, gate, _analytics(ChartQueries(parts.read_model, parts.clock))),
                routes(AUDIT, gate, _audit(parts)),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        names = [JOBS.full_name, ANALYTICS.full_name, AUDIT.full_name, health_name, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which is chosen when `port` is 0. Raises `ListenFailed`."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise ListenFailed(
                f"cannot listen on {address}: another program may use the port, or the address is not one of "
                "this machine; set KINOLOG_API_PORT or KINOLOG_API_HOST"
            ) from error
        self._key_pool.open()
        await self._health_watch.look()
        await self._server.start()
        self._tasks = [
            asyncio.create_task(self._health_watch.run()),
            asyncio.create_task(self._erasing.finish_interrupted()),
        ]
        return bound

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Say that it stops, end the streams, let calls in progress finish, then close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(asyncio.CancelledError):
            await self._health.enter_graceful_shutdown()
        await self._hub.close()
        await self._server.stop(grace_seconds)
        await self._key_pool.close()


def _writes(submitting: SubmitJob, steering: JobCommands, erasing: EraseJob) -> Mapping[str, Unary | Stream]:
    return {
        "SubmitJob": submitting.submit,
        "BatchSubmitJobs": submitting.submit_batch,
        "CancelJob": steering.cancel,
        "BulkCancelJobs": steering.bulk_cancel,
        "RetryJob": steering.retry,
        "BulkRetryJobs": steering.bulk_retry,
        "ReprioritizeJob": steering.reprioritize,
        "BulkReprioritizeJobs": steering.bulk_reprioritize,
        "PrefetchJob": steering.prefetch,
        "EraseJob": erasing.erase,
        "BulkEraseJobs": erasing.bulk_erase,
    }


def _reads(
    parts: ApiDependencies, reading: JobQueries, listing: ListCatalogue, watching: WatchJobs
) -> Mapping[str, Unary | Stream]:
    lists = ListJobs(parts.store, parts.read_model)
    return {
        "GetJob": reading.get_job,
        "GetStoryboard": reading.get_storyboard,
        "GetResult": reading.get_result,
        "ListLogEntries": reading.list_log_entries,
        "ListJobs": lists.list_jobs,
        "SummarizeJobs": lists.summarize_jobs,
        "ReadArtifact": ReadArtifact(reading, parts.artifacts).read_artifact,
        "WatchJob": watching.watch_job,
        "WatchJobs": watching.watch_jobs,
        "ListModels": listing.list_models,
        "ListWorkers": listing.list_workers,
    }


def _analytics(analytics: ChartQueries) -> Mapping[str, Unary | Stream]:
    return {
        "GetOverview": analytics.overview,
        "GetSuccessRates": analytics.success_rates,
        "GetStageTimes": analytics.stage_times,
        "GetQueueDepth": analytics.queue_depth,
        "GetTrends": analytics.trends,
        "ListActivity": analytics.activity,
    }


def _audit(parts: ApiDependencies) -> Mapping[str, Unary | Stream]:
    audit = JobHistory(parts.store, parts.keys)
    proving = VerifyJob(parts.store, parts.keys, parts.read_model, parts.artifacts)
    return {
        "GetHistory": audit.get_history,
        "VerifyJob": proving.verify_job,
        "ReplayLog": audit.replay_log,
    }
