"""Webhooks over gRPC: who manages them, which addresses they may have, and what becomes of their secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from kinolog_api.webhooks import manage_webhooks

from kinolog.access.api_key import EVERY_TENANT, Scope
from kinolog.access.key_text import key_digest
from kinolog.codec.access import SCOPE_TO_PROTO
from kinolog.process.api_keys import KeyHolder
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.v1 import access_service_pb2 as access
from kinolog.v1 import job_service_pb2 as jobs
from kinolog.v1 import webhook_service_pb2 as pb
from kinolog.webhooks.address import AddressRules
from kinolog.webhooks.delivery_history import DeliveryStatus, DeliveryTry, StoredDelivery, SwitchedOff
from tests.builders.call_metadata import bearer
from tests.builders.refusals import refusals
from tests.builders.running_api import RunningApi, refused, running_api

OPERATOR = "operator-key-0123456789"
ADDRESS = "https://1.1.1.1/hook?token=1"
AT = datetime(2026, 5, 1, tzinfo=UTC)


class Admins:
    """An api, and the administrators of two tenants."""

    def __init__(self, api: RunningApi, keys: dict[str, str]) -> None:
        self.api = api
        self._keys = keys

    async def call(self, method: str, request: Any, tenant: str = "studio") -> Any:
        """Call a method as the administrator of a tenant."""
        return await self.api.method(method)(request, metadata=bearer(self._keys[tenant]))

    async def refused(self, method: str, request: Any, tenant: str = "studio") -> Any:
        """Return the error of such a call."""
        return await refused(self.api.method(method)(request, metadata=bearer(self._keys[tenant])))

    async def create(self, address: str = ADDRESS, **fields: Any) -> Any:
        """Create a webhook."""
        return await self.call("CreateWebhook", pb.CreateWebhookRequest(address=address, **fields))


@pytest.fixture
async def admins() -> AsyncIterator[Admins]:
    """Administrators of `studio` and `team`."""
    policies = TenantPolicies(named={"team": TenantPolicy(mail_recipients=frozenset({"ada@example.com"}))})
    async with running_api(
        {key_digest(OPERATOR): KeyHolder()},
        webhook_rules=AddressRules(recipients=(["example.com"],)),
        policies=FollowedPolicies(without_file=policies),
    ) as api:
        keys = {EVERY_TENANT: OPERATOR}
        for tenant in ("studio", "team"):
            request = access.CreateKeyRequest(
                tenant=tenant, actor="ada", scopes=[SCOPE_TO_PROTO[Scope.ADMIN]]
            )
            keys[tenant] = (await api.access.CreateKey(request, metadata=bearer(OPERATOR))).secret
        yield Admins(api, keys)


async def test_the_life_of_a_webhook(admins: Admins) -> None:
    """It is created, changed, gets another secret, and is deleted with all that its key sealed."""
    created = await admins.create(name="nightly", actor="robot")
    webhook = created.webhook
    assert (webhook.tenant, webhook.address, webhook.actor, webhook.created_by) == (
        "studio",
        ADDRESS,
        "robot",
        "ada",
    )
    assert list(webhook.events) == ["job.cancelled", "job.completed", "job.failed"]
    named = {"webhook_id": webhook.webhook_id}
    secret = await admins.call("GetWebhookSecret", pb.GetWebhookSecretRequest(**named))
    assert secret.secret == created.secret
    assert created.secret.startswith("whsec_")
    assert webhook.format == "kinolog"
    change = pb.ChangeWebhookRequest(
        **named, address="https://1.0.0.1/", events=["job.started"], format="replicate"
    )
    changed = (await admins.call("ChangeWebhook", change)).webhook
    assert changed.format == "replicate"
    assert (changed.address, list(changed.events), changed.name) == (
        "https://1.0.0.1/",
        ["job.started"],
        "",
    )
    rotated = await admins.call("RotateWebhookSecret", pb.RotateWebhookSecretRequest(**named))
    assert rotated.secret != created.secret
    assert rotated.webhook.HasField("old_secret_until")
    rotated = await admins.call(
        "RotateWebhookSecret", pb.RotateWebhookSecretRequest(**named, overlap_seconds=0)
    )
    assert not rotated.webhook.HasField("old_secret_until")
    stored = b"".join(admins.api.access_log.stored)
    assert b"1.1.1.1" not in stored
    assert created.secret[6:].encode() not in stored
    await admins.call("DeleteWebhook", pb.DeleteWebhookRequest(**named))
    assert await admins.api.keys.get(webhook.webhook_id) is None
    assert not (await admins.call("ListWebhooks", pb.ListWebhooksRequest())).webhooks
    problem = await admins.refused("GetWebhookSecret", pb.GetWebhookSecretRequest(**named))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "WEBHOOK_NOT_FOUND")


async def test_a_webhook_is_of_its_tenant(admins: Admins) -> None:
    """Others cannot find it, and an administrator makes none for others. An operator may."""
    webhook_id = (await admins.create()).webhook.webhook_id
    for method, request in (
        ("ChangeWebhook", pb.ChangeWebhookRequest(webhook_id=webhook_id, address=ADDRESS)),
        ("RotateWebhookSecret", pb.RotateWebhookSecretRequest(webhook_id=webhook_id)),
        ("GetWebhookSecret", pb.GetWebhookSecretRequest(webhook_id=webhook_id)),
        ("DeleteWebhook", pb.DeleteWebhookRequest(webhook_id=webhook_id)),
        ("ListDeliveries", pb.ListDeliveriesRequest(webhook_id=webhook_id)),
        ("Redeliver", pb.RedeliverRequest(webhook_id=webhook_id, delivery_id="dlv_" + "a" * 26)),
    ):
        problem = await admins.refused(method, request, "team")
        assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "WEBHOOK_NOT_FOUND"), method
    assert not (await admins.call("ListWebhooks", pb.ListWebhooksRequest(), "team")).webhooks
    problem = await admins.refused("ListWebhooks", pb.ListWebhooksRequest(tenant="studio"), "team")
    assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OTHER_TENANT")
    listed = await admins.call("ListWebhooks", pb.ListWebhooksRequest(tenant="studio"), EVERY_TENANT)
    assert [webhook.webhook_id for webhook in listed.webhooks] == [webhook_id]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://1.1.1.1/", "KINOLOG_WEBHOOK_HTTP"),
        ("https://127.0.0.1/", "KINOLOG_WEBHOOK_NETWORKS"),
        ("https://localhost/", "localhost has an address that must not be called"),
        ("https://0x7f.1/", "0x7f.1 has an address that must not be called"),
    ],
)
async def test_an_address_that_must_not_be_called(admins: Admins, address: str, words: str) -> None:
    """It is refused where it is given, for a webhook and for a job."""
    problem = await admins.refused("CreateWebhook", pb.CreateWebhookRequest(address=address))
    assert (problem.code, list(problem.fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["address"])
    assert words in problem.fields["address"]


async def test_mailboxes(admins: Admins) -> None:
    """Those that the installation and the tenant allow, for webhooks and jobs, sealed like other addresses."""
    address = "mailto:Eve@example.com"
    made = await admins.create(address)
    assert made.webhook.address == address
    in_format = pb.CreateWebhookRequest(address=address, format="openai")
    assert list((await admins.refused("CreateWebhook", in_format)).fields) == ["format"]
    request = pb.CreateWebhookRequest(address=address)
    problem = await admins.refused("CreateWebhook", request, "team")
    assert (problem.code, list(problem.fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["address"])
    assert ("KINOLOG_MAIL_RECIPIENTS" in problem.fields["address"], "Eve" in str(problem)) == (True, False)
    api, key = admins.api, bearer(OPERATOR)
    job = jobs.SubmitJobRequest(prompt="a heron", webhook=address)
    await api.jobs.SubmitJob(job, metadata=key)
    assert not any(b"Eve" in stored for stored in (*api.access_log.stored, *api.store._log))
    for refused_address in ("mailto:eve@example.net", "mailto:eve"):
        job = jobs.SubmitJobRequest(prompt="a heron", webhook=refused_address)
        assert list((await refused(api.jobs.SubmitJob(job, metadata=key))).fields) == ["webhook"]


async def test_jobs_that_name_an_address(admins: Admins) -> None:
    """They get a secret of their tenant, once. An address that must not be called is refused with the job."""
    api, key = admins.api, bearer(OPERATOR)
    for _ in range(2):
        await api.jobs.SubmitJob(jobs.SubmitJobRequest(prompt="a heron", webhook=ADDRESS), metadata=key)
    (of_jobs,) = (await admins.call("ListWebhooks", pb.ListWebhooksRequest(), EVERY_TENANT)).webhooks
    secret = await admins.call("GetWebhookSecret", pb.GetWebhookSecretRequest(), EVERY_TENANT)
    assert (of_jobs.address, of_jobs.webhook_id) == ("", secret.webhook_id)
    problem = await admins.refused(
        "DeleteWebhook", pb.DeleteWebhookRequest(webhook_id=of_jobs.webhook_id), EVERY_TENANT
    )
    assert problem.reason == "WEBHOOK_OF_JOBS"
    request = jobs.SubmitJobRequest(prompt="a heron", webhook="https://10.0.0.1/")
    problem = await refused(api.jobs.SubmitJob(request, metadata=key))
    assert list(problem.fields) == ["webhook"]
    batch = await api.jobs.BatchSubmitJobs(jobs.BatchSubmitJobsRequest(requests=[request]), metadata=key)
    assert "KINOLOG_WEBHOOK_NETWORKS" in batch.results[0].error.message


async def test_deliveries(admins: Admins, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are listed in pages with their tries, and delivered again unless the webhook is switched off."""
    webhook_id = (await admins.create()).webhook.webhook_id
    history = admins.api.webhook_history
    history.stored = [
        StoredDelivery(
            delivery_id=f"dlv_{letter * 26}",
            webhook_id=webhook_id,
            message_id="msg_1",
            event="job.completed",
            job_id="j",
            status=DeliveryStatus.FAILED,
            created_at=AT.replace(day=day, microsecond=123457),
            next_at=None,
            redelivery=False,
            tries=[DeliveryTry(number=1, at=AT, status_code=500, milliseconds=7, response_bytes=3, error="")],
        )
        for letter, day in zip("cba", (3, 2, 1), strict=True)
    ]
    found: list[str] = []
    token = ""
    while True:
        request = pb.ListDeliveriesRequest(webhook_id=webhook_id, page_size=1, page_token=token)
        page = await admins.call("ListDeliveries", request)
        found += [one.delivery_id for one in page.deliveries]
        if not (token := page.next_page_token):
            break
    assert found == [one.delivery_id for one in history.stored]
    (attempt,) = page.deliveries[0].attempts
    assert (attempt.status_code, attempt.milliseconds, attempt.response_bytes) == (500, 7, 3)
    pending = pb.ListDeliveriesRequest(webhook_id=webhook_id, state=pb.DELIVERY_STATE_PENDING)
    assert not (await admins.call("ListDeliveries", pending)).deliveries
    again = pb.RedeliverRequest(webhook_id=webhook_id, delivery_id=found[0])
    new_id = (await admins.call("Redeliver", again)).delivery_id
    assert new_id.encode() in admins.api.access_log.stored[-1]
    other = pb.RedeliverRequest(webhook_id=webhook_id, delivery_id="dlv_" + "z" * 26)
    assert (await admins.refused("Redeliver", other)).reason == "DELIVERY_NOT_FOUND"
    history.off[webhook_id] = SwitchedOff(100, AT, "its receiver answered 410 Gone")
    assert (await admins.refused("Redeliver", again)).reason == "WEBHOOK_SWITCHED_OFF"
    (listed,) = (await admins.call("ListWebhooks", pb.ListWebhooksRequest())).webhooks
    assert listed.disabled_reason == "its receiver answered 410 Gone"
    monkeypatch.setattr(manage_webhooks, "MAX_WEBHOOKS", 2)
    assert await refusals(admins.create() for _ in range(3)) == ["TOO_MANY_WEBHOOKS"] * 2
