"""What the api takes in of a request, and of whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kinolog_api.rpc.arriving_messages import STRANGER_BYTES, StrangerMessages
from kinolog_api.rpc.errors import RpcError
from kinolog_api.rpc.rates import message_turns
from kinolog_api.server import MAX_REQUEST_BYTES

from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import ticket_service_pb2 as tickets
from tests.builders.running_api import RunningApi, refused, running_api
from tests.fixtures.waits import until_true

NOBODY = {b"no key has this hash": KeyHolder()}
SUBMIT = "/kinolog.v1.JobService/SubmitJob"


@pytest.fixture
async def locked() -> AsyncIterator[RunningApi]:
    """An api that nobody has a key for."""
    async with running_api(NOBODY) as running:
        yield running


async def never() -> AsyncIterator[pb.SubmitJobRequest]:
    """Send nothing, and do not end."""
    await asyncio.Event().wait()
    yield pb.SubmitJobRequest()


async def none() -> AsyncIterator[pb.SubmitJobRequest]:
    """Send nothing, and end."""
    requests: tuple[pb.SubmitJobRequest, ...] = ()
    for request in requests:
        yield request


def streamed(api: RunningApi, requests: AsyncIterator[pb.SubmitJobRequest]) -> object:
    """Return a call of SubmitJob whose request comes when it comes."""
    return api.channel.stream_unary(SUBMIT, pb.SubmitJobRequest.SerializeToString, bytes)(requests)


async def test_a_caller_without_a_key_is_refused_before_the_request(locked: RunningApi) -> None:
    """A call without a key is refused while its request is still to come: nothing of it is waited for, or read."""
    problem = await refused(streamed(locked, never()))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_REQUIRED")


async def test_large_messages_of_strangers(locked: RunningApi) -> None:
    """Methods that need no key, and health, take only small messages."""
    large = "x" * STRANGER_BYTES
    health = health_pb2_grpc.HealthStub(locked.channel)
    ticket = locked.method("RedeemTicket")(tickets.RedeemTicketRequest(ticket=large))
    for call in (health.Check(health_pb2.HealthCheckRequest(service=large)), ticket):
        assert (await refused(call)).code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_call_without_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that ends without a request is INVALID_ARGUMENT; one whose request stalls is DEADLINE_EXCEEDED."""
    async with running_api() as api:
        assert (await refused(streamed(api, none()))).reason == "MALFORMED_MESSAGE"
        monkeypatch.setattr(message_turns, "MESSAGE_SECONDS", 0.01)
        problem = await refused(streamed(api, never()))
    assert (problem.code, problem.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "REQUEST_STALLED")


def test_the_longest_prompts_fit() -> None:
    """A batch of 1,000 prompts of 4,000 characters of 4 bytes, with other fields, is within the limit."""
    longest = pb.SubmitJobRequest(
        prompt="\U0001f3ac" * 4_000,
        model="m" * 200,
        style="s" * 50,
        request_id="r" * 64,
        steps=50,
        seed=2**32,
    )
    assert pb.BatchSubmitJobsRequest(requests=[longest] * 1_000).ByteSize() < MAX_REQUEST_BYTES


class _Call:
    """A call from an address, whose message arrives when `arrives` is set."""

    def __init__(self, peer: str) -> None:
        self.peer = lambda: peer
        self.is_read, self.arrives = asyncio.Event(), asyncio.Event()

    async def read(self) -> bytes:
        self.is_read.set()
        await self.arrives.wait()
        return b"message"


async def test_few_messages_of_one_address_arrive_at_once() -> None:
    """Beyond a number of messages of strangers from one address the next one stays unread; with too many it is refused.

    Other addresses go on. A refused upload of the same address that is read to its end keeps no message out.
    """
    messages = StrangerMessages(at_once=1, seconds=60.0, waiters=2)
    calls: list[Any] = [_Call(f"ipv4:10.0.0.{end}") for end in ("1:1", "1:2", "1:3", "1:4", "2:1")]
    upload, first, second, third, other = calls
    async with asyncio.TaskGroup() as tasks:
        draining = tasks.create_task(messages.drain(upload))
        await upload.is_read.wait()
        for call, is_read in ((first, True), (second, False), (other, True)):
            tasks.create_task(messages.one(call))
            if is_read:
                await call.is_read.wait()
        await until_true(lambda: messages._arriving.users("ipv4:10.0.0.1") == 2, "the second one waits")
        assert not second.is_read.is_set()
        with pytest.raises(RpcError, match="calls without a key"):
            await messages.one(third)
        for call in (first, second, other):
            call.arrives.set()
        draining.cancel()
    assert second.is_read.is_set()
