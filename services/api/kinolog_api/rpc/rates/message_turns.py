"""Turns in which the messages of known callers arrive, so that those of one caller take little memory at once.

Nobody knows the size of a message before it is read, and gRPC holds it in memory from its first byte on. What waits for
a turn stays with its sender.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from grpc import StatusCode

from kinolog_api.rpc.arriving_messages import MESSAGE_SECONDS, Context, one_message
from kinolog_api.rpc.authentication import Caller
from kinolog_api.rpc.errors import RETRY_SECONDS, RpcError
from kinolog_api.rpc.rates.turns import Turns

KEY_ARRIVALS = 4
"""Messages of one key that arrive at once. Others wait, unread."""
TENANT_ARRIVALS = 8
ALL_ARRIVALS = 32
LARGE_BYTES = 262_144
"""Messages of at least this size are also worked on in turns: what they are parsed into is larger than they are."""
KEY_LARGE = 2
"""Calls of one key with a large message that run at once."""
ALL_LARGE = 8
TENANT_WAITING = 4
"""Large messages of one tenant that have arrived and wait for that. Others are refused at once."""
ALL_WAITING = 16


class CallerMessages:
    """Takes in the messages of known callers: a few at once for each key, for each tenant and for all."""

    def __init__(self) -> None:
        self._of_key, self._of_tenant = Turns(KEY_ARRIVALS), Turns(TENANT_ARRIVALS)
        self._of_all = Turns(ALL_ARRIVALS)
        self._large_of_key, self._large_of_all = Turns(KEY_LARGE), Turns(ALL_LARGE)
        self._waiting_of_tenant, self._waiting_of_all = Turns(TENANT_WAITING), Turns(ALL_WAITING)

    async def one(self, context: Context, caller: Caller, ending: ExitStack) -> bytes:
        """Return the message of a call with one. If it is large, its call has a turn until `ending`.

        A large message that waits for its turn keeps none of those in which messages of all callers arrive.

        Raises `RpcError` if it is missing or late, and RESOURCE_EXHAUSTED if its turn does not come in time, or if too
        many wait for theirs.
        """
        key = caller.key_digest.hex() or context.peer().rpartition(":")[0]
        own = (self._of_key, key), (self._of_tenant, caller.tenant)
        await _take(*own)
        try:
            await _take((self._of_all, ""))
            try:
                message = await one_message(context, MESSAGE_SECONDS)
            finally:
                self._of_all.end("")
            if len(message) >= LARGE_BYTES:
                await self._wait_for_large_turn(ending, key, caller.tenant)
            return message
        finally:
            for turns, name in own:
                turns.end(name)

    async def _wait_for_large_turn(self, ending: ExitStack, key: str, tenant: str) -> None:
        wanted = (self._large_of_key, key), (self._large_of_all, "")
        places: tuple[tuple[Turns, str], ...] = ()
        if not all(turns.is_free(name) for turns, name in wanted):
            places = (self._waiting_of_tenant, tenant), (self._waiting_of_all, "")
            if not all(turns.is_free(name) for turns, name in places):
                raise _too_many_at_once()
            await _take(*places)
        try:
            await _take(*wanted)
        finally:
            for turns, name in places:
                turns.end(name)
        for turns, name in wanted:
            ending.callback(turns.end, name)


async def _take(*wanted: tuple[Turns, str]) -> None:
    """Wait for all of these turns. Raises `RpcError`, and takes none, if they do not come in time."""
    if all(turns.is_free(name) for turns, name in wanted):  # the usual case, and a time limit takes longer
        for turns, name in wanted:
            turns.take(name)
        return
    with ExitStack() as taken:
        try:
            async with asyncio.timeout(MESSAGE_SECONDS):
                for turns, name in wanted:
                    taken.callback(await turns.acquire(name))
        except TimeoutError:
            raise _too_many_at_once() from None
        taken.pop_all()


def _too_many_at_once() -> RpcError:
    text = "too many large requests arrive at once; send this again when others are done"
    return RpcError(StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_AT_ONCE", text, retry_seconds=RETRY_SECONDS)
