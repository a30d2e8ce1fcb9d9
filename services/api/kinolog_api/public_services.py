"""Health and reflection: the services of gRPC itself, which need no key."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from kinolog_api.rpc.arriving_messages import Context, StrangerMessages, parsed
from kinolog_api.rpc.errors import RpcError


def health_handler(servicer: HealthServicer, messages: StrangerMessages) -> grpc.GenericRpcHandler[Any, Any]:
    """Return the handler of grpc.health.v1.Health."""
    serializer = health_pb2.HealthCheckResponse.SerializeToString

    def of_one_request(method: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def handle(_: AsyncIterator[bytes], context: Context) -> Any:
            try:
                request = parsed(health_pb2.HealthCheckRequest, await messages.one(context))
            except RpcError as error:
                await context.abort(error.code, error.message)
            return await method(request, context)

        return handle

    return grpc.method_handlers_generic_handler(
        health.SERVICE_NAME,
        {
            "Check": grpc.stream_unary_rpc_method_handler(
                of_one_request(servicer.Check), response_serializer=serializer
            ),
            "Watch": grpc.stream_stream_rpc_method_handler(
                of_one_request(servicer.Watch), response_serializer=serializer
            ),
        },
    )


def reflection_handler(names: Iterable[str], messages: StrangerMessages) -> grpc.GenericRpcHandler[Any, Any]:
    """Return the handler of gRPC's reflection, which describes the services with these names."""
    servicer = ReflectionServicer(names)

    async def describe(_: AsyncIterator[bytes], context: Context) -> AsyncGenerator[Message, None]:
        async def requests() -> AsyncGenerator[Message, None]:
            async for raw in messages.each(context):
                yield parsed(reflection_pb2.ServerReflectionRequest, raw)

        try:
            async for response in servicer.ServerReflectionInfo(requests(), context):
                yield response
        except RpcError as error:
            await context.abort(error.code, error.message)

    return grpc.method_handlers_generic_handler(
        reflection.SERVICE_NAME,
        {
            "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                describe, response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString
            )
        },
    )
