"""Webhooks that the replayed gateway lists. The recording has none."""

from __future__ import annotations

from tests.snapshot.replay import Replay

HOOK = {"webhook_id": "wh_1", "name": "nightly", "address": "https://example.org/a", "events": ["job.failed"]}
GONE = {
    "webhook_id": "wh_2",
    "address": "https://gone.example/",
    "disabled_at": "2026-11-22T10:00:00Z",
    "disabled_reason": "its receiver answered 410: it is gone",
}
DELIVERY = {
    "delivery_id": "dlv_1",
    "webhook_id": "wh_1",
    "event": "job.failed",
    "job_id": "abcdefghij",
    "state": "failed",
    "created_at": "2026-11-22T19:43:00Z",
    "attempts": [{"number": 1, "status_code": 500}, {"number": 2, "error": "no connection"}],
}


def offer_webhooks(gateway: Replay) -> None:
    """Have the gateway list two webhooks, one of them with a delivery."""
    gateway.answers["/api/v1/webhooks"] = {"webhooks": [HOOK, GONE]}
    gateway.answers["/api/v1/webhooks/wh_1/deliveries?limit=50"] = {"deliveries": [DELIVERY]}
    gateway.answers["/api/v1/webhooks/wh_2/deliveries?limit=50"] = {"deliveries": []}
