"""The turns in which the messages of known callers arrive."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import cast

import pytest
from kinolog_api.rpc.arriving_messages import Context
from kinolog_api.rpc.authentication import Caller
from kinolog_api.rpc.errors import RpcError
from kinolog_api.rpc.rates import message_turns
from kinolog_api.rpc.rates.message_turns import (
    KEY_ARRIVALS,
    KEY_LARGE,
    LARGE_BYTES,
    TENANT_WAITING,
    CallerMessages,
)

from tests.fixtures.waits import until_true

ADA, BEN = (Caller(tenant="studio", actor=name, key_digest=name.encode()) for name in ("ada", "ben"))


class SentMessage:
    """The context of a call whose message arrives when the test says so."""

    def __init__(self) -> None:
        self.is_read = False
        self.message: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def read(self) -> bytes:
        """Return the message."""
        self.is_read = True
        return await self.message


class TakenMessage:
    """A call that takes in its message, and ends when the test says so."""

    def __init__(self, messages: CallerMessages, caller: Caller) -> None:
        self.sent, self.ending = SentMessage(), ExitStack()
        self.task = asyncio.create_task(messages.one(cast(Context, self.sent), caller, self.ending))


async def test_a_few_messages_of_a_key_arrive_at_once() -> None:
    """Others wait unread until one has arrived. Those of another key do not wait."""
    messages = CallerMessages()
    calls = [TakenMessage(messages, ADA) for _ in range(KEY_ARRIVALS + 1)]
    other = TakenMessage(messages, BEN)
    await until_true(lambda: other.sent.is_read, "the message of another key is read")
    assert [call.sent.is_read for call in calls] == [True] * KEY_ARRIVALS + [False]
    calls[0].sent.message.set_result(b"small")
    assert await calls[0].task == b"small"
    await until_true(lambda: calls[-1].sent.is_read, "the last message is read")
    for call in (*calls[1:], other):
        call.task.cancel()
    await asyncio.gather(*(call.task for call in (*calls, other)), return_exceptions=True)
    again = [TakenMessage(messages, ADA) for _ in range(KEY_ARRIVALS)]
    await until_true(
        lambda: all(call.sent.is_read for call in again), "cancelled calls gave their turns back"
    )
    for call in again:
        call.task.cancel()


async def test_waiting_large_messages_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of others arrive while many large ones wait. One that finds no place to wait is refused at once."""
    monkeypatch.setattr(message_turns, "ALL_ARRIVALS", 2)
    messages = CallerMessages()
    large = bytes(LARGE_BYTES)
    callers = [Caller(tenant="studio", actor=name, key_digest=name.encode()) for name in "abc"]
    calls = [TakenMessage(messages, caller) for caller in callers for _ in range(KEY_ARRIVALS)]
    for call in calls:
        call.sent.message.set_result(large)
    done = len(callers) * KEY_ARRIVALS - TENANT_WAITING
    await until_true(lambda: sum(call.task.done() for call in calls) == done, "the others wait")
    working = [call for call in calls if call.task.done() and not call.task.exception()]
    waiting = [call for call in calls if call.sent.is_read and not call.task.done()]
    refusals = [call.task.exception() for call in calls if call.task.done() and call not in working]
    assert {getattr(refusal, "reason", "") for refusal in refusals} == {"TOO_MANY_AT_ONCE"}
    assert (len(working), len(waiting)) == (len(callers) * KEY_LARGE, TENANT_WAITING)
    small = TakenMessage(messages, Caller(tenant="other", actor="ann", key_digest=b"ann"))
    small.sent.message.set_result(b"small")
    assert await small.task == b"small"
    for call in working:
        call.ending.close()
    assert [await call.task for call in waiting] == [large] * TENANT_WAITING


async def test_large_messages_are_worked_on_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call with a large message waits until another one has ended, or is refused when that takes too long."""
    messages = CallerMessages()
    large = bytes(LARGE_BYTES)
    calls = [TakenMessage(messages, ADA) for _ in range(KEY_LARGE + 1)]
    for call in calls:
        call.sent.message.set_result(large)
    for call in calls[:KEY_LARGE]:
        assert await call.task == large
    assert not calls[-1].task.done()
    calls[0].ending.close()
    assert await calls[-1].task == large
    monkeypatch.setattr(message_turns, "MESSAGE_SECONDS", 0.0)
    late = TakenMessage(messages, ADA)
    late.sent.message.set_result(large)
    with pytest.raises(RpcError, match="too many large requests"):
        await late.task
