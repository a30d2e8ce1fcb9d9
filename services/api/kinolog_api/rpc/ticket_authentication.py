"""Callers who present a ticket in place of a key."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from kinolog.access.api_key import Scope
from kinolog.access.key_text import is_ticket
from kinolog.ports.clock import Clock
from kinolog_api.rpc.access_tickets import AccessTicket, InvalidTicket, TicketSealer, TicketUse
from kinolog_api.rpc.authentication import Authenticator, Caller, KeyRefused, Metadata, bearer_text
from kinolog_api.rpc.errors import RpcError


class TicketAuthenticator:
    """Identifies callers by key or by ticket. A ticket ends with the key that issued it."""

    def __init__(self, keys: Authenticator, sealer: TicketSealer, clock: Clock) -> None:
        self._keys = keys
        self._sealer = sealer
        self._clock = clock

    @property
    def has_to_wait(self) -> bool:
        """Whether `prepare` has something to wait for."""
        return self._keys.takes_tokens

    async def prepare(self, metadata: Metadata) -> None:
        """Wait for what `identify` needs to judge a call with this metadata."""
        await self._keys.prepare(_presented(metadata))

    def identify(self, metadata: Metadata) -> Caller:
        """Return the caller. Raises `RpcError` if key or ticket is not accepted, or the metadata is not valid."""
        metadata = tuple(metadata)
        presented = _presented(metadata)
        if not is_ticket(presented):
            return self._keys.identify(metadata)
        ticket, issuer = self._accepted(presented)
        return replace(
            issuer,
            tenant=ticket.tenant,
            actor=ticket.actor,
            is_operator=False,
            every_tenant=False,
            sees_load=False,
            scopes=frozenset({Scope.READ}),
            ticket=ticket,
            expires_at=_end(issuer, ticket),
        )

    def valid_ticket(self, text: str) -> AccessTicket:
        """Return the ticket with this text. Raises `RpcError` for one that is not valid, or not any more."""
        ticket, _ = self._accepted(text)
        return ticket

    def _accepted(self, text: str) -> tuple[AccessTicket, Caller]:
        """Return the ticket with this text, and for whom its key stands. Raises as `valid_ticket`."""
        try:
            ticket = self._sealer.read(text)
        except InvalidTicket:
            raise ticket_refused("this is no ticket of this installation; is it copied whole?") from None
        if ticket.expires_at <= self._clock():
            raise ticket_refused("this ticket has expired; take a new one")
        return ticket, self._issuer(ticket)

    def _issuer(self, ticket: AccessTicket) -> Caller:
        """Return for whom the key stands that issued a ticket.

        Raises `RpcError` if the key has ended, or is another tenant's by now in the key file.
        """
        issuer = None
        with suppress(KeyRefused):
            issuer = self._keys.issuer(ticket)
        if issuer is None or (not issuer.every_tenant and issuer.tenant != ticket.tenant):
            raise ticket_refused("the key that issued this ticket is not valid any more")
        return issuer


def _presented(metadata: Metadata) -> str:
    """Return the key, ticket or token in the metadata of a call; empty without one."""
    return next((bearer_text(str(value)) for name, value in metadata if name == "authorization"), "")


def _end(issuer: Caller, ticket: AccessTicket) -> datetime | None:
    """Return when streams of a ticket end. A download goes on after its ticket has expired."""
    ends = [issuer.expires_at, ticket.expires_at if ticket.use is TicketUse.CONNECTION else None]
    return min((end for end in ends if end is not None), default=None)


def ticket_refused(message: str) -> RpcError:
    """Return the error for a ticket that is not accepted."""
    return KeyRefused("TICKET_REFUSED", message)
