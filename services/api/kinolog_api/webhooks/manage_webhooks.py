"""The methods of WebhookService: the webhooks of the caller's tenant, and what became of their calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

from grpc import StatusCode

from kinolog.access.webhook import (
    RedeliveryRequested,
    Webhook,
    WebhookChanged,
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
)
from kinolog.counts import counted
from kinolog.ports.clock import Clock
from kinolog.process.logs import fields
from kinolog.v1 import webhook_service_pb2 as pb
from kinolog.webhooks.address import AddressRules, UnusableAddress, parse_webhook_address
from kinolog.webhooks.delivery_history import DeliveryCursor, WebhookHistory
from kinolog.webhooks.events import ENDS
from kinolog.webhooks.formats import format_problem, stored_format
from kinolog.webhooks.resolution import resolved_ips
from kinolog.webhooks.signature import SECRET_BYTES, secret_text
from kinolog_api.api_keys.fact_log import random_text
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument
from kinolog_api.rpc.page_tokens import cursor_from_token, page_token
from kinolog_api.webhooks.job_webhooks import JobWebhooks
from kinolog_api.webhooks.webhook_facts import WebhookFacts
from kinolog_api.webhooks.webhook_messages import STATUS_FROM_PROTO, delivery_to_proto, webhook_to_proto

logger = logging.getLogger(__name__)

MAX_WEBHOOKS = 100
"""Webhooks of a tenant."""
DEFAULT_PAGE_SIZE = 100
OVERLAP_SECONDS = 24 * 3600
"""How long a replaced secret still signs, unless the caller says otherwise."""


class ManageWebhooks:
    """Creates, lists, changes and deletes webhooks of the caller's tenant, or of any for a caller of every tenant."""

    def __init__(
        self,
        facts: WebhookFacts,
        of_jobs: JobWebhooks,
        history: WebhookHistory,
        rules: Callable[[str], AddressRules],
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._of_jobs = of_jobs
        self._history = history
        self._rules = rules
        self._clock = clock
        self._creating = asyncio.Lock()  # calls at the same time are counted one after the other

    async def create(self, request: pb.CreateWebhookRequest, call: RpcCall) -> pb.CreateWebhookResponse:
        """CreateWebhook."""
        tenant = _tenant(request.tenant or call.tenant, call)
        await self._check_address(request.address, request.format, tenant)
        async with self._creating:
            number = sum(not webhook.is_of_jobs for webhook in self._facts.book.of_tenant(tenant))
            if number >= MAX_WEBHOOKS:
                message = (
                    f"tenant {tenant} has {counted(number, 'webhook')} and may have no more: "
                    "delete what nobody needs"
                )
                raise RpcError(StatusCode.FAILED_PRECONDITION, "TOO_MANY_WEBHOOKS", message)
            webhook, secret = await self._facts.create(
                tenant,
                call.actor,
                lambda sealer, text: WebhookCreated(
                    tenant=tenant,
                    secret=sealer.sealed_secret(text),
                    address=sealer.sealed_address(request.address),
                    name=request.name,
                    events=_events(request.events),
                    actor=request.actor,
                    format=stored_format(request.format),
                ),
            )
        self._log("webhook_created", "a webhook was created", webhook, call)
        return pb.CreateWebhookResponse(webhook=await self._shown(webhook), secret=secret)

    async def list_webhooks(self, request: pb.ListWebhooksRequest, call: RpcCall) -> pb.ListWebhooksResponse:
        """ListWebhooks."""
        tenant = _tenant(request.tenant or call.tenant, call)
        webhooks = self._facts.book.of_tenant(tenant)
        off = await self._history.switched_off(tenant, [webhook.webhook_id for webhook in webhooks])
        addresses = await self._facts.addresses(webhooks)
        now = self._clock()
        return pb.ListWebhooksResponse(
            webhooks=[
                webhook_to_proto(
                    webhook, addresses.get(webhook.webhook_id, ""), off.get(webhook.webhook_id), now
                )
                for webhook in webhooks
            ]
        )

    async def change(self, request: pb.ChangeWebhookRequest, call: RpcCall) -> pb.ChangeWebhookResponse:
        """ChangeWebhook."""
        tenant = self._named(request.webhook_id, call).tenant
        await self._check_address(request.address, request.format, tenant)
        sealer = await self._facts.sealer(request.webhook_id)
        changed = WebhookChanged(
            address=sealer.sealed_address(request.address),
            name=request.name,
            events=_events(request.events),
            actor=request.actor,
            format=stored_format(request.format),
        )
        await self._facts.decide(
            lambda: self._named(request.webhook_id, call), "change_webhook", changed, call.actor
        )
        webhook = self._named(request.webhook_id, call)
        self._log("webhook_changed", "a webhook was changed", webhook, call)
        return pb.ChangeWebhookResponse(webhook=await self._shown(webhook))

    async def rotate(
        self, request: pb.RotateWebhookSecretRequest, call: RpcCall
    ) -> pb.RotateWebhookSecretResponse:
        """RotateWebhookSecret."""
        self._visible(request.webhook_id, call)
        overlap = request.overlap_seconds if request.HasField("overlap_seconds") else OVERLAP_SECONDS
        secret = secret_text(token_bytes(SECRET_BYTES))
        sealer = await self._facts.sealer(request.webhook_id)
        rotated = WebhookSecretRotated(
            secret=sealer.sealed_secret(secret), old_until=self._clock() + timedelta(seconds=overlap)
        )
        await self._facts.decide(
            lambda: self._visible(request.webhook_id, call), "rotate_secret", rotated, call.actor
        )
        webhook = self._visible(request.webhook_id, call)
        self._log("webhook_secret_rotated", "the secret of a webhook was replaced", webhook, call)
        return pb.RotateWebhookSecretResponse(webhook=await self._shown(webhook), secret=secret)

    async def secret(self, request: pb.GetWebhookSecretRequest, call: RpcCall) -> pb.GetWebhookSecretResponse:
        """GetWebhookSecret."""
        webhook = (
            self._visible(request.webhook_id, call)
            if request.webhook_id
            else await self._of_jobs.ensure_secret(call.tenant)
        )
        sealer = await self._facts.sealer(webhook.webhook_id)
        return pb.GetWebhookSecretResponse(
            webhook_id=webhook.webhook_id, secret=sealer.secret(webhook.secret)
        )

    async def delete(self, request: pb.DeleteWebhookRequest, call: RpcCall) -> pb.DeleteWebhookResponse:
        """DeleteWebhook. The key goes first: a call that is interrupted then leaves nothing that can be read."""
        webhook = self._named(request.webhook_id, call)
        await self._facts.erase_key(webhook.webhook_id)
        await self._facts.decide(
            lambda: self._named(request.webhook_id, call), "delete_webhook", WebhookDeleted(), call.actor
        )
        self._log("webhook_deleted", "a webhook was deleted", webhook, call)
        return pb.DeleteWebhookResponse()

    async def list_deliveries(
        self, request: pb.ListDeliveriesRequest, call: RpcCall
    ) -> pb.ListDeliveriesResponse:
        """ListDeliveries."""
        webhook = self._visible(request.webhook_id, call)
        query = f"deliveries {webhook.webhook_id} {request.state}".encode()
        after = _cursor(cursor_from_token(request.page_token, query)) if request.page_token else None
        size = request.page_size or DEFAULT_PAGE_SIZE
        found = await self._history.deliveries(
            webhook.tenant, webhook.webhook_id, size + 1, after, STATUS_FROM_PROTO.get(request.state)
        )
        shown = found[:size]
        more = len(found) > size
        cursor = f"{shown[-1].created_at.timestamp():.6f} {shown[-1].delivery_id}" if more else ""
        return pb.ListDeliveriesResponse(
            deliveries=map(delivery_to_proto, shown), next_page_token=page_token(cursor, query)
        )

    async def redeliver(self, request: pb.RedeliverRequest, call: RpcCall) -> pb.RedeliverResponse:
        """Redeliver."""
        webhook = self._visible(request.webhook_id, call)
        delivery = await self._history.delivery(webhook.tenant, request.delivery_id)
        if delivery is None or delivery.webhook_id != webhook.webhook_id:
            message = f"there is no delivery {request.delivery_id} of this webhook; they are kept for 30 days"
            raise RpcError(StatusCode.NOT_FOUND, "DELIVERY_NOT_FOUND", message)
        off = await self._history.switched_off(webhook.tenant, [webhook.webhook_id])
        if (found := off.get(webhook.webhook_id)) and found.holds(webhook):
            message = f"the webhook is switched off, since {found.reason}: change it, which switches it on"
            raise RpcError(StatusCode.FAILED_PRECONDITION, "WEBHOOK_SWITCHED_OFF", message)
        new_id = f"dlv_{random_text(token_bytes(20))[:26]}"
        fact = RedeliveryRequested(delivery_id=new_id, repeats=request.delivery_id)
        await self._facts.decide(
            lambda: self._visible(request.webhook_id, call), "redeliver", fact, call.actor
        )
        return pb.RedeliverResponse(delivery_id=new_id)

    async def _check_address(self, text: str, form: str, tenant: str) -> None:
        """Raise `RpcError` for an address that must not be called. A name that is not found now is accepted."""
        rules = self._rules(tenant)
        try:
            address = parse_webhook_address(text, rules)
            if wrong := format_problem(address, form):
                raise invalid_argument([RequestViolation("format", wrong)])
            if address.host:
                await resolved_ips(address.host, address.port, rules)
        except UnusableAddress as refused:
            raise invalid_argument([RequestViolation("address", str(refused))]) from None
        except (OSError, TimeoutError):
            pass

    async def _shown(self, webhook: Webhook) -> pb.Webhook:
        addresses = await self._facts.addresses([webhook])
        return webhook_to_proto(webhook, addresses.get(webhook.webhook_id, ""), None, self._clock())

    def _visible(self, webhook_id: str, call: RpcCall) -> Webhook:
        """Return a webhook. Raises NOT_FOUND for one of another tenant, as for one that does not exist."""
        webhook = self._facts.book.by_id(webhook_id)
        if webhook is None or not (call.every_tenant or webhook.tenant == call.tenant):
            message = f"there is no webhook {webhook_id}"
            raise RpcError(
                StatusCode.NOT_FOUND, "WEBHOOK_NOT_FOUND", message, metadata={"webhook_id": webhook_id}
            )
        return webhook

    def _named(self, webhook_id: str, call: RpcCall) -> Webhook:
        """Return a webhook that has an address of its own. Raises like `_visible`, and for the one that has none."""
        webhook = self._visible(webhook_id, call)
        if webhook.is_of_jobs:
            message = "this webhook signs what single jobs send: it has no address, and it stays"
            raise RpcError(StatusCode.FAILED_PRECONDITION, "WEBHOOK_OF_JOBS", message)
        return webhook

    def _log(self, action: str, text: str, webhook: Webhook, call: RpcCall) -> None:
        facts = {"webhook": webhook.webhook_id, "tenant": webhook.tenant, "actor": call.actor}
        logger.info(text, extra=fields(action, **facts, **call.origin))


def _events(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names) or frozenset(event.value for event in ENDS)


def _tenant(tenant: str, call: RpcCall) -> str:
    if tenant != call.tenant and not call.every_tenant:
        message = f"this key manages the webhooks of tenant {call.tenant} only, not those of tenant {tenant}"
        raise RpcError(StatusCode.PERMISSION_DENIED, "OTHER_TENANT", message)
    return tenant


def _cursor(text: str) -> DeliveryCursor:
    at, _, delivery_id = text.partition(" ")
    return DeliveryCursor(datetime.fromtimestamp(float(at), UTC), delivery_id)
