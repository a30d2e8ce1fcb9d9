"""AnalyticsService: metrics over time, from the read model's rollups."""

from __future__ import annotations

from kinolog.codec.enums import PRIORITY_TO_PROTO, STAGE_TO_PROTO
from kinolog.codec.times import time_to_proto
from kinolog.ports.clock import Clock
from kinolog.ports.read_model import ActivityRow, DepthPoint, ReadModel, TimeRange, TrendPoint
from kinolog.v1 import analytics_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.filters import parse_time_range
from kinolog_api.rpc.positions import MAX_POSITION

DEFAULT_PAGE_SIZE = 20
"""Entries of the activity feed when the request does not set a page size."""


class ChartQueries:
    """The methods of AnalyticsService."""

    def __init__(self, read_model: ReadModel, clock: Clock) -> None:
        self._read_model = read_model
        self._clock = clock

    async def overview(self, request: pb.GetOverviewRequest, call: RpcCall) -> pb.GetOverviewResponse:
        """GetOverview."""
        overview = await self._read_model.overview(call.tenant, self._time_range(request.range))
        return pb.GetOverviewResponse(
            submitted=overview.submitted,
            completed=overview.completed,
            failed=overview.failed,
            cancelled=overview.cancelled,
            queued_now=overview.queued_now,
            processing_now=overview.processing_now,
            success_rate=overview.success_rate,
            mean_seconds=overview.mean_seconds,
            p50_seconds=overview.p50_seconds,
            p95_seconds=overview.p95_seconds,
            mean_wait_seconds=overview.mean_wait_seconds,
            video_seconds=overview.video_seconds,
            gpu_seconds=overview.gpu_seconds,
        )

    async def success_rates(
        self, request: pb.GetSuccessRatesRequest, call: RpcCall
    ) -> pb.GetSuccessRatesResponse:
        """GetSuccessRates."""
        rates = await self._read_model.success_rates(call.tenant, self._time_range(request.range))
        return pb.GetSuccessRatesResponse(
            rates=[
                pb.SuccessRate(
                    priority=PRIORITY_TO_PROTO[rate.priority],
                    completed=rate.completed,
                    failed=rate.failed,
                    cancelled=rate.cancelled,
                    rate=rate.success_rate,
                )
                for rate in rates
            ]
        )

    async def stage_times(self, request: pb.GetStageTimesRequest, call: RpcCall) -> pb.GetStageTimesResponse:
        """GetStageTimes."""
        times = await self._read_model.stage_times(call.tenant, self._time_range(request.range))
        return pb.GetStageTimesResponse(
            stages=[
                pb.StageTime(
                    stage=STAGE_TO_PROTO[time.stage],
                    count=time.count,
                    mean_seconds=time.mean_seconds,
                    p50_seconds=time.p50_seconds,
                    p95_seconds=time.p95_seconds,
                )
                for time in times
            ]
        )

    async def queue_depth(self, request: pb.GetQueueDepthRequest, call: RpcCall) -> pb.GetQueueDepthResponse:
        """GetQueueDepth."""
        time_range = self._time_range(request.range)
        depth = await self._read_model.queue_depth(call.tenant, time_range, request.bucket_seconds)
        points = [_depth_to_proto(point) for point in depth.points]
        return pb.GetQueueDepthResponse(points=points, bucket_seconds=depth.bucket_seconds)

    async def trends(self, request: pb.GetTrendsRequest, call: RpcCall) -> pb.GetTrendsResponse:
        """GetTrends."""
        time_range = self._time_range(request.range)
        trends = await self._read_model.trends(call.tenant, time_range, request.bucket_seconds)
        points = [_trend_to_proto(point) for point in trends.points]
        return pb.GetTrendsResponse(points=points, bucket_seconds=trends.bucket_seconds)

    async def activity(self, request: pb.ListActivityRequest, call: RpcCall) -> pb.ListActivityResponse:
        """ListActivity."""
        entries = await self._read_model.list_activity(
            call.tenant,
            min(request.before_position, MAX_POSITION) or None,
            request.page_size or DEFAULT_PAGE_SIZE,
        )
        return pb.ListActivityResponse(entries=map(_activity_to_proto, entries))

    def _time_range(self, wire: pb.TimeRange) -> TimeRange:
        return parse_time_range(wire, self._clock())


def _depth_to_proto(point: DepthPoint) -> pb.DepthPoint:
    wire = pb.DepthPoint(
        queued=point.queued,
        processing=point.processing,
        peak_queued=point.peak_queued,
        peak_processing=point.peak_processing,
        busiest_queued=point.busiest_queued,
        busiest_processing=point.busiest_processing,
    )
    time_to_proto(wire.at, point.at)
    return wire


def _trend_to_proto(point: TrendPoint) -> pb.TrendPoint:
    wire = pb.TrendPoint(
        submitted=point.submitted,
        completed=point.completed,
        failed=point.failed,
        cancelled=point.cancelled,
        success_rate=point.success_rate,
    )
    time_to_proto(wire.at, point.at)
    return wire


def _activity_to_proto(entry: ActivityRow) -> pb.Activity:
    wire = pb.Activity(
        position=entry.position,
        job_id=entry.job_id,
        event=entry.event,
        actor=entry.actor,
        index=entry.index,
    )
    time_to_proto(wire.at, entry.at)
    return wire
