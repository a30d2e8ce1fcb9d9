"""Stores facts about webhooks, with the keys that seal their texts."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_bytes

from kinolog.access.access_log import AccessLog
from kinolog.access.webhook import WEBHOOK_ID_PREFIX, Webhook, WebhookCreated, WebhookFact
from kinolog.access.webhook_book import WebhookBook
from kinolog.ports.clock import Clock
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealer import new_key
from kinolog.privacy.webhook_texts import WebhookSealer
from kinolog.webhooks.signature import SECRET_BYTES, secret_text
from kinolog_api.api_keys.fact_log import FactLog, new_thing_id
from kinolog_api.api_keys.key_directory import KeyDirectory


class WebhookFacts:
    """Appends commits about webhooks, and waits until this api knows them."""

    def __init__(self, log: AccessLog, directory: KeyDirectory, keys: KeyStore, clock: Clock) -> None:
        self._facts = FactLog(log, directory, clock)
        self._directory = directory
        self._keys = keys

    @property
    def book(self) -> WebhookBook:
        """All webhooks, as this api knows them."""
        return self._directory.webhooks

    async def create(
        self, tenant: str, actor: str, make: Callable[[WebhookSealer, str], WebhookCreated]
    ) -> tuple[Webhook, str]:
        """Create a webhook with a key and a secret of its own. Return it with the secret.

        `make` returns the fact from the sealer and the secret.
        """
        webhook_id = new_thing_id(WEBHOOK_ID_PREFIX)
        key, secret = new_key(), secret_text(token_bytes(SECRET_BYTES))
        await self._keys.create({webhook_id: key})
        fact = make(WebhookSealer(webhook_id, key), secret)
        await self._facts.append(webhook_id, "create_webhook", fact, actor)
        webhook = self.book.by_id(webhook_id)
        if webhook is None:
            raise AssertionError("a stored webhook is not known")
        return webhook, secret

    async def decide(
        self, webhook: Callable[[], Webhook], command: str, fact: WebhookFact, actor: str
    ) -> None:
        """Append a fact about a webhook. Raises what `webhook` raises, which looks it up for each try."""
        await self._facts.decide(webhook().webhook_id, command, fact, actor, webhook)

    async def sealer(self, webhook_id: str) -> WebhookSealer:
        """Return what seals and unseals the texts of a webhook."""
        return WebhookSealer(webhook_id, await self._keys.get(webhook_id))

    async def addresses(self, webhooks: list[Webhook]) -> dict[str, str]:
        """Return the addresses of webhooks by id; without those whose key is gone. Raises `UnsealFailed`."""
        keys = await self._keys.get_many([webhook.webhook_id for webhook in webhooks])
        return {
            webhook.webhook_id: WebhookSealer(webhook.webhook_id, keys[webhook.webhook_id]).address(
                webhook.address
            )
            for webhook in webhooks
            if webhook.address is not None and webhook.webhook_id in keys
        }

    async def erase_key(self, webhook_id: str) -> None:
        """Delete the key that seals the texts of a webhook. They cannot be read any more."""
        await self._keys.erase(webhook_id)
