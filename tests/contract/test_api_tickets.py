"""Tickets that stand for a key: what they read, how often, how long, and with what they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from kinolog_api.rpc.authentication import TENANT_KEY
from kinolog_api.services import (
    ACCESS_SERVICE,
    ANALYTICS_SERVICE,
    AUDIT_SERVICE,
    JOB_SERVICE,
    TICKET_SERVICE,
)

from kinolog.access.key_text import key_digest
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import access_pb2, job_pb2
from kinolog.v1 import access_service_pb2 as ac
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import ticket_service_pb2 as tk
from tests.builders.call_metadata import bearer
from tests.builders.running_api import RunningApi, refused, running_api

TEAM, EVERYONE = "team-key-0123456789", "gateway-key-0123456789"
VIDEO = b"the bytes of a video"


KEYS = {key_digest(TEAM): KeyHolder(tenant="team", actor="ada"), key_digest(EVERYONE): KeyHolder()}


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api that requires keys."""
    async with running_api(KEYS) as running:
        yield running


async def completed_job(api: RunningApi, key: str = TEAM) -> str:
    """Return the id of a job with a video."""
    job = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="x"), metadata=bearer(key))).job
    await api.complete(job.id, VIDEO)
    return job.id


async def file_ticket(api: RunningApi, job_id: str, key: str = TEAM, seconds: int = 0) -> str:
    """Return a ticket for the files of a job."""
    request = tk.CreateFileTicketRequest(job_id=job_id, valid_seconds=seconds)
    return (await api.tickets.CreateFileTicket(request, metadata=bearer(key))).ticket


async def live_ticket(api: RunningApi, key: str = TEAM) -> str:
    """Return a ticket for live updates."""
    request = tk.CreateLiveTicketRequest(valid_seconds=299)
    return (await api.tickets.CreateLiveTicket(request, metadata=bearer(key))).ticket


def video_of(job_id: str) -> pb.ReadArtifactRequest:
    """Return the request for a video."""
    return pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_VIDEO)


async def test_a_file_ticket_reads_the_files_of_its_job(api: RunningApi) -> None:
    """It does so as often as it is presented, and nothing says from its text for whom it is."""
    job_id = await completed_job(api)
    ticket = await file_ticket(api, job_id)
    for _ in range(2):
        parts = [part async for part in api.jobs.ReadArtifact(video_of(job_id), metadata=bearer(ticket))]
        assert b"".join(part.data for part in parts) == VIDEO
    assert await file_ticket(api, job_id) != ticket
    assert len(ticket) < 600
    assert "team" not in ticket
    other = await completed_job(api)
    problem = await refused(api.jobs.ReadArtifact(video_of(other), metadata=bearer(ticket)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TICKET_TOO_NARROW")
    theirs = await completed_job(api, EVERYONE)
    request = tk.CreateFileTicketRequest(job_id=theirs)
    problem = await refused(api.tickets.CreateFileTicket(request, metadata=bearer(TEAM)))
    assert problem.reason == "JOB_NOT_FOUND"


async def test_no_ticket_calls_anything_else(api: RunningApi) -> None:
    """Every other method refuses each kind of ticket."""
    job_id = await completed_job(api)
    redeemed = await api.tickets.RedeemTicket(tk.RedeemTicketRequest(ticket=await live_ticket(api)))
    allowed = {
        await file_ticket(api, job_id): {"ReadArtifact", "ReadLiveVideo", "ExportVideo"},
        await live_ticket(api): set(),
        redeemed.credential: {
            *("WatchJob", "WatchJobs", "NoteLiveRead"),
            *("GetJob", "SummarizeJobs", "ListLogEntries", "WhoAmI"),
        },
    }
    fields = {"job_id": job_id, "kind": job_pb2.ARTIFACT_KIND_VIDEO, "format": pb.EXPORT_FORMAT_GIF}
    for service in (JOB_SERVICE, ANALYTICS_SERVICE, AUDIT_SERVICE, ACCESS_SERVICE, TICKET_SERVICE):
        for method in service.methods:
            if method.name in ("ListAlarms", "RedeemTicket") or method.client_streaming:
                continue
            known = {
                name: value for name, value in fields.items() if name in method.input_type.fields_by_name
            }
            request = GetMessageClass(method.input_type)(**known)
            for ticket, methods in allowed.items():
                if method.name in methods:
                    continue
                problem = await refused(api.method(method.name)(request, metadata=bearer(ticket)))
                assert problem.reason == "TICKET_TOO_NARROW", method.name


async def test_a_live_ticket_opens_one_connection(api: RunningApi) -> None:
    """Of many who present it at once, one gets the credential, in whatever process of the api."""
    await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="x"), metadata=bearer(TEAM))
    ticket = await live_ticket(api)
    async with running_api(KEYS, api) as second:
        request = tk.RedeemTicketRequest(ticket=ticket)
        answers = await asyncio.gather(
            *(one.tickets.RedeemTicket(request) for one in (api, second, api, second)), return_exceptions=True
        )
        good = [answer for answer in answers if isinstance(answer, tk.RedeemTicketResponse)]
        assert (len(good), good[0].tenant) == (1, "team")
        summary = await second.jobs.SummarizeJobs(
            pb.SummarizeJobsRequest(), metadata=bearer(good[0].credential)
        )
        assert summary.total == 1
    problem = await refused(api.tickets.RedeemTicket(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TICKET_REFUSED")
    assert "used before" in problem.message
    problem = await refused(api.tickets.RedeemTicket(tk.RedeemTicketRequest(ticket=good[0].credential)))
    assert "for live updates" in problem.message


async def test_a_client_with_a_ticket_is_noted_as_a_reader(api: RunningApi) -> None:
    """Browsers open their connections with tickets: the gateway has them noted like those with keys."""
    redeemed = await api.tickets.RedeemTicket(tk.RedeemTicketRequest(ticket=await live_ticket(api)))
    request = au.NoteLiveReadRequest(channel="jobs")
    await api.audit.NoteLiveRead(request, metadata=bearer(redeemed.credential))
    await api.server.reads.flush()
    assert [read.facts.method for read in api.read_log.reads("team")] == ["NoteLiveRead"]


async def test_a_ticket_ends(api: RunningApi) -> None:
    """It ends after its time, and with the erasure of its job."""
    job_id = await completed_job(api)
    short, long = await file_ticket(api, job_id, seconds=60), await file_ticket(api, job_id, seconds=80_000)
    unredeemed = await live_ticket(api)
    api.clock.now += timedelta(minutes=6)
    for ticket in (short, unredeemed):
        problem = await refused(api.jobs.ReadArtifact(video_of(job_id), metadata=bearer(ticket)))
        assert (problem.reason, "expired" in problem.message) == ("TICKET_REFUSED", True)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id), metadata=bearer(TEAM))
    problem = await refused(api.jobs.ReadArtifact(video_of(job_id), metadata=bearer(long)))
    assert problem.reason == "JOB_ERASED"


async def test_a_connection_ends_after_a_day(api: RunningApi) -> None:
    """The stream of a redeemed ticket ends then, whoever issued it."""
    redeemed = await api.tickets.RedeemTicket(tk.RedeemTicketRequest(ticket=await live_ticket(api)))
    api.clock.now = datetime.fromtimestamp(redeemed.expires_at.seconds, UTC) - timedelta(seconds=2)
    problem = await refused(api.jobs.WatchJobs(pb.WatchJobsRequest(), metadata=bearer(redeemed.credential)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_EXPIRED")
    assert "the ticket has ended" in problem.message


async def test_a_ticket_ends_with_its_key(api: RunningApi) -> None:
    """Links, tickets and open streams end when the key that issued them is revoked."""
    request = ac.CreateKeyRequest(tenant="team", actor="bob", scopes=[access_pb2.SCOPE_READ])
    key = await api.access.CreateKey(request, metadata=bearer(EVERYONE))
    job_id = await completed_job(api)
    link, unredeemed = await file_ticket(api, job_id, key.secret), await live_ticket(api, key.secret)
    redeemed = await api.tickets.RedeemTicket(
        tk.RedeemTicketRequest(ticket=await live_ticket(api, key.secret))
    )
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0), metadata=bearer(redeemed.credential))
    await anext(aiter(stream))
    await api.access.RevokeKey(ac.RevokeKeyRequest(key_id=key.key.key_id), metadata=bearer(EVERYONE))
    assert (await refused(stream)).reason == "KEY_REVOKED"
    for call in (
        api.jobs.ReadArtifact(video_of(job_id), metadata=bearer(link)),
        api.tickets.RedeemTicket(tk.RedeemTicketRequest(ticket=unredeemed)),
        api.jobs.SummarizeJobs(pb.SummarizeJobsRequest(), metadata=bearer(redeemed.credential)),
    ):
        problem = await refused(call)
        assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TICKET_REFUSED")
        assert "the key that issued this ticket is not valid any more" in problem.message


async def test_a_ticket_ends_with_the_tenant_of_its_key(api: RunningApi) -> None:
    """A line of the key file that names another tenant by now issued no ticket of the earlier one."""
    ticket = await file_ticket(api, await completed_job(api))
    async with running_api({key_digest(TEAM): KeyHolder(tenant="other", actor="ada")}, api) as moved:
        problem = await refused(moved.jobs.ReadArtifact(video_of("z" * 26), metadata=bearer(ticket)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TICKET_REFUSED")


async def test_what_is_no_ticket(api: RunningApi) -> None:
    """A text that was changed, cut or made by another installation is refused, and no error quotes it."""
    job_id = await completed_job(api)
    ticket = await file_ticket(api, job_id)
    async with running_api(KEYS) as other:
        foreign = await live_ticket(other)
    flipped = ticket[:40] + ("A" if ticket[40] != "A" else "B") + ticket[41:]
    for text in (
        flipped,
        ticket[:-3],
        f"{ticket}AAAA",
        foreign,
        "kinot1.",
        "kinot1.ü",
        "kinot1.a b",
        "kinot1.a",
    ):
        problem = await refused(api.tickets.RedeemTicket(tk.RedeemTicketRequest(ticket=text)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TICKET_REFUSED"), text
        assert text[:12] not in str(problem) or text in ("kinot1.",)


async def test_without_keys_tickets_have_the_tenant_of_their_caller() -> None:
    """An api that needs no key issues tickets too."""
    async with running_api() as api:
        metadata = ((TENANT_KEY, "team"),)
        job = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="x"), metadata=metadata)).job
        await api.complete(job.id, VIDEO)
        request = tk.CreateFileTicketRequest(job_id=job.id)
        ticket = (await api.tickets.CreateFileTicket(request, metadata=metadata)).ticket
        parts = [part async for part in api.jobs.ReadArtifact(video_of(job.id), metadata=bearer(ticket))]
        assert b"".join(part.data for part in parts) == VIDEO
