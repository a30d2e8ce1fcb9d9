"""A bare grpc.aio server that answers every SubmitJob and BatchSubmitJobs with the same job."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.process import ready_line
from kinolog.v1 import job_pb2, job_service_pb2_grpc
from kinolog.v1 import job_service_pb2 as pb

PROMPT = "a red circle moving right on a blue background, slowly, in soft light"
TIME = Timestamp(seconds=1_770_000_000, nanos=123_456_000)
JOB = job_pb2.Job(
    id="a" * 26,
    tenant="default",
    actor="anonymous",
    request_id="b" * 26,
    status=job_pb2.STATUS_QUEUED,
    priority=job_pb2.PRIORITY_MEDIUM,
    spec=job_pb2.JobSpec(
        prompt=PROMPT,
        model="card",
        width=64,
        height=64,
        frames=9,
        fps=8,
        steps=4,
        guidance=5.0,
        seed=123_456_789,
    ),
    scenes=[job_pb2.Scene(prompt=PROMPT, duration_seconds=1.125, frames=9, seed=123_456_789)],
    created_at=TIME,
    updated_at=TIME,
    version=3,
    position=1,
)


class Echo(job_service_pb2_grpc.JobServiceServicer):
    """Answers at once."""

    async def SubmitJob(self, request: pb.SubmitJobRequest, context: Any) -> pb.SubmitJobResponse:  # noqa: N802
        """Return a response as large as a real one."""
        return pb.SubmitJobResponse(job=JOB, position=1, created=True)

    async def BatchSubmitJobs(  # noqa: N802 - named by the contract
        self, request: pb.BatchSubmitJobsRequest, context: Any
    ) -> pb.BatchSubmitJobsResponse:
        """Return a result for each job."""
        results = [pb.BatchSubmitResult(job_id=JOB.id, position=1, created=True) for _ in request.requests]
        return pb.BatchSubmitJobsResponse(results=results, position=1)


async def serve() -> None:
    """Serve until killed."""
    server = grpc.aio.server()
    echo = Echo()  # type: ignore[abstract]  # the bench calls these two methods only
    job_service_pb2_grpc.add_JobServiceServicer_to_server(echo, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready_line.announce("echo", target=f"127.0.0.1:{port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
