"""Routes of the dashboard: charts over time, and the activity feed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from kinolog.v1 import analytics_service_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.requests.filters import ChartQuery, SeriesQuery
from kinolog_gateway.requests.queries import ActivityQuery, DistributionQuery
from kinolog_gateway.responses.charts import (
    ActivityView,
    DistributionView,
    OverviewView,
    QueueDepthView,
    StageTimesView,
    SuccessRatesView,
    TrendsView,
    activity_view,
    overview_view,
    queue_depth_view,
    stage_times_view,
    success_rates_view,
    trends_view,
)
from kinolog_gateway.responses.commands import JobSummary
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, Now, PositionHeader, json_response

router = APIRouter(prefix="/api/v1", tags=["analytics"], responses=PROBLEMS)

Chart = Annotated[ChartQuery, Query()]
Series = Annotated[SeriesQuery, Query()]


@router.get("/analytics/overview", response_model=OverviewView, summary="Headline numbers")
async def overview(query: Chart, api: Api, caller: Caller, now: Now) -> Response:
    """Read how many jobs were submitted and ended in a time span, how long they took, and how much video they made."""
    request = pb.GetOverviewRequest(range=query.to_proto(now))
    return json_response(overview_view(await api.call(api.analytics.GetOverview, request, caller)))


@router.get("/analytics/status-distribution", response_model=DistributionView, summary="Jobs by status")
async def status_distribution(
    query: Annotated[DistributionQuery, Query()],
    api: Api,
    caller: Caller,
    now: Now,
    read_after: PositionHeader = 0,
) -> Response:
    """Count jobs by status. It takes the filters of the list; without a time span it counts all jobs."""
    position = max(query.min_position, read_after)
    request = jobs.SummarizeJobsRequest(filter=query.to_proto(now), min_position=position)
    response = await api.call(api.jobs.SummarizeJobs, request, caller)
    counts = JobSummary.of(response).model_dump()
    return json_response(DistributionView(**counts, position=response.position), position=response.position)


@router.get("/analytics/success-rate", response_model=SuccessRatesView, summary="Success by priority")
async def success_rate(query: Chart, api: Api, caller: Caller, now: Now) -> Response:
    """Read the outcomes of jobs by priority."""
    request = pb.GetSuccessRatesRequest(range=query.to_proto(now))
    return json_response(success_rates_view(await api.call(api.analytics.GetSuccessRates, request, caller)))


@router.get("/analytics/stage-times", response_model=StageTimesView, summary="Seconds by stage")
async def stage_times(query: Chart, api: Api, caller: Caller, now: Now) -> Response:
    """Read how long each stage takes: mean, median and 95th percentile."""
    request = pb.GetStageTimesRequest(range=query.to_proto(now))
    return json_response(stage_times_view(await api.call(api.analytics.GetStageTimes, request, caller)))


@router.get("/analytics/queue-depth", response_model=QueueDepthView, summary="Depth of the queue over time")
async def queue_depth(query: Series, api: Api, caller: Caller, now: Now) -> Response:
    """Read how many jobs were queued and processing over time."""
    request = pb.GetQueueDepthRequest(range=query.to_proto(now), bucket_seconds=query.bucket_seconds)
    return json_response(queue_depth_view(await api.call(api.analytics.GetQueueDepth, request, caller)))


@router.get("/analytics/trends", response_model=TrendsView, summary="Jobs over time")
async def trends(query: Series, api: Api, caller: Caller, now: Now) -> Response:
    """Read how many jobs were submitted and ended over time."""
    request = pb.GetTrendsRequest(range=query.to_proto(now), bucket_seconds=query.bucket_seconds)
    return json_response(trends_view(await api.call(api.analytics.GetTrends, request, caller)))


@router.get("/activity", response_model=ActivityView, summary="Recent activity")
async def activity(query: Annotated[ActivityQuery, Query()], api: Api, caller: Caller) -> Response:
    """Read recent events of all jobs, newest first."""
    request = pb.ListActivityRequest(page_size=query.limit, before_position=query.before)
    return json_response(activity_view(await api.call(api.analytics.ListActivity, request, caller)))
