"""Sends a message to the receiver of a delivery: over HTTP, signed, or as e-mail."""

from __future__ import annotations

from collections.abc import Callable

from kinolog.access.webhook import Webhook
from kinolog.ports.clock import Clock
from kinolog.webhooks.address import MAIL_SCHEME, AddressRules, UnusableAddress, parse_webhook_address
from kinolog.webhooks.signature import signed_headers
from kinolog_projector.webhooks.call_outcome import CallOutcome, NextTry
from kinolog_projector.webhooks.delivery_tables import DueDelivery
from kinolog_projector.webhooks.http_call import NOT_ALLOWED, HttpCalls
from kinolog_projector.webhooks.mail_call import MailCalls
from kinolog_projector.webhooks.receivers import Receivers

NO_MAIL = (
    "the mailbox gets no e-mail. Whoever runs kinolog can name a mail server, and allow the mailbox or its domain: "
    "KINOLOG_SMTP_URL, KINOLOG_MAIL_RECIPIENTS"
)


class ReceiverCalls:
    """Finds the receiver of a delivery, checks its address, and calls it."""

    def __init__(
        self,
        receivers: Receivers,
        http: HttpCalls,
        mail: MailCalls | None,
        rules: Callable[[str], AddressRules],
        clock: Clock,
    ) -> None:
        """`rules` returns those of a tenant."""
        self._receivers = receivers
        self._http = http
        self._mail = mail
        self._rules = rules
        self._clock = clock

    async def call(self, webhook: Webhook, due: DueDelivery) -> CallOutcome:
        """Call the receiver. Raises `LogUnavailable`, `DamagedLog`, `KeyNotUnwrapped`, `UnsealFailed`."""
        now = self._clock()
        receiver = await self._receivers.receiver(webhook, due.job_id, now)
        if receiver is None:
            return CallOutcome(error="the address is erased", retry=NextTry.NEVER)
        is_mail = receiver.address.lower().startswith(f"{MAIL_SCHEME}:")
        try:
            address = parse_webhook_address(receiver.address, self._rules(due.tenant))
        except UnusableAddress:
            return (
                CallOutcome(error=NO_MAIL, retry=NextTry.FOR_DAYS)
                if is_mail
                else CallOutcome(error=NOT_ALLOWED)
            )
        if not is_mail:
            headers = signed_headers(receiver.secrets, due.message_id, int(now.timestamp()), due.body)
            return await self._http.post(address, due.body, headers)
        if self._mail is None:
            return CallOutcome(error=NO_MAIL, retry=NextTry.FOR_DAYS)
        return await self._mail.send(address.mailbox, due.body, due.delivery_id, now)
