"""The addresses that single jobs name: whether they may be called, and the secret that signs what is sent there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kinolog.access.webhook import Webhook, WebhookCreated
from kinolog.v1 import job_service_pb2 as pb
from kinolog.webhooks.address import AddressRules, UnusableAddress, parse_webhook_address
from kinolog.webhooks.formats import format_problem
from kinolog_api.rpc.errors import RequestViolation, invalid_argument
from kinolog_api.webhooks.webhook_facts import WebhookFacts

SYSTEM_ACTOR = "kinolog"


class JobWebhooks:
    """Prepares the webhooks of jobs before they are submitted."""

    def __init__(self, facts: WebhookFacts, rules: Callable[[str], AddressRules]) -> None:
        """`rules` returns those of a tenant."""
        self._facts = facts
        self._rules = rules
        self._lock = asyncio.Lock()

    def violations(self, job: pb.SubmitJobRequest, tenant: str) -> list[RequestViolation]:
        """Return what is wrong with the address that a job names. Names are resolved at the call, not here."""
        if not job.webhook:
            return [
                RequestViolation(field, "needs a webhook")
                for field in ("webhook_format", "webhook_events")
                if getattr(job, field)
            ]
        try:
            address = parse_webhook_address(job.webhook, self._rules(tenant))
        except UnusableAddress as refused:
            return [RequestViolation("webhook", str(refused))]
        wrong = format_problem(address, job.webhook_format)
        return [RequestViolation("webhook_format", wrong)] if wrong else []

    async def admit(self, job: pb.SubmitJobRequest, tenant: str) -> None:
        """Prepare the address that a job names, if it does. Raises `RpcError` for one that must not be called."""
        if violations := self.violations(job, tenant):
            raise invalid_argument(violations)
        if job.webhook:
            await self.ensure_secret(tenant)

    async def ensure_secrets(self, request: pb.BatchSubmitJobsRequest, tenant: str) -> None:
        """Make the secret of a tenant if a job of a batch needs it. Wrong addresses are refused job by job."""
        if any(single.webhook for single in request.requests):
            await self.ensure_secret(tenant)

    async def ensure_secret(self, tenant: str) -> Webhook:
        """Return the webhook whose secret signs what single jobs of a tenant send. It is made when it is needed."""
        found = self._facts.book.of_jobs(tenant)
        if found is not None:
            return found
        async with self._lock:
            found = self._facts.book.of_jobs(tenant)
            if found is None:
                await self._facts.create(
                    tenant,
                    SYSTEM_ACTOR,
                    lambda sealer, secret: WebhookCreated(tenant=tenant, secret=sealer.sealed_secret(secret)),
                )
                found = self._facts.book.of_jobs(tenant)
        if found is None:
            raise AssertionError("a stored webhook is not known")
        return found
