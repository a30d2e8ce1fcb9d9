"""Clients of every service of the api."""

from __future__ import annotations

from typing import Any

from grpc import aio

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


def method_of(channel: aio.Channel, name: str) -> Any:
    """Return the method with this name of any service."""
    stubs = (
        job_service_pb2_grpc.JobServiceStub(channel),
        analytics_service_pb2_grpc.AnalyticsServiceStub(channel),
        audit_service_pb2_grpc.AuditServiceStub(channel),
        export_service_pb2_grpc.AuditExportServiceStub(channel),
        access_service_pb2_grpc.AccessServiceStub(channel),
        ticket_service_pb2_grpc.TicketServiceStub(channel),
        webhook_service_pb2_grpc.WebhookServiceStub(channel),
        schedule_service_pb2_grpc.ScheduleServiceStub(channel),
    )
    return next(getattr(stub, name) for stub in stubs if hasattr(stub, name))
