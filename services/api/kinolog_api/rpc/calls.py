"""gRPC method handlers: authenticate and validate each call, run the method, translate its errors.

Methods are plain functions of a request and an `RpcCall`; `service_handler` makes gRPC handlers of them. The guard
identifies the caller before it takes in the request, and parses that itself: bad bytes are INVALID_ARGUMENT.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, aclosing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from kinolog.access.api_key import Scope
from kinolog.ids import new_id
from kinolog.ports.clock import Clock
from kinolog.process import logs
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.api_keys.key_use_recorder import KeyUseRecorder
from kinolog_api.api_keys.refusal_log import RefusalLog
from kinolog_api.rpc.access_tickets import AccessTicket
from kinolog_api.rpc.arriving_messages import Context, StrangerMessages, parsed
from kinolog_api.rpc.authentication import Caller, KeyRefused
from kinolog_api.rpc.call_origin import OwnUserCalls, call_origin
from kinolog_api.rpc.errors import SENT_BYTES, RpcError, scope_missing, translate_error
from kinolog_api.rpc.freshness import READ_MODEL_METHODS, STALE_KEY, Freshness
from kinolog_api.rpc.rates.message_turns import CallerMessages
from kinolog_api.rpc.rates.request_rates import RequestClass, RequestRates, class_of
from kinolog_api.rpc.scopes import Admission, Need, need_of
from kinolog_api.rpc.ticket_authentication import TicketAuthenticator
from kinolog_api.rpc.validation import RequestRules, check_known_fields

logger = logging.getLogger(__name__)

DETAILS_KEY = "grpc-status-details-bin"
ATTEMPTS_KEY = "grpc-previous-rpc-attempts"
"""What gRPC adds to a call that it sends again."""
OTHER_ACCOUNT = (
    "this api needs no key from the account that runs it, and from other accounts it does: send an API key in the "
    "metadata (kinolog keys create), or set KINOLOG_NO_AUTH to true to admit all accounts of this machine"
)
LONGEST_TIMER_SECONDS = 30 * 24 * 3600.0
"""A stream of a key ends after this long at the latest, if the key has an end at all."""

RESPONSE_SECONDS = 0.05
"""Part of the caller's deadline that is reserved for sending the response."""

_ENDLESS = nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcCall(Caller):
    """A call: its caller, and until when it waits. `deadline` is on the monotonic clock; None for no deadline."""

    deadline: float | None = None
    is_sent_again: bool = False
    """Whether gRPC sent the call before, on a connection that broke."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """Where the call comes from, as fields of a log line."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedMethod:
    """A method: its name, the type of its requests, and what a caller needs."""

    name: str
    kind: type[Message]
    need: Need

    @property
    def requests(self) -> RequestClass | None:
        """The class that limits of rates count its requests in."""
        return class_of(self.name, self.need)


class CallGuard:
    """Authenticates callers, checks their scopes and validates requests."""

    def __init__(
        self,
        authenticator: TicketAuthenticator,
        directory: KeyDirectory,
        uses: KeyUseRecorder,
        rules: RequestRules,
        freshness: Freshness,
        rates: RequestRates,
        clock: Clock,
    ) -> None:
        self._rates = rates
        self._authenticator = authenticator
        self._directory = directory
        self._uses = uses
        self._rules = rules
        self._clock = clock
        self.freshness = freshness
        self._messages = CallerMessages()
        self.strangers = StrangerMessages()
        self._refusals = RefusalLog()
        self.own_user: OwnUserCalls | None = None
        """Refuses calls of other accounts of this machine without a key; None admits them."""

    async def admit(
        self, method: ServedMethod, context: Context, ending: ExitStack
    ) -> tuple[Message, RpcCall]:
        """Return the parsed request and its caller. `ending` is what follows the call.

        Raises `RpcError` if either is not acceptable.
        """
        await self.prepare(context)
        if method.need is Admission.ANYONE:
            return self._admit_anyone(method, await self.strangers.one(context), context)
        call = self.caller_of(method, context)
        with self.while_key_is_live(call):
            raw = await self._messages.one(context, call, ending)
        request = self.checked(method.kind, raw)
        if call.ticket is not None and call.ticket.job_id not in ("", getattr(request, "job_id", "")):
            raise _ticket_too_narrow(method, call.ticket)
        return request, call

    async def prepare(self, context: Context) -> None:
        """Wait for what `caller_of` needs: it waits for nothing itself, so that no revocation is missed after it."""
        if self._authenticator.has_to_wait:
            await self._authenticator.prepare(context.invocation_metadata() or ())

    def caller_of(self, method: ServedMethod, context: Context) -> RpcCall:
        """Return the caller. Raises `RpcError` for one without a valid key, or whose key lacks the scope."""
        metadata, peer = context.invocation_metadata() or (), context.peer()
        origin = call_origin(peer, metadata)
        try:
            caller = self._authenticator.identify(metadata)
            if caller.ticket is not None and not caller.ticket.allows(method.name):
                raise _ticket_too_narrow(method, caller.ticket)
            _check_scope(method, caller)
            if self.own_user is not None and caller.is_keyless and not self.own_user.admits(peer):
                raise KeyRefused("KEY_REQUIRED", OTHER_ACCOUNT)
        except RpcError as refusal:
            key_id = refusal.key_id if isinstance(refusal, KeyRefused) else ""
            self._refusals.note(refusal.message, refusal.reason, method.name, key_id, origin)
            raise
        self._rates.admit(caller, method.requests, context.set_trailing_metadata)
        if caller.key_id:
            self._uses.on_use(caller.key_id)
        remaining = context.time_remaining()
        return RpcCall(
            **caller.as_arguments(),
            deadline=None if remaining is None else time.monotonic() + remaining,
            origin=origin,
            is_sent_again=any(key == ATTEMPTS_KEY for key, _ in metadata),
        )

    def checked(self, kind: type[Message], raw: bytes) -> Message:
        """Return the parsed request. Raises `RpcError` if it is not acceptable."""
        request = parsed(kind, raw)
        check_known_fields(request, raw)
        self._rules.check(request)
        return request

    def while_key_is_live(self, call: RpcCall) -> AbstractContextManager[None]:
        """End what the current task does in the block when the caller's key or ticket ends. Raises `RpcError` then.

        An end before the block is missed, so the task may not wait between `caller_of` and the block.
        """
        task = asyncio.current_task() if call.key_id or call.expires_at is not None else None
        return _ENDLESS if task is None else self._until_key_ends(call, task)

    @contextmanager
    def _until_key_ends(self, call: RpcCall, task: asyncio.Task[Any]) -> Iterator[None]:
        ended_by = ""

        def end(reason: str) -> None:
            nonlocal ended_by
            ended_by = reason
            task.cancel()

        stop, timer = self._directory.on_revocation(call.key_id, partial(end, "KEY_REVOKED")), None
        if call.expires_at is not None:
            seconds = (call.expires_at - self._clock()).total_seconds()
            delay = min(max(seconds, 0.0), LONGEST_TIMER_SECONDS)
            reason = "TOKEN_EXPIRED" if call.token_issuer else "KEY_EXPIRED"
            timer = asyncio.get_running_loop().call_later(delay, end, reason)
        try:
            yield
        except asyncio.CancelledError:
            if not ended_by or task.uncancel():
                raise
            what = f"key {call.key_id}" if call.key_id else "ticket" if call.ticket else "token"
            message = f"the {what} has ended, and with it this call; use another one"
            raise KeyRefused(ended_by, message, call.key_id) from None
        finally:
            stop()
            if timer is not None:
                timer.cancel()

    def _admit_anyone(self, method: ServedMethod, raw: bytes, context: Context) -> tuple[Message, RpcCall]:
        """Return the parsed request and its caller; of nobody if it has no valid key.

        Raises `RpcError` if the request is not acceptable.
        """
        request = self.checked(method.kind, raw)
        try:
            caller = self._authenticator.identify(context.invocation_metadata() or ())
        except RpcError:
            return request, RpcCall(tenant="", actor="", scopes=frozenset())
        return request, RpcCall(tenant=caller.tenant, actor=caller.actor, is_operator=caller.is_operator)


def _ticket_too_narrow(method: ServedMethod, ticket: AccessTicket) -> RpcError:
    message = f"this ticket is for {ticket.reads}; call {method.name} with an API key"
    return RpcError(grpc.StatusCode.PERMISSION_DENIED, "TICKET_TOO_NARROW", message)


def _check_scope(method: ServedMethod, caller: Caller) -> None:
    """Raise PERMISSION_DENIED if the caller's key lacks the scope of the method."""
    if isinstance(method.need, Scope) and method.need not in caller.scopes:
        raise scope_missing(method.need, method.name)


def _sent_last(context: Context) -> tuple[tuple[str, str | bytes], ...]:
    """Return the metadata that are to follow the response."""
    return tuple(context.trailing_metadata() or ())


async def abort(context: Context, error: Exception, method: str) -> None:
    """End the call with the status of `error`. Always raises."""
    response = error_response(error, method)
    trailing = (*_sent_last(context), (DETAILS_KEY, response.status(SENT_BYTES).SerializeToString()))
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
        extra=logs.fields("call_failed", method=method, reference=reference),
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


def _handler(
    descriptor: MethodDescriptor, guard: CallGuard, function: Any
) -> grpc.RpcMethodHandler[Any, Any]:
    method = ServedMethod(
        name=descriptor.name, kind=GetMessageClass(descriptor.input_type), need=need_of(descriptor)
    )
    if descriptor.client_streaming:
        return grpc.stream_unary_rpc_method_handler(_upload_handler(method, guard, function))
    if descriptor.server_streaming:
        return grpc.stream_stream_rpc_method_handler(_stream_handler(method, guard, function))
    return grpc.stream_unary_rpc_method_handler(_unary_handler(method, guard, function))


def _unary_handler(method: ServedMethod, guard: CallGuard, function: UnaryMethod) -> Callable[..., Any]:
    async def handle(_: AsyncIterator[bytes], context: Context) -> bytes:
        try:
            with ExitStack() as ending:
                request, call = await guard.admit(method, context, ending)
                response = await function(request, call)
            stale_seconds = guard.freshness.stale_seconds() if method.name in READ_MODEL_METHODS else 0
            if stale_seconds:
                context.set_trailing_metadata((*_sent_last(context), (STALE_KEY, str(stale_seconds))))
            return response.SerializeToString()
        except Exception as error:
            await abort(context, error, method.name)
            raise

    return handle


def _upload_handler(method: ServedMethod, guard: CallGuard, function: UploadMethod) -> Callable[..., Any]:
    async def handle(raws: AsyncIterator[bytes], context: Context) -> bytes:
        try:
            try:
                await guard.prepare(context)
                call = guard.caller_of(method, context)
            except RpcError:
                await guard.strangers.drain(context)
                raise
            with guard.while_key_is_live(call):
                response = await function((guard.checked(method.kind, raw) async for raw in raws), call)
            return response.SerializeToString()
        except Exception as error:
            await abort(context, error, method.name)
            raise

    return handle


def _stream_handler(method: ServedMethod, guard: CallGuard, function: StreamMethod) -> Callable[..., Any]:
    async def handle(_: AsyncIterator[bytes], context: Context) -> None:
        try:
            with ExitStack() as arrival:
                request, call = await guard.admit(method, context, arrival)
            with guard.while_key_is_live(call):
                async with aclosing(function(request, call)) as messages:
                    async for message in messages:
                        await context.write(
                            message if isinstance(message, bytes) else message.SerializeToString()
                        )
        except Exception as error:
            await abort(context, error, method.name)

    return handle
