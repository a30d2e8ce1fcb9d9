"""Reads of the charts."""

from __future__ import annotations

from kinolog_client.chart_models import (
    ActivityInfo,
    DistributionInfo,
    OverviewInfo,
    QueueDepthInfo,
    StageTimesInfo,
    SuccessRatesInfo,
    TrendsInfo,
)
from kinolog_client.rest import GatewayRest


class Charts:
    """The analytics routes. Every call raises `Trouble`."""

    def __init__(self, rest: GatewayRest) -> None:
        self._rest = rest

    async def overview(self, span: str) -> OverviewInfo:
        """The numbers of a span."""
        return await self._rest.read(OverviewInfo, "/mcp/analytics/overview", {"date_range": span})

    async def success_rates(self, span: str) -> SuccessRatesInfo:
        """Success by priority."""
        return await self._rest.read(SuccessRatesInfo, "/mcp/analytics/success-rate", {"date_range": span})

    async def stage_times(self, span: str) -> StageTimesInfo:
        """Seconds by stage."""
        return await self._rest.read(StageTimesInfo, "/mcp/analytics/stage-times", {"date_range": span})

    async def queue_depth(self, span: str, bucket_seconds: int = 0) -> QueueDepthInfo:
        """Jobs waiting and running over time; 0 lets the gateway choose the bucket."""
        params = {"date_range": span, "bucket_seconds": str(bucket_seconds)}
        return await self._rest.read(QueueDepthInfo, "/mcp/analytics/queue-depth", params)

    async def trends(self, span: str, bucket_seconds: int = 0) -> TrendsInfo:
        """Jobs submitted and ended over time; 0 lets the gateway choose the bucket."""
        params = {"date_range": span, "bucket_seconds": str(bucket_seconds)}
        return await self._rest.read(TrendsInfo, "/mcp/analytics/trends", params)

    async def distribution(self, span: str, model: str) -> DistributionInfo:
        """How the jobs of one model stand."""
        params = {"date_range": span, "model": model}
        return await self._rest.read(DistributionInfo, "/mcp/analytics/status-distribution", params)

    async def activity(self, limit: int) -> ActivityInfo:
        """What happened lately, newest first."""
        return await self._rest.read(ActivityInfo, "/mcp/activity", {"limit": str(limit)})
