"""Pages of videos, each after the last video of the page before."""

from __future__ import annotations

from typing import Literal, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.openai.video import OpenAiVideoList, openai_video
from kinolog_gateway.upstream import Upstream

Order: TypeAlias = Literal["asc", "desc"]

MAX_PAGE = 100
"""Jobs in one answer of the api."""


async def video_page(
    api: Upstream, caller: HttpCaller, after: job_pb2.Job | None, limit: int, order: Order
) -> OpenAiVideoList:
    """Return the videos that follow `after`, without those that are erased. Raises `AioRpcError`."""
    found: list[job_pb2.Job] = []
    token, is_passed = "", after is None
    while len(found) <= limit:
        page = await api.call(
            api.jobs.ListJobs,
            pb.ListJobsRequest(
                filter=_filter(after, order),
                order_by=f"created_at {order}",
                page_size=min(MAX_PAGE, limit + 2),
                page_token=token,
            ),
            caller,
        )
        for job in page.jobs:
            if is_passed or (after is not None and job.created_at != after.created_at):
                is_passed = True
                found += [] if job.erased else [job]
            elif after is not None:  # jobs of the same microsecond are in an order of their own
                is_passed = job.id == after.id
        token = page.next_page_token
        if not token:
            break
    videos = [openai_video(job) for job in found[:limit]]
    return OpenAiVideoList(
        data=videos,
        first_id=videos[0].id if videos else None,
        last_id=videos[-1].id if videos else None,
        has_more=len(found) > limit,
    )


def _filter(after: job_pb2.Job | None, order: Order) -> job_pb2.JobFilter:
    if after is None:
        return job_pb2.JobFilter()
    if order == "asc":
        return job_pb2.JobFilter(created_from=after.created_at)
    before = Timestamp()
    before.FromMicroseconds(after.created_at.ToMicroseconds() + 1)
    return job_pb2.JobFilter(created_before=before)
