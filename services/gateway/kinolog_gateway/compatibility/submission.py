"""Submits of clients of other services, which send no request id of kinolog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from grpc.aio import AioRpcError
from pydantic import TypeAdapter, ValidationError

from kinolog.ids import new_request_id
from kinolog.ports.clock import system_clock
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.compatibility.generation import ForeignNames, Generation
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.requests.value_types import RequestId
from kinolog_gateway.upstream import Upstream

KEY_HEADER = "Idempotency-Key"
TRIES_HEADER = "x-stainless-retry-count"
"""How often an SDK that Stainless generated sent the request before."""

MAX_TRIES = 1000

_request_ids: TypeAdapter[str] = TypeAdapter(RequestId)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestIdentity:
    """What makes a request one that was sent before: a key of the client, or how often it sent it."""

    key: str = ""
    earlier_tries: int | None = None

    def number(self, request: pb.SubmitJobRequest, beginning: str) -> None:
        """Set the request id, which begins with `beginning`. Raises `HttpProblemError` for a key that is none."""
        if self.key:
            try:
                request.request_id = _request_ids.validate_python(beginning + self.key)
            except ValidationError:
                length = 128 - len(beginning)
                raise invalid(KEY_HEADER, f"must have 1 to {length} letters, digits and ._:-") from None
        elif self.earlier_tries is not None:
            request.request_id, request.earlier_tries = beginning, self.earlier_tries
        else:
            request.request_id = beginning + new_request_id(system_clock())


def identity_of(headers: Mapping[str, str], key: str | None = None) -> RequestIdentity:
    """Return the identity of a request. `key` is an id that its body names. Raises `HttpProblemError` for two ids."""
    tries, header = headers.get(TRIES_HEADER, ""), headers.get(KEY_HEADER, "")
    if key and header and key != header:
        raise invalid("request_id", f"differs from the header {KEY_HEADER}; give one of them")
    is_number = tries.isascii() and tries.isdecimal() and len(tries) <= 9
    earlier_tries = min(int(tries), MAX_TRIES) if is_number else None
    return RequestIdentity(key=key or header, earlier_tries=earlier_tries)


async def identified_submit(
    api: Upstream,
    caller: HttpCaller,
    identity: RequestIdentity,
    request: pb.SubmitJobRequest,
    foreign: ForeignNames,
    beginning: str = "",
) -> pb.SubmitJobResponse:
    """Submit a request without an id. Its id begins with `beginning`. Raises `HttpProblemError` in foreign names."""
    identity.number(request, beginning)
    try:
        return await api.submit(request, caller)
    except AioRpcError as error:
        raise foreign.refused(error) from None


async def submitted(
    request: Request,
    api: Upstream,
    caller: HttpCaller,
    wanted: Generation,
    inputs: Sequence[pb.InputReference],
    given_as: str,
) -> pb.SubmitJobResponse:
    """Submit what a request wants. `given_as` is the field of its inputs. Raises `HttpProblemError`."""
    submit = wanted.request.to_proto("")
    submit.inputs.extend(inputs)
    if inputs:
        wanted.foreign.names["inputs"] = given_as
    identity = identity_of(request.headers, wanted.request.request_id)
    return await identified_submit(api, caller, identity, submit, wanted.foreign)
