"""ListJobs and SummarizeJobs: lists and counts from the read model, at least as new as the caller requires."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from kinolog.codec.enums import STAGE_TO_PROTO
from kinolog.codec.plain_fields import plain_fields
from kinolog.codec.public_job import listed_job
from kinolog.job.values import Status
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.read_model import JobQuery, JobRow, ReadModel, ReadModelUnavailable
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, invalid_argument
from kinolog_api.rpc.filters import parse_filter, parse_order
from kinolog_api.rpc.page_tokens import cursor_from_token, page_token, query_key
from kinolog_api.rpc.positions import require_position_in_log

DEFAULT_PAGE_SIZE = 20
"""Jobs of a page when the request does not set a page size."""

MAX_WAIT_SECONDS = 10.0
"""How long a read waits for a position if the caller sets no earlier deadline."""


class ListJobs:
    """ListJobs and SummarizeJobs."""

    def __init__(self, store: EventStore, read_model: ReadModel, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._read_model = read_model

    async def list_jobs(self, request: pb.ListJobsRequest, call: RpcCall) -> pb.ListJobsResponse:
        """ListJobs."""
        if request.page_token and request.offset:
            raise invalid_argument([RequestViolation("offset", "give page_token or offset, not both")])
        key = query_key(request, call.tenant)
        query = JobQuery(
            filter=parse_filter(request.filter, "filter", self._clock()),
            order=parse_order(request.order_by),
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            cursor=cursor_from_token(request.page_token, key) if request.page_token else "",
            offset=request.offset,
        )
        await self._wait_for(request.min_position, call)
        page = await self._read_model.list_jobs(call.tenant, query)
        positions = await self._queue_positions(call.tenant, page.rows)
        return pb.ListJobsResponse(
            jobs=[job_row_to_proto(row, positions.get(row.id)) for row in page.rows],
            next_page_token=page_token(page.next_cursor, key),
            total_size=page.total,
            position=page.position,
        )

    async def _queue_positions(self, tenant: str, rows: Sequence[JobRow]) -> dict[str, int]:
        """Return the positions of the queued jobs among `rows`. They are optional: none if they cannot be read."""
        queued = [row.id for row in rows if row.status is Status.QUEUED]
        with contextlib.suppress(ReadModelUnavailable):
            return await self._read_model.queue_positions(tenant, queued, self._clock()) if queued else {}
        return {}

    async def summarize_jobs(
        self, request: pb.SummarizeJobsRequest, call: RpcCall
    ) -> pb.SummarizeJobsResponse:
        """SummarizeJobs."""
        job_filter = parse_filter(request.filter, "filter", self._clock())
        await self._wait_for(request.min_position, call)
        summary = await self._read_model.summarize(call.tenant, job_filter)
        return pb.SummarizeJobsResponse(
            total=summary.total,
            queued=summary.counts.get(Status.QUEUED, 0),
            processing=summary.counts.get(Status.PROCESSING, 0),
            completed=summary.counts.get(Status.COMPLETED, 0),
            failed=summary.counts.get(Status.FAILED, 0),
            cancelled=summary.counts.get(Status.CANCELLED, 0),
            position=summary.position,
        )

    async def _wait_for(self, position: int, call: RpcCall) -> None:
        """Wait until the read model has applied `position`, at most until the caller's deadline.

        Raises OUT_OF_RANGE if the log has not reached the position, `PositionNotReached` on timeout.
        """
        if not position or await self._read_model.position() >= position:
            return
        await require_position_in_log(self._store, position, "min_position")
        await self._read_model.wait_for(position, call.seconds_left(MAX_WAIT_SECONDS))


def job_row_to_proto(row: JobRow, queue_position: int | None = None) -> job_pb2.Job:
    """Return a job of a list, without the scenes, stages and attempts that GetJob returns."""
    return listed_job(
        row,
        spec=job_pb2.JobSpec(**plain_fields(job_pb2.JobSpec, row)),
        stage=STAGE_TO_PROTO[row.stage] if row.stage else job_pb2.STAGE_UNSPECIFIED,
        queue_position=queue_position,
    )
