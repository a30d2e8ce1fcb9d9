"""WhoAmI: as whom a caller is known."""

from __future__ import annotations

from kinolog.codec.access import scopes_to_proto
from kinolog.codec.times import time_to_proto
from kinolog.v1 import access_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall


async def who_am_i(request: pb.WhoAmIRequest, call: RpcCall) -> pb.WhoAmIResponse:
    """WhoAmI."""
    response = pb.WhoAmIResponse(
        tenant=call.tenant,
        actor=call.actor,
        scopes=scopes_to_proto(call.scopes),
        key_id=call.key_id,
        every_tenant=call.every_tenant,
    )
    if call.expires_at is not None:
        time_to_proto(response.expires_at, call.expires_at)
    return response
