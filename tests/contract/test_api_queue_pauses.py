"""Pauses of the queue: operators make and end them, every tenant sees them."""

from __future__ import annotations

from dataclasses import replace

import grpc
from grpc import aio

from kinolog.access.key_text import key_digest
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import job_pb2, job_service_pb2_grpc
from kinolog.v1 import job_service_pb2 as pb
from tests.adapters.memory.access_log import LateAccessLog
from tests.builders.call_metadata import bearer
from tests.builders.running_api import refused, running_api

OPERATOR, TENANT = "o" * 32, "t" * 32
KEYS = {key_digest(OPERATOR): KeyHolder(actor="ada"), key_digest(TENANT): KeyHolder(tenant="t", actor="bob")}


async def test_operators_pause_and_everyone_sees_it() -> None:
    """Another api of the same stores knows the pauses, in the order of their priorities."""
    async with running_api(KEYS) as api, aio.insecure_channel(api.target) as channel:
        jobs = job_service_pb2_grpc.JobServiceStub(channel)
        low = pb.PauseQueueRequest(priority=job_pb2.PRIORITY_LOW, reason=" new\nGPU ")
        for request in (low, pb.PauseQueueRequest(), low):
            paused = await jobs.PauseQueue(request, metadata=bearer(OPERATOR))
        assert [(each.priority, each.reason, each.paused_by) for each in paused.pauses] == [
            (job_pb2.PRIORITY_UNSPECIFIED, "", "ada"),
            (job_pb2.PRIORITY_LOW, "new GPU", "ada"),
        ]
        assert len(api.access_log.stored) == 2  # the third request changes nothing
        listing = pb.ListQueuePausesRequest()
        listed = await jobs.ListQueuePauses(listing, metadata=bearer(TENANT))
        assert [(each.reason, each.paused_by) for each in listed.pauses] == [("", ""), ("new GPU", "")]
        on_behalf = bearer(OPERATOR, ("x-kinolog-tenant", "t"))
        for refused_call in (
            jobs.PauseQueue(pb.PauseQueueRequest(), metadata=on_behalf),
            jobs.ResumeQueue(pb.ResumeQueueRequest(), metadata=on_behalf),
        ):
            problem = await refused(refused_call)
            assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OPERATORS_ONLY")
        async with running_api(KEYS, stores_of=api) as other, aio.insecure_channel(other.target) as second:
            jobs = job_service_pb2_grpc.JobServiceStub(second)
            only_low = pb.ResumeQueueRequest(priority=job_pb2.PRIORITY_LOW)
            left = await jobs.ResumeQueue(only_low, metadata=bearer(OPERATOR))
            assert [each.priority for each in left.pauses] == [job_pb2.PRIORITY_UNSPECIFIED]
            await jobs.PauseQueue(low, metadata=bearer(OPERATOR))
            assert not (await jobs.ResumeQueue(pb.ResumeQueueRequest(), metadata=bearer(OPERATOR))).pauses


async def test_without_keys_whoever_reaches_the_api_is_the_operator() -> None:
    """That is the account that started it."""
    async with running_api() as api:
        await api.jobs.PauseQueue(pb.PauseQueueRequest(reason="maintenance"))
        assert [
            each.reason for each in (await api.jobs.ListQueuePauses(pb.ListQueuePausesRequest())).pauses
        ] == ["maintenance"]


async def test_a_pause_that_this_api_has_not_heard_of_ends_too() -> None:
    """Another api stored it a moment ago."""
    async with running_api() as api:
        late = replace(api, access_log=LateAccessLog(api.access_log, commits=2))
        async with running_api(stores_of=late) as other:
            await api.jobs.PauseQueue(pb.PauseQueueRequest())
            assert not (await other.jobs.ResumeQueue(pb.ResumeQueueRequest())).pauses
            assert len(api.access_log.stored) == 2
