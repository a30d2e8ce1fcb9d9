"""Lists and counts from the read model, no older than the caller asks for."""

from __future__ import annotations

from grpc import StatusCode

from kinolog.codec.enums import PRIORITY_TO_WIRE, STAGE_TO_WIRE, STATUS_TO_WIRE
from kinolog.codec.times import time_to_proto
from kinolog.codec.values import artifact_to_proto, error_to_proto, media_to_proto
from kinolog.job.values import Status
from kinolog.ports.event_store import EventStore
from kinolog.ports.read_model import JobQuery, JobRow, ReadModel
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.errors import FieldViolation, RpcError, invalid
from kinolog_api.rpc.filters import read_filter, read_order
from kinolog_api.rpc.page_tokens import cursor_in, page_token, query_of

JOBS = 20
"""Jobs of a page when the request does not say."""

WAIT_SECONDS = 10.0
"""How long a read waits for a position when the caller sets no deadline, or a later one."""


class ListJobs:
    """ListJobs and SummarizeJobs."""

    def __init__(self, store: EventStore, read_model: ReadModel) -> None:
        self._store = store
        self._read_model = read_model

    async def list_jobs(self, request: pb.ListJobsRequest, call: Call) -> pb.ListJobsResponse:
        """ListJobs."""
        if request.page_token and request.offset:
            raise invalid([FieldViolation("offset", "give page_token or offset, not both")])
        same = query_of(request, call.tenant)
        query = JobQuery(
            filter=read_filter(request.filter, "filter"),
            order=read_order(request.order_by),
            page_size=request.page_size or JOBS,
            cursor=cursor_in(request.page_token, same) if request.page_token else "",
            offset=request.offset,
        )
        await self.catch_up(request.min_position, call)
        page = await self._read_model.list_jobs(call.tenant, query)
        return pb.ListJobsResponse(
            jobs=map(put_row, page.rows),
            next_page_token=page_token(page.next_cursor, same),
            total_size=page.total,
            position=page.position,
        )

    async def summarize_jobs(self, request: pb.SummarizeJobsRequest, call: Call) -> pb.SummarizeJobsResponse:
        """SummarizeJobs."""
        wanted = read_filter(request.filter, "filter")
        await self.catch_up(request.min_position, call)
        summary = await self._read_model.summarize(call.tenant, wanted)
        return pb.SummarizeJobsResponse(
            total=summary.total,
            queued=summary.counts.get(Status.QUEUED, 0),
            processing=summary.counts.get(Status.PROCESSING, 0),
            completed=summary.counts.get(Status.COMPLETED, 0),
            failed=summary.counts.get(Status.FAILED, 0),
            cancelled=summary.counts.get(Status.CANCELLED, 0),
            position=summary.position,
        )

    async def catch_up(self, position: int, call: Call) -> None:
        """Wait until the read model has seen `position`, as long as the caller does.

        Raises OUT_OF_RANGE for a position that the log has not reached itself, `NotYet` when time runs out.
        """
        if not position or await self._read_model.position() >= position:
            return
        last = await self._store.last_position()
        if position > last:
            message = f"min_position: {position} is not in the log, which ends at {last}"
            facts = {"last_position": str(last)}
            raise RpcError(StatusCode.OUT_OF_RANGE, "POSITION_AHEAD", message, metadata=facts)
        await self._read_model.wait_for(position, call.seconds_left(WAIT_SECONDS))


def put_row(row: JobRow) -> job_pb2.Job:
    """A job of a list for clients: without its scenes, stages and attempts, which GetJob answers."""
    wire = job_pb2.Job(
        id=row.id,
        tenant=row.tenant,
        actor=row.actor,
        request_id=row.request_id,
        status=STATUS_TO_WIRE[row.status],
        priority=PRIORITY_TO_WIRE[row.priority],
        spec=_spec(row),
        attempt=row.attempt,
        worker=row.worker,
        stage=STAGE_TO_WIRE[row.stage] if row.stage else job_pb2.STAGE_UNSPECIFIED,
        percent=row.percent,
        eta_seconds=row.eta_seconds,
        artifacts=map(artifact_to_proto, row.artifacts),
        media=media_to_proto(row.media) if row.media else None,
        error=error_to_proto(row.error) if row.error else None,
        cancel_requested=row.cancel_requested,
        erased=row.erased,
        gpu_seconds=row.gpu_seconds,
        version=row.version,
        position=row.position,
    )
    time_to_proto(wire.created_at, row.created_at)
    time_to_proto(wire.updated_at, row.updated_at)
    if row.started_at is not None:
        time_to_proto(wire.started_at, row.started_at)
    if row.finished_at is not None:
        time_to_proto(wire.finished_at, row.finished_at)
    if row.not_before is not None:
        time_to_proto(wire.not_before, row.not_before)
    return wire


def _spec(row: JobRow) -> job_pb2.JobSpec:
    return job_pb2.JobSpec(
        prompt=row.prompt,
        negative_prompt=row.negative_prompt,
        model=row.model,
        width=row.width,
        height=row.height,
        frames=row.frames,
        fps=row.fps,
        steps=row.steps,
        guidance=row.guidance,
        seed=row.seed,
        style=row.style,
    )
