"""Operations about jobs over time. Pure; see `operations`."""

from __future__ import annotations

from kinolog_client.http.operation import API_PREFIX, M, Operation, model_of
from kinolog_client.models.analytics import (
    ActivityInfo,
    DistributionInfo,
    OverviewInfo,
    QueueDepthInfo,
    StageTimesInfo,
    SuccessRatesInfo,
    TrendsInfo,
)
from kinolog_client.models.selection import JobSelection, TimeSpan


def _chart(kind: type[M], name: str, params: dict[str, str]) -> Operation[M]:
    return Operation(method="GET", route=f"{API_PREFIX}/analytics/{name}", params=params, read=model_of(kind))


def _span(span: TimeSpan | str) -> dict[str, str]:
    return (TimeSpan(date_range=span) if isinstance(span, str) else span).params()


def overview(span: TimeSpan | str = "") -> Operation[OverviewInfo]:
    """Return numbers and mean times of a span: a `TimeSpan` or its word; without it, of the last seven days."""
    return _chart(OverviewInfo, "overview", _span(span))


def success_rates(span: TimeSpan | str = "") -> Operation[SuccessRatesInfo]:
    """Return how jobs ended, by priority."""
    return _chart(SuccessRatesInfo, "success-rate", _span(span))


def stage_times(span: TimeSpan | str = "") -> Operation[StageTimesInfo]:
    """Return mean, median and 95th percentile seconds by stage."""
    return _chart(StageTimesInfo, "stage-times", _span(span))


def queue_depth(span: TimeSpan | str = "", *, bucket_seconds: int = 0) -> Operation[QueueDepthInfo]:
    """Return jobs waiting and running over time. 0 lets the gateway choose the bucket."""
    return _chart(QueueDepthInfo, "queue-depth", _span(span) | {"bucket_seconds": str(bucket_seconds)})


def trends(span: TimeSpan | str = "", *, bucket_seconds: int = 0) -> Operation[TrendsInfo]:
    """Return jobs submitted and ended over time. 0 lets the gateway choose the bucket."""
    return _chart(TrendsInfo, "trends", _span(span) | {"bucket_seconds": str(bucket_seconds)})


def status_distribution(
    selection: JobSelection | None = None,
    *,
    min_position: int = 0,
) -> Operation[DistributionInfo]:
    """Return numbers of jobs by status, of all jobs or of those that match the selection.

    They include every commit up to `min_position`: the gateway waits for it.
    """
    params = (selection or JobSelection()).params()
    params |= {"min_position": str(min_position)} if min_position else {}
    return _chart(DistributionInfo, "status-distribution", params)


def activity(*, limit: int = 20, before: int = 0) -> Operation[ActivityInfo]:
    """Return the last events, newest first, 1 to 100; `before` a position for older ones."""
    params = {"limit": str(limit)} | ({"before": str(before)} if before else {})
    return Operation(method="GET", route=f"{API_PREFIX}/activity", params=params, read=model_of(ActivityInfo))
