"""Routes for access tickets, which stand for a key where a browser can send none."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from kinolog.v1 import ticket_service_pb2 as pb
from kinolog_gateway.enum_names import to_datetime
from kinolog_gateway.http.edge.browser_credentials import KEY_PROTOCOL, LIVE_PROTOCOL
from kinolog_gateway.requests.tickets import TicketRequest
from kinolog_gateway.responses.tickets import SignedLinks, TicketView
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1", tags=["keys"], responses=PROBLEMS)


@router.post("/tickets", status_code=201, response_model=TicketView, summary="Create an access ticket")
async def create_ticket(
    api: Api, caller: Caller, body: Annotated[TicketRequest | None, Body()] = None
) -> Response:
    """Create a ticket for the files of a job, or for one connection of live updates. Needs the scope `read`.

    It ends with the key that created it, and with the job's erasure.
    """
    wanted = body or TicketRequest()
    seconds = wanted.valid_seconds or 0
    if wanted.job_id is None:
        live_request = pb.CreateLiveTicketRequest(valid_seconds=seconds)
        live = await api.call(api.tickets.CreateLiveTicket, live_request, caller)
        view = TicketView(
            ticket=live.ticket,
            reads="live",
            job_id=None,
            expires_at=to_datetime(live.expires_at),
            links=None,
            subprotocols=[LIVE_PROTOCOL, KEY_PROTOCOL + live.ticket],
        )
    else:
        request = pb.CreateFileTicketRequest(job_id=wanted.job_id, valid_seconds=seconds)
        files = await api.call(api.tickets.CreateFileTicket, request, caller)
        view = TicketView(
            ticket=files.ticket,
            reads="files",
            job_id=wanted.job_id,
            expires_at=to_datetime(files.expires_at),
            links=SignedLinks.of(await api.job(wanted.job_id, caller), files.ticket),
            subprotocols=None,
        )
    return json_response(view, status=201)
