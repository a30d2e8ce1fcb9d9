"""CreateFileTicket, CreateLiveTicket and RedeemTicket."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from kinolog.codec.times import time_to_proto
from kinolog.ids import new_id
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealer import new_key
from kinolog.process.logs import fields
from kinolog.v1 import ticket_service_pb2 as pb
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.access_tickets import AccessTicket, TicketSealer, TicketUse
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.ticket_authentication import TicketAuthenticator, ticket_refused

logger = logging.getLogger(__name__)

FILE_SECONDS, LIVE_SECONDS = 600, 30
"""How long tickets are valid if the request does not say."""
CONNECTION_SECONDS = 24 * 3600
"""How long a connection may go on; then its client takes a new ticket."""


class IssueTickets:
    """Issues tickets, and exchanges those for live updates, each once over all processes of the api.

    The key store says which was first: it keeps the value of an id that has one.
    """

    def __init__(
        self,
        authenticator: TicketAuthenticator,
        sealer: TicketSealer,
        queries: JobQueries,
        keys: KeyStore,
        clock: Clock,
    ) -> None:
        self._authenticator = authenticator
        self._sealer = sealer
        self._queries = queries
        self._keys = keys
        self._clock = clock
        self._used: deque[tuple[datetime, str]] = deque()
        """When each redeemed ticket expires, and the id under which the key store knows that it was redeemed."""

    async def create_file_ticket(
        self, request: pb.CreateFileTicketRequest, call: RpcCall
    ) -> pb.CreateFileTicketResponse:
        """CreateFileTicket. Raises `RpcError` if the tenant has no such job."""
        await self._queries.load(call.tenant, request.job_id)
        ticket = self._ticket(TicketUse.FILES, call, request.valid_seconds or FILE_SECONDS, request.job_id)
        response = pb.CreateFileTicketResponse(ticket=self._sealer.text_of(ticket))
        time_to_proto(response.expires_at, ticket.expires_at)
        return response

    async def create_live_ticket(
        self, request: pb.CreateLiveTicketRequest, call: RpcCall
    ) -> pb.CreateLiveTicketResponse:
        """CreateLiveTicket."""
        ticket = self._ticket(TicketUse.LIVE, call, request.valid_seconds or LIVE_SECONDS)
        response = pb.CreateLiveTicketResponse(ticket=self._sealer.text_of(ticket))
        time_to_proto(response.expires_at, ticket.expires_at)
        return response

    def _ticket(self, use: TicketUse, call: RpcCall, seconds: int, job_id: str = "") -> AccessTicket:
        return AccessTicket(
            use=use,
            tenant=call.tenant,
            actor=call.actor,
            key_digest=call.key_digest,
            expires_at=self._clock() + timedelta(seconds=seconds),
            nonce=new_id(),
            job_id=job_id,
            token_issuer=call.token_issuer,
            token_ends_at=call.expires_at if call.token_issuer else None,
        )

    async def redeem(self, request: pb.RedeemTicketRequest, call: RpcCall) -> pb.RedeemTicketResponse:
        """RedeemTicket. Raises UNAUTHENTICATED for a ticket that is not valid or was redeemed before."""
        ticket = self._authenticator.valid_ticket(request.ticket)
        if ticket.use is not TicketUse.LIVE:
            raise ticket_refused(f"this ticket is for {ticket.reads}; take one for live updates")
        await self._use_once(ticket)
        credential = replace(
            ticket,
            use=TicketUse.CONNECTION,
            expires_at=self._clock() + timedelta(seconds=CONNECTION_SECONDS),
            nonce=new_id(),
        )
        response = pb.RedeemTicketResponse(
            credential=self._sealer.text_of(credential), tenant=credential.tenant
        )
        time_to_proto(response.expires_at, credential.expires_at)
        return response

    async def _use_once(self, ticket: AccessTicket) -> None:
        note, mine = f"ticket-{ticket.nonce}", new_key()
        stored = await self._keys.create({note: mine})
        if stored.get(note) != mine:
            logger.warning(
                "a ticket was presented again", extra=fields("ticket_repeated", tenant=ticket.tenant)
            )
            raise ticket_refused("this ticket was used before; take a new one for each connection")
        self._used.append((ticket.expires_at, note))
        await self._forget_expired()

    async def _forget_expired(self) -> None:
        """Delete what the key store knows of tickets that have expired. What a process leaves at its end stays."""
        now, expired = self._clock(), []
        while self._used and self._used[0][0] < now:
            expired.append(self._used.popleft()[1])
        if expired:
            with suppress(LogUnavailable):
                await self._keys.discard(expired)
