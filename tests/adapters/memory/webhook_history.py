"""The history of webhooks in memory, for tests: what they put there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kinolog.webhooks.delivery_history import DeliveryCursor, DeliveryStatus, StoredDelivery, SwitchedOff


class MemoryWebhookHistory:
    """Deliveries, newest first."""

    def __init__(self) -> None:
        self.stored: list[StoredDelivery] = []
        self.off: dict[str, SwitchedOff] = {}

    async def deliveries(
        self,
        tenant: str,
        webhook_id: str,
        limit: int,
        after: DeliveryCursor | None = None,
        status: DeliveryStatus | None = None,
    ) -> Sequence[StoredDelivery]:
        return [
            one
            for one in self.stored
            if one.webhook_id == webhook_id
            and status in (None, one.status)
            and (after is None or (one.created_at, one.delivery_id) < (after.created_at, after.delivery_id))
        ][:limit]

    async def delivery(self, tenant: str, delivery_id: str) -> StoredDelivery | None:
        return next((one for one in self.stored if one.delivery_id == delivery_id), None)

    async def switched_off(self, tenant: str, webhook_ids: Sequence[str]) -> Mapping[str, SwitchedOff]:
        return {webhook_id: self.off[webhook_id] for webhook_id in webhook_ids if webhook_id in self.off}
