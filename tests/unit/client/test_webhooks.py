"""Webhooks with both clients, against a real gateway."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from kinolog.v1 import webhook_service_pb2 as pb
from kinolog_client.operations import webhook_operations
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.recording_webhooks import DELIVERY_ID, SECRET, WEBHOOK_ID

ADDRESS = "https://example.org/hook"


async def test_webhooks_are_managed(client: EitherClient, api: RecordingApi) -> None:
    """Every argument reaches the api, and every answer is read."""
    values: dict[str, Any] = {"events": ["job.started"], "actor": "robot"}
    made = await client.call("create_webhook", ADDRESS, tenant="studio", message_format="openai", **values)
    assert (made.webhook_id, made.secret, made.events) == (WEBHOOK_ID, SECRET, ("job.started",))
    (created,) = api.requests("CreateWebhook")
    assert created == pb.CreateWebhookRequest(tenant="studio", address=ADDRESS, format="openai", **values)
    (listed,) = (await client.call("webhooks", tenant="studio")).webhooks
    assert (listed.address, listed.disabled_at) == (ADDRESS, None)
    changed = await client.call(
        "change_webhook", WEBHOOK_ID, "https://example.org/", message_format="fal", **values
    )
    assert api.requests("ChangeWebhook")[0].format == "fal"
    assert changed.address == "https://example.org/"
    usual = webhook_operations.change_webhook(WEBHOOK_ID, ADDRESS).body or {}
    assert usual.keys() == {"address", "name", "events", "actor"}  # earlier gateways refuse others
    assert (await client.call("webhook_secret", WEBHOOK_ID)).secret == SECRET
    assert (await client.call("job_webhook_secret")).webhook_id == WEBHOOK_ID
    assert [one.webhook_id for one in api.requests("GetWebhookSecret")] == [WEBHOOK_ID, ""]
    await client.call("rotate_webhook_secret", WEBHOOK_ID)
    await client.call("rotate_webhook_secret", WEBHOOK_ID, overlap_seconds=0)
    first, second = api.requests("RotateWebhookSecret")
    assert (first.HasField("overlap_seconds"), second.HasField("overlap_seconds")) == (False, True)
    assert (await client.call("delete_webhook", WEBHOOK_ID)).webhook_id == WEBHOOK_ID


async def test_deliveries_are_read_and_repeated(client: EitherClient, api: RecordingApi) -> None:
    """With their tries, a page at a time."""
    page = await client.call("deliveries", WEBHOOK_ID, state="pending", limit=3)
    (delivery,) = page.deliveries
    (attempt,) = delivery.attempts
    assert (delivery.state, attempt.status_code, page.next_cursor) == ("pending", 503, "more")
    times = [at.ToDatetime(tzinfo=UTC) for at in map(canned.at, (2, 3, 8))]
    assert [delivery.created_at, attempt.at, delivery.next_at] == times
    await client.call("deliveries", WEBHOOK_ID, cursor=page.next_cursor)
    first, second = api.requests("ListDeliveries")
    assert (first.state, first.page_size) == (pb.DELIVERY_STATE_PENDING, 3)
    assert (second.state, second.page_token) == (pb.DELIVERY_STATE_UNSPECIFIED, "more")
    assert (await client.call("redeliver", WEBHOOK_ID, DELIVERY_ID)).delivery_id == DELIVERY_ID
