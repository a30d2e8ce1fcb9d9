"""What the recording api answers for charts, records, keys and tickets. An answer is a function of api and request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinolog.v1 import access_service_pb2 as access
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import read_pb2
from kinolog.v1 import ticket_service_pb2 as tickets
from tests.unit.gateway import canned
from tests.unit.gateway.canned_usage import USAGE
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.recording_tree import TREE


def get_history(api: RecordingApi, request: audit.GetHistoryRequest) -> audit.GetHistoryResponse:
    """Return the commits of a job up to a position."""
    api.get(request.job_id)
    until = request.position if request.HasField("position") else api.position
    found = [u for u in api.log if u.job.id == request.job_id and u.position <= until]
    history = audit.GetHistoryResponse(commits=[canned.recorded_commit(u) for u in found])
    if found:
        history.job.CopyFrom(found[-1].job)
    return history


def verify_job(api: RecordingApi, request: audit.VerifyJobRequest) -> audit.VerifyJobResponse:
    """Return the proof of a job."""
    api.get(request.job_id)
    return canned.proof()


def search_events(api: RecordingApi, request: audit.SearchEventsRequest) -> audit.SearchEventsResponse:
    """Return the newest commits of all jobs, whatever the question."""
    before = [u for u in api.log if not request.after or u.position < request.after]
    page = list(reversed(before))[: request.page_size]
    found = [
        audit.FoundCommit(job_id=u.job.id, model=u.job.spec.model, commit=canned.recorded_commit(u))
        for u in page
    ]
    more = page[-1].position if len(before) > len(page) else 0
    return audit.SearchEventsResponse(commits=found, next_position=more, position=api.position)


def search_reads(api: RecordingApi, request: audit.SearchReadsRequest) -> audit.SearchReadsResponse:
    """Return two pages of one read each, whatever the question."""
    read = read_pb2.Read(
        times=2,
        actor="ada",
        api_key_id="k1",
        client="curl/8.5.0",
        kind=read_pb2.READ_KIND_FILE,
        method="ReadArtifact",
        route="GET /api/v1/result/{job_id}/video",
        job_id="a" * 26,
        resource="video",
        offset=10,
        limit=20,
        bytes=40,
        outcome="ok",
    )
    read.first_at.FromSeconds(1_795_359_600)
    read.last_at.FromSeconds(1_795_359_601)
    page = 2 if request.after else 1
    found = audit.FoundRead(batch=3 - page, index=0, read=read, address="192.0.2.7", via="127.0.0.1")
    return audit.SearchReadsResponse(reads=[found], next_cursor="" if request.after else "2.0")


COUNT = audit.CommandCount(
    actor="ada",
    command="submit",
    commits=2,
    first_at=canned.at(1),
    last_at=canned.at(2),
    first_position=1,
    last_position=4,
)


def get_queue_at(api: RecordingApi, request: audit.GetQueueAtRequest) -> audit.GetQueueAtResponse:
    """Return a queue of all jobs but the first, which runs."""
    answer = audit.GetQueueAtResponse(position=request.position or api.position, at=canned.at(5))
    for number, update in enumerate(u for u in api.log if u.position <= answer.position):
        place = (answer.queued if number else answer.running).add(
            job_id=update.job.id,
            model="kinolog-tiny",
            priority=pb.PRIORITY_HIGH,
            queued_at=canned.at(1),
            attempt=0 if number else 1,
            worker="" if number else "worker-1",
            since=canned.at(2),
            since_position=update.position,
        )
        if number:
            place.jobs_before = number - 1
    answer.queued_total, answer.running_total = len(answer.queued), len(answer.running)
    return answer


AUDIT: dict[str, Callable[..., Any]] = {
    "GetHistory": get_history,
    "VerifyJob": verify_job,
    "SearchEvents": search_events,
    "SearchReads": search_reads,
    "NoteLiveRead": lambda api, request: audit.NoteLiveReadResponse(),
    "GetQueueAt": get_queue_at,
    **TREE,
    "CountCommands": lambda api, request: audit.CountCommandsResponse(counts=[COUNT]),
}

ANALYTICS: dict[str, Callable[..., Any]] = {
    "GetOverview": lambda api, request: canned.overview(),
    "GetSuccessRates": lambda api, request: canned.success_rates(),
    "GetStageTimes": lambda api, request: canned.stage_times(),
    "GetQueueDepth": lambda api, request: canned.queue_depth(),
    "GetTrends": lambda api, request: canned.trends(),
    "ListActivity": lambda api, request: canned.activity(),
}

ACCESS: dict[str, Callable[..., Any]] = {
    "WhoAmI": lambda api, request: access.WhoAmIResponse(tenant="default", actor="ada"),
    "GetUsage": lambda api, request: USAGE,
    "CreateKey": lambda api, request: access.CreateKeyResponse(
        key=canned.api_key(request.actor), secret="kino_secret"
    ),
    "ListKeys": lambda api, request: access.ListKeysResponse(keys=[canned.api_key()]),
    "RevokeKey": lambda api, request: access.RevokeKeyResponse(key=canned.api_key()),
}

TICKETS: dict[str, Callable[..., Any]] = {
    "CreateFileTicket": lambda api, request: tickets.CreateFileTicketResponse(
        ticket="kinot1.files", expires_at=canned.at(59)
    ),
    "CreateLiveTicket": lambda api, request: tickets.CreateLiveTicketResponse(
        ticket="kinot1.live", expires_at=canned.at(59)
    ),
    "RedeemTicket": lambda api, request: tickets.RedeemTicketResponse(
        credential="kinot1.connection", tenant="studio", expires_at=canned.at(59)
    ),
}
