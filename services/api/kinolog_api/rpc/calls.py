"""gRPC method handlers: authenticate and validate each call, run the method, translate its errors.

Methods are plain functions of a request and an `RpcCall`; `service_handler` makes gRPC handlers of them. The guard
parses the request itself, so that undecodable bytes are INVALID_ARGUMENT like any other wrong input.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
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
from kinolog_api.rpc.errors import RpcError, translate_error
from kinolog_api.rpc.freshness import READ_MODEL_METHODS, STALE_KEY, Freshness
from kinolog_api.rpc.validation import RequestRules

logger = logging.getLogger(__name__)

DETAILS_KEY = "grpc-status-details-bin"
ATTEMPTS_KEY = "grpc-previous-rpc-attempts"
"""What gRPC adds to a call that it sends again."""
OPEN_METHODS = frozenset({"ListAlarms"})
"""Methods that need no key: probes of operators have none."""

RESPONSE_SECONDS = 0.05
"""Part of the caller's deadline that is reserved for sending the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcCall:
    """The caller of a request. `deadline` is on the monotonic clock, in seconds; None for no deadline."""

    tenant: str
    actor: str
    deadline: float | None = None
    is_operator: bool = False
    """Whether the caller may read what concerns the jobs of all tenants."""
    earlier_attempts: int = 0
    """How often gRPC sent the call before, on a connection that broke."""

    def seconds_left(self, limit: float) -> float:
        """Return how long the caller still waits, in seconds, at most `limit`."""
        if self.deadline is None:
            return limit
        return max(0.0, min(limit, self.deadline - time.monotonic() - RESPONSE_SECONDS))


UnaryMethod: TypeAlias = Callable[[Any, RpcCall], Awaitable[Message]]
StreamMethod: TypeAlias = Callable[[Any, RpcCall], AsyncGenerator[Any, None]]
"""Yields messages, or encoded messages as bytes."""

UploadMethod: TypeAlias = Callable[[AsyncIterator[Any], RpcCall], Awaitable[Message]]
"""Receives a stream of messages and returns one."""

Methods: TypeAlias = Mapping[str, UnaryMethod | StreamMethod | UploadMethod]
"""Methods of a service by their name in the proto file."""

Context: TypeAlias = ServicerContext[bytes, bytes]


class CallGuard:
    """Authenticates callers and validates requests."""

    def __init__(self, authenticator: Authenticator, rules: RequestRules, freshness: Freshness) -> None:
        self._authenticator = authenticator
        self._rules = rules
        self.freshness = freshness

    def admit(self, kind: type[Message], raw: bytes, context: Context) -> tuple[Message, RpcCall]:
        """Return the parsed request and its caller. Raises `RpcError` if either is not acceptable."""
        call = self.caller_of(context)
        return self.checked(kind, raw), call

    def caller_of(self, context: Context) -> RpcCall:
        """Return the caller. Raises `RpcError` for one without a valid key."""
        caller = self._authenticator.identify(context.invocation_metadata() or ())
        remaining = context.time_remaining()
        deadline = None if remaining is None else time.monotonic() + remaining
        return RpcCall(
            tenant=caller.tenant,
            actor=caller.actor,
            deadline=deadline,
            is_operator=caller.is_operator,
            earlier_attempts=_earlier_attempts(context.invocation_metadata() or ()),
        )

    def checked(self, kind: type[Message], raw: bytes) -> Message:
        """Return the parsed request. Raises `RpcError` if it is not acceptable."""
        request = _parsed(kind, raw)
        self._rules.check(request)
        return request

    def admit_anyone(self, kind: type[Message], raw: bytes, context: Context) -> tuple[Message, RpcCall]:
        """Return the parsed request and its caller; of nobody if it has no valid key.

        Raises `RpcError` if the request is not acceptable.
        """
        request = _parsed(kind, raw)
        try:
            caller = self._authenticator.identify(context.invocation_metadata() or ())
        except RpcError:
            return request, RpcCall(tenant="", actor="")
        return request, RpcCall(tenant=caller.tenant, actor=caller.actor, is_operator=caller.is_operator)


def _earlier_attempts(metadata: Iterable[tuple[str, str | bytes]]) -> int:
    return next((int(value) for key, value in metadata if key == ATTEMPTS_KEY and value.isdigit()), 0)


def _parsed(kind: type[Message], raw: bytes) -> Message:
    try:
        return kind.FromString(raw)
    except DecodeError:
        message = f"the bytes are not a {kind.DESCRIPTOR.name}"
        raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE", message) from None


async def abort(context: Context, error: Exception, method: str) -> None:
    """End the call with the status of `error`. Always raises."""
    response = error_response(error, method)
    trailing = ((DETAILS_KEY, response.status().SerializeToString()),)
    await context.abort(response.code, response.message, trailing)


def error_response(error: Exception, method: str) -> RpcError:
    """Return the error response for an exception of `method`. Logs an unexpected exception."""
    return translate_error(error) or _internal_error(error, method)


def _internal_error(error: Exception, method: str) -> RpcError:
    """Log an unexpected exception under a new reference, and return the error that names the reference."""
    reference = new_id()[:10]
    logger.error(
        "a call failed unexpectedly: %s",
        type(error).__name__,
        exc_info=error,
        extra=fields("call_failed", method=method, reference=reference),
    )
    message = f"internal error; find the cause in the api's log under reference {reference}"
    return RpcError(grpc.StatusCode.INTERNAL, "INTERNAL", message, metadata={"reference": reference})


def service_handler(
    service: ServiceDescriptor, guard: CallGuard, methods: Methods
) -> grpc.GenericRpcHandler[Any, Any]:
    """Return handlers for all methods of a service. Raises ValueError if a method is missing or unknown."""
    names = {method.name for method in service.methods}
    if names != methods.keys():
        raise ValueError(f"{service.full_name}: missing or unknown methods {sorted(names ^ methods.keys())}")
    handlers = {method.name: _handler(method, guard, methods[method.name]) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _handler(method: MethodDescriptor, guard: CallGuard, function: Any) -> grpc.RpcMethodHandler[Any, Any]:
    kind = GetMessageClass(method.input_type)
    if method.client_streaming:
        return grpc.stream_unary_rpc_method_handler(_upload_handler(method.name, kind, guard, function))
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_stream_handler(method.name, kind, guard, function))
    return grpc.unary_unary_rpc_method_handler(_unary_handler(method.name, kind, guard, function))


def _unary_handler(
    name: str, kind: type[Message], guard: CallGuard, function: UnaryMethod
) -> Callable[..., Any]:
    admit = guard.admit_anyone if name in OPEN_METHODS else guard.admit

    async def handle(raw: bytes, context: Context) -> bytes:
        try:
            request, call = admit(kind, raw, context)
            response = await function(request, call)
            stale_seconds = guard.freshness.stale_seconds() if name in READ_MODEL_METHODS else 0
            if stale_seconds:
                context.set_trailing_metadata(((STALE_KEY, str(stale_seconds)),))
            return response.SerializeToString()
        except Exception as error:
            await abort(context, error, name)
            raise

    return handle


def _upload_handler(
    name: str, kind: type[Message], guard: CallGuard, function: UploadMethod
) -> Callable[..., Any]:
    async def handle(raws: AsyncIterator[bytes], context: Context) -> bytes:
        try:
            call = guard.caller_of(context)
            response = await function((guard.checked(kind, raw) async for raw in raws), call)
            return response.SerializeToString()
        except Exception as error:
            await abort(context, error, name)
            raise

    return handle


def _stream_handler(
    name: str, kind: type[Message], guard: CallGuard, function: StreamMethod
) -> Callable[..., Any]:
    async def handle(raw: bytes, context: Context) -> None:
        try:
            request, call = guard.admit(kind, raw, context)
            async with aclosing(function(request, call)) as messages:
                async for message in messages:
                    await context.write(
                        message if isinstance(message, bytes) else message.SerializeToString()
                    )
        except Exception as error:
            await abort(context, error, name)

    return handle
