"""SubmitJob for clients that send no request id and repeat what was not answered.

Each job has a request id that derives from the caller, the body, the minute and a place in that minute. So a repeated
request finds the job of an earlier one in the log, whichever process stored it. See docs/decisions/0100.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from typing import TypeAlias

from kinolog.ids import job_id, new_request_id, repeatable_request_id
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.installation_secret import installation_secret
from kinolog_api.rpc.calls import RpcCall

MINUTES = 15
"""How long a request is looked for. Clients wait ten minutes for an answer by default."""

PLACES = 8
"""Equal requests of one minute that a repeated one can find. Later ones are stored under random ids."""

DERIVED_FROM = "request-ids"
"""Name of the secret of the installation that these request ids derive from."""

Submit: TypeAlias = Callable[[pb.SubmitJobRequest, RpcCall], Awaitable[pb.SubmitJobResponse]]


class RepeatedSubmit:
    """SubmitJob. Requests without `earlier_tries` are passed on as they are."""

    def __init__(self, submit: Submit, store: EventStore, keys: KeyStore, clock: Clock) -> None:
        self._submit = submit
        self._store = store
        self._keys = keys
        self._clock = clock
        self._secret = b""

    async def submit(self, request: pb.SubmitJobRequest, call: RpcCall) -> pb.SubmitJobResponse:
        """Store a new job, or return that of an earlier try. Raises what `submit` raises, and `LogUnavailable`."""
        if not request.HasField("earlier_tries"):
            return await self._submit(request, call)
        is_repeated = request.earlier_tries > 0 or call.is_sent_again
        body = pb.SubmitJobRequest()
        body.CopyFrom(request)
        body.ClearField("earlier_tries")
        ids = _RequestIds(await self._known_secret(), body, call)
        minute = int(self._clock().timestamp()) // 60
        if is_repeated and (body_id := await self._last_used(ids, minute, call)):
            return await self._submit(_with_id(body, body_id), call)
        for body_id in ids.of_minute(minute):
            if await self._is_erased(call, body_id) is not None:
                continue
            stored = await self._submit(_with_id(body, body_id), call)
            if stored.created or is_repeated:
                return stored
        return await self._submit(_with_id(body, new_request_id(self._clock())), call)

    async def _last_used(self, ids: _RequestIds, minute: int, call: RpcCall) -> str | None:
        """Return the id of the last equal request whose job is not erased. Places of a minute are used in order."""
        minutes = range(minute, minute - MINUTES - 1, -1)
        firsts = [next(ids.of_minute(one)) for one in minutes]
        used = await asyncio.gather(*(self._is_erased(call, request_id) for request_id in firsts))
        for one, is_erased in zip(minutes, used, strict=True):
            if is_erased is None:
                continue
            last = None
            for request_id in ids.of_minute(one):
                found = await self._is_erased(call, request_id)
                if found is None:
                    break
                last = last if found else request_id
            if last:
                return last
        return None

    async def _is_erased(self, call: RpcCall, request_id: str) -> bool | None:
        """Return whether the job of a request is erased; None if there is no such job."""
        loaded = await self._store.load(job_id(call.tenant, request_id))
        return None if loaded is None else loaded.job.erased

    async def _known_secret(self) -> bytes:
        if not self._secret:
            self._secret = await installation_secret(self._keys, DERIVED_FROM)
        return self._secret


class _RequestIds:
    """Ids that equal requests of one caller have."""

    def __init__(self, secret: bytes, body: pb.SubmitJobRequest, call: RpcCall) -> None:
        self._secret = secret
        self._beginning = body.request_id
        digest = sha256(body.SerializeToString(deterministic=True)).hexdigest()
        self._request = (call.tenant, call.actor, digest)

    def of_minute(self, minute: int) -> Iterator[str]:
        """Yield the ids of a minute, in the order in which they are used."""
        for place in range(PLACES):
            yield repeatable_request_id(
                self._secret, self._beginning, *self._request, str(minute), str(place)
            )


def _with_id(body: pb.SubmitJobRequest, request_id: str) -> pb.SubmitJobRequest:
    request = pb.SubmitJobRequest()
    request.CopyFrom(body)
    request.request_id = request_id
    return request
