"""The gateway's one upstream: the gRPC api."""

from __future__ import annotations

import json
from typing import TypeVar

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kinolog.v1 import analytics_service_pb2_grpc, audit_service_pb2_grpc, job_service_pb2_grpc
from kinolog_gateway.http.credentials import HttpCaller

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

READ_SECONDS = 15.0
"""How long a call may take, waiting for a position included."""
BULK_SECONDS = 60.0
PROOF_SECONDS = 60.0
"""How long a proof may take: it reads the files of a job to their end."""
HEALTH_SECONDS = 2.0
MAX_MESSAGE_BYTES = 32 * 1024 * 1024

_RETRIED = [
    "BatchSubmitJobs SubmitJob CancelJob RetryJob ReprioritizeJob PrefetchJob EraseJob GetJob ListJobs SummarizeJobs",
    "GetStoryboard GetResult ListLogEntries ListModels ListWorkers",
]
_RETRY = {
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
                    for line in _RETRIED
                    for method in line.split()
                ),
                {"service": "kinolog.v1.AnalyticsService"},
                {"service": "kinolog.v1.AuditService", "method": "GetHistory"},
                {"service": "kinolog.v1.AuditService", "method": "VerifyJob"},
            ],
            "retryPolicy": _RETRY,
        }
    ]
}
"""Calls that may be sent again when the api goes away under them: reads, and writes with a request id."""

OPTIONS: tuple[tuple[str, object], ...] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A host that vanished is noticed by a ping; servers take no more than one in five minutes on idle streams.
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


class Upstream:
    """One channel to the api, and the stubs of its services. Open it inside the event loop that uses it."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.channel = aio.insecure_channel(target, options=list(OPTIONS))
        self.jobs = job_service_pb2_grpc.JobServiceStub(self.channel)
        self.analytics = analytics_service_pb2_grpc.AnalyticsServiceStub(self.channel)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(self.channel)
        self._health = health_pb2_grpc.HealthStub(self.channel)

    async def call(
        self,
        method: aio.UnaryUnaryMultiCallable[Asked, Answered],
        request: Asked,
        caller: HttpCaller,
        seconds: float = READ_SECONDS,
    ) -> Answered:
        """One unary call on behalf of `caller`. Raises grpc.aio.AioRpcError."""
        return await method(request, timeout=seconds, metadata=caller.metadata)

    async def serving(self) -> bool:
        """True when the api says that it serves."""
        try:
            answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_SECONDS)
        except aio.AioRpcError as error:
            # An api without a health service that answers at all is one that serves.
            return error.code() is grpc.StatusCode.UNIMPLEMENTED
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """End every call and the channel."""
        await self.channel.close(None)
