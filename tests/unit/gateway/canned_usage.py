"""What the recorded api says of the use of a tenant."""

from __future__ import annotations

from kinolog.v1 import access_service_pb2 as pb
from kinolog.v1 import job_pb2

USAGE = pb.GetUsageResponse(
    tenant="default",
    queued_jobs=3,
    cost_of_day=1_200,
    log_bytes=5_000,
    limits=pb.TenantLimits(
        weight=2.0, priorities=[job_pb2.PRIORITY_LOW], max_queued_jobs=10, reads="5/second"
    ),
)
