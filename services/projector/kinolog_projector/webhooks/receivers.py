"""Whom a delivery goes to, and what signs it: the sealed texts of webhooks and jobs, unsealed for one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kinolog.access.webhook import Webhook
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealed_fields import unsealed_webhook
from kinolog.privacy.webhook_texts import WebhookSealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """The address to call, and the secrets that sign the call."""

    address: str
    secrets: tuple[str, ...]


class Receivers:
    """Reads keys and jobs. Nothing is kept: a job or a webhook that is erased has no address from then on."""

    def __init__(self, store: EventStore, keys: KeyStore) -> None:
        self._store = store
        self._keys = keys

    async def receiver(self, webhook: Webhook, job_id: str, now: datetime) -> Receiver | None:
        """Return the receiver of a message about a job; None if its address is erased.

        Raises `LogUnavailable`, `DamagedLog`, `UnsealFailed`.
        """
        key = await self._keys.get(webhook.webhook_id)
        if key is None:
            return None
        sealer = WebhookSealer(webhook.webhook_id, key)
        secrets = tuple(sealer.secret(secret) for secret in webhook.secrets(now))
        if webhook.address is not None:
            return Receiver(address=sealer.address(webhook.address), secrets=secrets)
        loaded = await self._store.load(job_id)
        if loaded is None or loaded.job.erased or loaded.job.spec.webhook is None:
            return None
        job_key = await self._keys.get(loaded.job.sealing_key_id)
        if job_key is None:
            return None
        return Receiver(address=unsealed_webhook(loaded.job, job_key), secrets=secrets)
