"""The gRPC server: the services, health and reflection on one port."""

from __future__ import annotations

import asyncio
import contextlib

import grpc
from grpc_health.v1 import health
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from kinolog.connections.tls import ServerCertificate
from kinolog.process.tasks import end_tasks, keep_running
from kinolog.tenants import followed_file
from kinolog_api.alarms.log_watch import CHECK_SECONDS, LogWatch
from kinolog_api.api_keys import key_directory
from kinolog_api.api_keys.key_use_recorder import KeyUseRecorder
from kinolog_api.dependencies import ApiDependencies
from kinolog_api.health import CHECK_INTERVAL_SECONDS, HealthMonitor
from kinolog_api.identity_tokens import token_verifier
from kinolog_api.inputs.store_sweep import SWEEP_SECONDS
from kinolog_api.jobs import erase_job
from kinolog_api.limits import use_follower
from kinolog_api.limits.retention import ROUND_SECONDS
from kinolog_api.public_services import health_handler, reflection_handler
from kinolog_api.reads import read_recorder
from kinolog_api.reads.read_recorder import ReadRecorder
from kinolog_api.rpc.arriving_messages import StrangerMessages
from kinolog_api.rpc.call_origin import OwnUserCalls
from kinolog_api.rpc.calls import CallGuard, service_handler
from kinolog_api.rpc.freshness import Freshness
from kinolog_api.rpc.rates.request_rates import RequestRates
from kinolog_api.rpc.ticket_authentication import TicketAuthenticator
from kinolog_api.rpc.validation import RequestRules
from kinolog_api.server_credentials import server_credentials
from kinolog_api.services import (
    ACCESS_SERVICE,
    ANALYTICS_SERVICE,
    AUDIT_SERVICE,
    EXPORT_SERVICE,
    JOB_SERVICE,
    SCHEDULE_SERVICE,
    TICKET_SERVICE,
    WEBHOOK_SERVICE,
    JobService,
    access_methods,
    analytics_methods,
    audit_methods,
    export_methods,
    schedule_methods,
    ticket_methods,
    webhook_methods,
)

MAX_REQUEST_BYTES = 16 * 1024 * 1024
"""A batch of 1,000 jobs fits whose prompts have 4,000 characters of any script."""
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
MAX_METADATA_BYTES = 12 * 1024
"""A token of 8,192 characters and what gRPC adds fit."""

OPTIONS = (
    ("grpc.so_reuseport", 0),  # a port in use is an error instead of a second listener
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.bdp_probe", 0),  # it would let connections send megabytes that nobody reads yet
)


def listen_address(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class ListenFailed(OSError):
    """The server cannot listen on the address. The message gives the cause and what to do."""


class ApiServer:
    """Serves the services, health and reflection. Create it inside the event loop that runs it."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        rules = RequestRules()
        self.freshness = Freshness()
        self._key_directory = dependencies.key_directory
        self._policies = dependencies.policies
        self._tokens = dependencies.tokens
        self._key_uses = KeyUseRecorder(dependencies.key_uses, dependencies.clock)
        authenticator = TicketAuthenticator(
            dependencies.authenticator, dependencies.ticket_sealer, dependencies.clock
        )
        self._own_user_only = dependencies.own_user_only
        self._guard = guard = CallGuard(
            authenticator,
            self._key_directory,
            self._key_uses,
            rules,
            self.freshness,
            RequestRates(dependencies.policies),
            dependencies.clock,
        )
        self._job_service = JobService(dependencies, rules)
        self.current_use = self._job_service.current_use
        self._health = HealthServicer()
        self.health_monitor = HealthMonitor(
            self._health, dependencies, self._job_service.broadcast, self.freshness
        )
        self._log_watch = LogWatch(
            dependencies.raw_log, dependencies.read_model, dependencies.alarms, dependencies.clock
        )
        self.reads = ReadRecorder(
            dependencies.read_log,
            dependencies.store,
            dependencies.keys,
            dependencies.alarms,
            dependencies.clock,
            dependencies.read_rules,
        )
        self._server = grpc.aio.server(options=OPTIONS)
        services = {
            JOB_SERVICE: self._job_service.methods(),
            ANALYTICS_SERVICE: analytics_methods(dependencies),
            AUDIT_SERVICE: audit_methods(dependencies),
            EXPORT_SERVICE: export_methods(dependencies),
            ACCESS_SERVICE: access_methods(dependencies, self._job_service.tenant_bytes),
            TICKET_SERVICE: ticket_methods(dependencies, authenticator, self._job_service.queries),
            SCHEDULE_SERVICE: schedule_methods(self._job_service.schedules),
            WEBHOOK_SERVICE: webhook_methods(
                dependencies, self._job_service.webhook_facts, self._job_service.job_webhooks
            ),
        }
        names = [*(service.full_name for service in services), health.SERVICE_NAME, reflection.SERVICE_NAME]
        self._server.add_generic_rpc_handlers(
            (
                *(
                    service_handler(service, guard, self.reads.recording(service, methods))
                    for service, methods in services.items()
                ),
                health_handler(self._health, guard.strangers),
                reflection_handler(names, StrangerMessages()),
            )
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int, certificate: ServerCertificate | None = None) -> int:
        """Listen, encrypted with a certificate. Return the port, which the system selects if `port` is 0.

        Raises `ListenFailed`, and `CertificateUnusable`.
        """
        address = listen_address(host, port)
        try:
            if certificate is None:
                bound = self._server.add_insecure_port(address)
            else:
                bound = self._server.add_secure_port(address, server_credentials(certificate))
        except RuntimeError as error:
            raise ListenFailed(
                f"cannot listen on {address}: another program uses the port, or the address is not one of this "
                "machine; set KINOLOG_API_PORT or KINOLOG_API_HOST"
            ) from error
        if self._own_user_only:
            self._guard.own_user = OwnUserCalls(host, bound)
        self._job_service.key_pool.open()
        await self.health_monitor.check()
        await self._server.start()
        self._tasks = [
            asyncio.create_task(
                keep_running("the check of the health", self.health_monitor.run, CHECK_INTERVAL_SECONDS),
                name="health",
            ),
            asyncio.create_task(
                keep_running("the check of the log", self._log_watch.run, CHECK_SECONDS), name="log watch"
            ),
            asyncio.create_task(
                keep_running(
                    "the end of interrupted erasures",
                    self._job_service.erase_job.finish_interrupted,
                    erase_job.RETRY_SECONDS,
                ),
                name="erasures",
            ),
            asyncio.create_task(
                keep_running(
                    "the end of jobs that are kept no longer", self._job_service.retention.run, ROUND_SECONDS
                ),
                name="retention",
            ),
            asyncio.create_task(
                keep_running("the sweep of the store", self._job_service.store_sweep.run, SWEEP_SECONDS),
                name="store sweep",
            ),
            asyncio.create_task(
                keep_running("the stream of API keys", self._key_directory.run, key_directory.RETRY_SECONDS),
                name="api keys",
            ),
            asyncio.create_task(
                keep_running("the file of tenants", self._policies.check, followed_file.CHECK_SECONDS),
                name="tenants",
            ),
            asyncio.create_task(
                keep_running(
                    "the use of tenants", self._job_service.use_follower.run, use_follower.RETRY_SECONDS
                ),
                name="use of tenants",
            ),
        ]
        self._tasks.append(
            asyncio.create_task(
                keep_running("the record of reads", self.reads.run, read_recorder.RETRY_SECONDS), name="reads"
            )
        )
        self._tasks.append(
            asyncio.create_task(
                keep_running("the runs of schedules", self._job_service.schedule_runs.run, CHECK_SECONDS),
                name="schedules",
            )
        )
        if self._tokens is not None:
            self._tasks.append(
                asyncio.create_task(
                    keep_running("the keys of issuers", self._tokens.refresh, token_verifier.CHECK_SECONDS),
                    name="keys of issuers",
                )
            )
        return bound

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Report NOT_SERVING, end the streams, let calls in progress finish within `grace_seconds`, then close."""
        await end_tasks(self._tasks)
        with contextlib.suppress(asyncio.CancelledError):
            await self._health.enter_graceful_shutdown()
        await self._job_service.broadcast.close()
        await self._server.stop(grace_seconds)
        await self._job_service.key_pool.close()
        await self._job_service.writes.close()
        await self._key_uses.close()
        await self.reads.close()
