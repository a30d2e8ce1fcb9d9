"""AnalyticsService: numbers over time, from the read model's rollups."""

from __future__ import annotations

from kinolog.codec.enums import PRIORITY_TO_WIRE, STAGE_TO_WIRE
from kinolog.codec.times import time_to_proto
from kinolog.ports.clock import Clock
from kinolog.ports.read_model import ActivityRow, DepthPoint, ReadModel, TimeRange, TrendPoint
from kinolog.v1 import analytics_service_pb2 as pb
from kinolog_api.jobs.queries import LARGEST
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.filters import read_span

ENTRIES = 20
"""Entries of the feed when the request does not say."""


class ChartQueries:
    """The methods of AnalyticsService."""

    def __init__(self, read_model: ReadModel, clock: Clock) -> None:
        self._read_model = read_model
        self._clock = clock

    async def overview(self, request: pb.GetOverviewRequest, call: Call) -> pb.GetOverviewResponse:
        """GetOverview."""
        found = await self._read_model.overview(call.tenant, self._span(request.range))
        return pb.GetOverviewResponse(
            submitted=found.submitted,
            completed=found.completed,
            failed=found.failed,
            cancelled=found.cancelled,
            queued_now=found.queued_now,
            processing_now=found.processing_now,
            success_rate=found.success_rate,
            mean_seconds=found.mean_seconds,
            p50_seconds=found.p50_seconds,
            p95_seconds=found.p95_seconds,
            mean_wait_seconds=found.mean_wait_seconds,
            video_seconds=found.video_seconds,
            gpu_seconds=found.gpu_seconds,
        )

    async def success_rates(
        self, request: pb.GetSuccessRatesRequest, call: Call
    ) -> pb.GetSuccessRatesResponse:
        """GetSuccessRates."""
        rates = await self._read_model.success_rates(call.tenant, self._span(request.range))
        return pb.GetSuccessRatesResponse(
            rates=[
                pb.SuccessRate(
                    priority=PRIORITY_TO_WIRE[rate.priority],
                    completed=rate.completed,
                    failed=rate.failed,
                    cancelled=rate.cancelled,
                    rate=rate.rate,
                )
                for rate in rates
            ]
        )

    async def stage_times(self, request: pb.GetStageTimesRequest, call: Call) -> pb.GetStageTimesResponse:
        """GetStageTimes."""
        times = await self._read_model.stage_times(call.tenant, self._span(request.range))
        return pb.GetStageTimesResponse(
            stages=[
                pb.StageTime(
                    stage=STAGE_TO_WIRE[time.stage],
                    count=time.count,
                    mean_seconds=time.mean_seconds,
                    p50_seconds=time.p50_seconds,
                    p95_seconds=time.p95_seconds,
                )
                for time in times
            ]
        )

    async def queue_depth(self, request: pb.GetQueueDepthRequest, call: Call) -> pb.GetQueueDepthResponse:
        """GetQueueDepth."""
        span = self._span(request.range)
        depth = await self._read_model.queue_depth(call.tenant, span, request.bucket_seconds)
        points = [_put_depth(point) for point in depth.points]
        return pb.GetQueueDepthResponse(points=points, bucket_seconds=depth.bucket_seconds)

    async def trends(self, request: pb.GetTrendsRequest, call: Call) -> pb.GetTrendsResponse:
        """GetTrends."""
        span = self._span(request.range)
        trends = await self._read_model.trends(call.tenant, span, request.bucket_seconds)
        points = [_put_trend(point) for point in trends.points]
        return pb.GetTrendsResponse(points=points, bucket_seconds=trends.bucket_seconds)

    async def activity(self, request: pb.ListActivityRequest, call: Call) -> pb.ListActivityResponse:
        """ListActivity."""
        entries = await self._read_model.list_activity(
            call.tenant,
            min(request.before_position, LARGEST) or None,
            request.page_size or ENTRIES,
        )
        return pb.ListActivityResponse(entries=map(_put_activity, entries))

    def _span(self, wire: pb.TimeRange) -> TimeRange:
        return read_span(wire, self._clock())


def _put_depth(point: DepthPoint) -> pb.DepthPoint:
    wire = pb.DepthPoint(
        queued=point.queued,
        processing=point.processing,
        peak_queued=point.peak_queued,
        peak_processing=point.peak_processing,
    )
    time_to_proto(wire.at, point.at)
    return wire


def _put_trend(point: TrendPoint) -> pb.TrendPoint:
    wire = pb.TrendPoint(
        submitted=point.submitted,
        completed=point.completed,
        failed=point.failed,
        cancelled=point.cancelled,
    )
    time_to_proto(wire.at, point.at)
    return wire


def _put_activity(entry: ActivityRow) -> pb.Activity:
    wire = pb.Activity(
        position=entry.position,
        job_id=entry.job_id,
        event=entry.event,
        actor=entry.actor,
        index=entry.index,
    )
    time_to_proto(wire.at, entry.at)
    return wire
