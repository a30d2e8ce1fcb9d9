"""The way in for every call: who calls, is the request well-formed, and what is told when it fails.

Services are plain functions of a request and a `Call`; `routes` makes gRPC handlers of them. The gate parses the
request itself, so that bytes that are no message are an INVALID_ARGUMENT like any other wrong input.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc.aio import ServicerContext

from kinolog.ids import new_id
from kinolog.process.logs import fields
from kinolog_api.rpc.authentication import Authenticator
from kinolog_api.rpc.errors import RpcError, translated
from kinolog_api.rpc.validation import RequestRules

log = logging.getLogger(__name__)

DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Call:
    """What is known about a call beside its request. `deadline` is on the monotonic clock; None for none."""

    tenant: str
    actor: str
    deadline: float | None = None

    def seconds_left(self, most: float) -> float:
        """Seconds that the caller still waits, at most `most`; a little is kept back for the answer."""
        if self.deadline is None:
            return most
        return max(0.0, min(most, self.deadline - time.monotonic() - 0.05))


Unary: TypeAlias = Callable[[Any, Call], Awaitable[Message]]
Stream: TypeAlias = Callable[[Any, Call], AsyncGenerator[Any, None]]
"""Yields messages, or messages that are encoded already."""

Context: TypeAlias = ServicerContext[bytes, bytes]


class CallGuard:
    """Lets calls in, and turns what goes wrong inside into answers."""

    def __init__(self, callers: Authenticator, rules: RequestRules) -> None:
        self._callers = callers
        self._rules = rules

    def admit(self, kind: type[Message], raw: bytes, context: Context) -> tuple[Message, Call]:
        """The request and who asks. Raises an RpcError for a wrong one."""
        caller = self._callers.identify(context.invocation_metadata() or ())
        try:
            request = kind.FromString(raw)
        except DecodeError:
            name = kind.DESCRIPTOR.name
            message = f"these bytes are no {name}"
            raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE", message) from None
        self._rules.check(request)
        left = context.time_remaining()
        deadline = None if left is None else time.monotonic() + left
        return request, Call(caller.tenant, caller.actor, deadline)


async def refuse(context: Context, error: Exception, method: str) -> None:
    """End the call with the status of `error`. Always raises."""
    answer = answered(error, method)
    status = answer.status()
    trailing = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(answer.code, answer.message, trailing)


def answered(error: Exception, method: str) -> RpcError:
    """What the caller is told about `error`; one that nobody foresaw goes into the log too."""
    return translated(error) or _unexpected(error, method)


def _unexpected(error: Exception, method: str) -> RpcError:
    """Nobody foresaw this one. What it says stays out of the log: it may quote a request."""
    reference = new_id()[:10]
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error(
        "a call failed unexpectedly: %s\n%s",
        type(error).__name__,
        frames,
        extra=fields("call_failed", method=method, reference=reference),
    )
    message = f"something went wrong inside the api; its log says more under {reference}"
    return RpcError(grpc.StatusCode.INTERNAL, "INTERNAL", message, metadata={"reference": reference})


def routes(
    service: ServiceDescriptor, gate: CallGuard, methods: Mapping[str, Unary | Stream]
) -> grpc.GenericRpcHandler[Any, Any]:
    """Handlers for every method of the service. Raises ValueError when one is missing or too many."""
    named = {method.name for method in service.methods}
    if named != methods.keys():
        raise ValueError(f"{service.full_name}: no function for {sorted(named ^ methods.keys())}")
    handlers = {method.name: _handler(method, gate, methods[method.name]) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _handler(method: MethodDescriptor, gate: CallGuard, function: Any) -> grpc.RpcMethodHandler[Any, Any]:
    kind = GetMessageClass(method.input_type)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_streaming(method.name, kind, gate, function))
    return grpc.unary_unary_rpc_method_handler(_answering(method.name, kind, gate, function))


def _answering(name: str, kind: type[Message], gate: CallGuard, function: Unary) -> Callable[..., Any]:
    async def answer(raw: bytes, context: Context) -> bytes:
        try:
            request, call = gate.admit(kind, raw, context)
            return (await function(request, call)).SerializeToString()
        except Exception as error:
            await refuse(context, error, name)
            raise

    return answer


def _streaming(name: str, kind: type[Message], gate: CallGuard, function: Stream) -> Callable[..., Any]:
    async def stream(raw: bytes, context: Context) -> None:
        try:
            request, call = gate.admit(kind, raw, context)
            async with aclosing(function(request, call)) as messages:
                async for message in messages:
                    await context.write(
                        message if isinstance(message, bytes) else message.SerializeToString()
                    )
        except Exception as error:
            await refuse(context, error, name)

    return stream
