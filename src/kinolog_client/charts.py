"""Reads of the charts."""

from __future__ import annotations

from kinolog_client.chart_models import (
    Activity,
    Distribution,
    Overview,
    QueueDepth,
    StageTimes,
    SuccessRates,
    Trends,
)
from kinolog_client.rest import Rest


class Charts:
    """The analytics routes. Every call raises `Trouble`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def overview(self, span: str) -> Overview:
        """The numbers of a span."""
        return await self._rest.read(Overview, "/mcp/analytics/overview", {"date_range": span})

    async def success_rates(self, span: str) -> SuccessRates:
        """Success by priority."""
        return await self._rest.read(SuccessRates, "/mcp/analytics/success-rate", {"date_range": span})

    async def stage_times(self, span: str) -> StageTimes:
        """Seconds by stage."""
        return await self._rest.read(StageTimes, "/mcp/analytics/stage-times", {"date_range": span})

    async def queue_depth(self, span: str, bucket_seconds: int = 0) -> QueueDepth:
        """Jobs waiting and running over time; 0 lets the gateway choose the bucket."""
        params = {"date_range": span, "bucket_seconds": str(bucket_seconds)}
        return await self._rest.read(QueueDepth, "/mcp/analytics/queue-depth", params)

    async def trends(self, span: str, bucket_seconds: int = 0) -> Trends:
        """Jobs submitted and ended over time; 0 lets the gateway choose the bucket."""
        params = {"date_range": span, "bucket_seconds": str(bucket_seconds)}
        return await self._rest.read(Trends, "/mcp/analytics/trends", params)

    async def distribution(self, span: str, model: str) -> Distribution:
        """How the jobs of one model stand."""
        params = {"date_range": span, "model": model}
        return await self._rest.read(Distribution, "/mcp/analytics/status-distribution", params)

    async def activity(self, limit: int) -> Activity:
        """What happened lately, newest first."""
        return await self._rest.read(Activity, "/mcp/activity", {"limit": str(limit)})
