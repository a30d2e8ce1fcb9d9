"""The gateway's one upstream: the gRPC api."""

from __future__ import annotations

import asyncio
import json
from random import SystemRandom
from typing import TypeVar

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kinolog.access.api_key import Scope
from kinolog.connections.tls import ClientCertificate
from kinolog.process.backoff import Backoff
from kinolog.v1 import (
    access_service_pb2_grpc,
    analytics_service_pb2_grpc,
    audit_service_pb2_grpc,
    export_service_pb2_grpc,
    job_service_pb2_grpc,
    schedule_service_pb2_grpc,
    ticket_service_pb2_grpc,
    webhook_service_pb2_grpc,
)
from kinolog.v1 import job_pb2 as pb
from kinolog.v1.access_service_pb2 import WhoAmIRequest
from kinolog.v1.job_service_pb2 import GetJobRequest, ListAlarmsRequest, SubmitJobRequest, SubmitJobResponse
from kinolog.v1.ticket_service_pb2 import RedeemTicketRequest
from kinolog_gateway.enum_names import scope_name
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.metadata_headers import note_metadata

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

READ_SECONDS = 15.0
"""Timeout of a call. It includes waiting for a minimum position."""
COPY_SECONDS = 120.0
"""Timeout of a submit with inputs. The api copies them."""
BULK_SECONDS = 60.0
"""Timeout of a bulk command."""
PROOF_SECONDS = 60.0
"""Timeout of a proof. It reads every file of a job completely."""
HEALTH_SECONDS = 2.0
"""Timeout of a health check."""
PARTS = ("log", "database", "live updates")
"""Parts of the api whose health it reports beside that of its services."""
MAX_MESSAGE_BYTES = 32 * 1024 * 1024

_RETRIED_METHODS = [
    "BatchSubmitJobs SubmitJob CancelJob RetryJob ReprioritizeJob PauseJob ResumeJob PrefetchJob EraseJob "
    " GetJob ListJobs SummarizeJobs",
    "PlanJob ReproduceJob GetStoryboard GetResult ListLogEntries ListModels ListWorkers ListAlarms "
    "PauseQueue ResumeQueue ListQueuePauses",
]
_RETRIED_AUDIT_METHODS = (
    "GetHistory VerifyJob SearchEvents CountCommands GetQueueAt SearchReads NoteLiveRead ListErasures GetErasure"
    " ListVerifications GetVerification CancelVerification"
    " GetTreeHead ListTreeHeads GetTreeTile GetInclusionProof GetConsistencyProof ProveReads"
)
_RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                *(
                    {"service": "kinolog.v1.JobService", "method": method}
                    for line in _RETRIED_METHODS
                    for method in line.split()
                ),
                {"service": "kinolog.v1.AnalyticsService"},
                {"service": "kinolog.v1.AccessService", "method": "WhoAmI"},
                {"service": "kinolog.v1.AccessService", "method": "ListKeys"},
                {"service": "kinolog.v1.AccessService", "method": "RevokeKey"},
                {"service": "kinolog.v1.WebhookService", "method": "ListWebhooks"},
                {"service": "kinolog.v1.WebhookService", "method": "ListDeliveries"},
                *(
                    {"service": "kinolog.v1.AuditService", "method": method}
                    for method in _RETRIED_AUDIT_METHODS.split()
                ),
            ],
            "retryPolicy": _RETRY_POLICY,
        }
    ]
}
"""Calls that gRPC may retry when the connection breaks: reads, and writes with a request id."""

OPTIONS: tuple[tuple[str, object], ...] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # The api is beside the gateway, on this machine or in its network, and calls may not be encrypted. A proxy of the
    # environment is for the web, and would see every key and prompt.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # In spite of its name the time that an attempt to connect may take at least: on a busy machine it takes a while.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A ping detects a host that disappeared. Servers accept at most one in five minutes on idle streams.
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


_BACKOFF = Backoff(first_seconds=0.1, longest_seconds=2.0)
_random = SystemRandom()


def retry_pause_seconds(failures: int) -> float:
    """Return the pause after this many failures in a row, in seconds. Random, to spread the load of many clients."""
    return _BACKOFF.seconds(failures) * _random.uniform(0.5, 1.0)


class Upstream:
    """One channel to the api, and the stubs of its services. Create it inside the event loop that uses it."""

    def __init__(self, target: str, certificate: ClientCertificate | None = None) -> None:
        """Open a channel, encrypted if there is a `certificate`. Raises `CertificateUnusable`."""
        if certificate is None:
            self._channel = aio.insecure_channel(target, options=list(OPTIONS))
        else:
            credentials = grpc.ssl_channel_credentials(*certificate.content())
            self._channel = aio.secure_channel(target, credentials, options=list(OPTIONS))
        self.jobs = job_service_pb2_grpc.JobServiceStub(self._channel)
        self.analytics = analytics_service_pb2_grpc.AnalyticsServiceStub(self._channel)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(self._channel)
        self.audit_exports = export_service_pb2_grpc.AuditExportServiceStub(self._channel)
        self.access = access_service_pb2_grpc.AccessServiceStub(self._channel)
        self.tickets = ticket_service_pb2_grpc.TicketServiceStub(self._channel)
        self.schedules = schedule_service_pb2_grpc.ScheduleServiceStub(self._channel)
        self.webhooks = webhook_service_pb2_grpc.WebhookServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    async def call(
        self,
        method: aio.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        caller: HttpCaller,
        timeout_seconds: float = READ_SECONDS,
    ) -> ResponseT:
        """Make one unary call on behalf of `caller`. Raises grpc.aio.AioRpcError."""
        call = method(request, timeout=timeout_seconds, metadata=caller.metadata)
        try:
            response = await call
        except aio.AioRpcError as error:
            note_metadata(error.trailing_metadata() or ())
            raise
        note_metadata(await call.trailing_metadata() or ())
        return response

    async def submit(self, request: SubmitJobRequest, caller: HttpCaller) -> SubmitJobResponse:
        """Submit a job. Raises grpc.aio.AioRpcError."""
        seconds = COPY_SECONDS if request.inputs else READ_SECONDS
        return await self.call(self.jobs.SubmitJob, request, caller, seconds)

    async def job(self, job_id: str, caller: HttpCaller) -> pb.Job:
        """Read a job. Raises grpc.aio.AioRpcError."""
        return (await self.call(self.jobs.GetJob, GetJobRequest(job_id=job_id), caller)).job

    async def is_serving(self) -> bool:
        """Return whether the api is ready to serve."""
        try:
            response = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_SECONDS)
        except aio.AioRpcError as error:
            # An api without a health service is ready if it answers at all.
            return error.code() is grpc.StatusCode.UNIMPLEMENTED
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    async def missing_parts(self) -> list[str]:
        """Return the parts of the api that it reports as not serving, such as `log`; none if it does not answer."""
        reported = await asyncio.gather(*map(self._is_missing, PARTS))
        return [part for part, is_missing in zip(PARTS, reported, strict=True) if is_missing]

    async def _is_missing(self, part: str) -> bool:
        request = health_pb2.HealthCheckRequest(service=part)
        try:
            response = await self._health.Check(request, timeout=HEALTH_SECONDS)
        except aio.AioRpcError:
            return False
        return bool(response.status == health_pb2.HealthCheckResponse.NOT_SERVING)

    async def alarms(self) -> list[pb.Alarm]:
        """Return the alarms that the api knows; none if it does not answer or is too old to know any."""
        try:
            response = await self.jobs.ListAlarms(ListAlarmsRequest(), timeout=HEALTH_SECONDS)
        except aio.AioRpcError:
            return []
        return list(response.alarms)

    async def close(self) -> None:
        """Cancel every call and close the channel."""
        await self._channel.close(None)


async def redeem(upstream: Upstream, ticket: str) -> HttpCaller:
    """Exchange a ticket, once, for the caller of a connection. Raises like `identify`."""
    try:
        answer = await upstream.call(
            upstream.tickets.RedeemTicket, RedeemTicketRequest(ticket=ticket), HttpCaller()
        )
    except aio.AioRpcError as error:
        raise grpc_errors.from_call(error) from None
    return HttpCaller(key=answer.credential, tenant=answer.tenant, scopes=frozenset({Scope.READ}))


async def identify(upstream: Upstream, key: str) -> HttpCaller:
    """Ask the api who presents a key. Raises `HttpProblemError`, with status 401 for a key that is not valid."""
    try:
        answer = await upstream.call(upstream.access.WhoAmI, WhoAmIRequest(), HttpCaller(key=key))
    except aio.AioRpcError as error:
        raise grpc_errors.from_call(error) from None
    scopes = frozenset(Scope(name) for number in answer.scopes if (name := scope_name(number)) is not None)
    tenant = "" if answer.every_tenant else answer.tenant
    return HttpCaller(key=key, tenant=tenant, scopes=scopes)
