"""Stores facts about webhooks, with the keys that seal their texts."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable
from secrets import token_bytes

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import AccessCommit
from kinolog.access.webhook import WEBHOOK_ID_PREFIX, Webhook, WebhookCreated, WebhookFact
from kinolog.access.webhook_book import WebhookBook
from kinolog.ids import new_id
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealer import new_key
from kinolog.privacy.webhook_texts import WebhookSealer
from kinolog.webhooks.signature import SECRET_BYTES, secret_text
from kinolog_api.api_keys.key_directory import KeyDirectory

TRIES = 5
"""How often a command is decided again when another one about the same webhook was faster."""
ID_BYTES = 10
"""Random bytes of an id: 16 letters and digits."""


class WebhookFacts:
    """Appends commits about webhooks, and waits until this api knows them."""

    def __init__(self, log: AccessLog, directory: KeyDirectory, keys: KeyStore, clock: Clock) -> None:
        self._log = log
        self._directory = directory
        self._keys = keys
        self._clock = clock

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
        webhook_id = f"{WEBHOOK_ID_PREFIX}{random_text(token_bytes(ID_BYTES))}"
        key, secret = new_key(), secret_text(token_bytes(SECRET_BYTES))
        await self._keys.create({webhook_id: key})
        await self._append(webhook_id, "create_webhook", make(WebhookSealer(webhook_id, key), secret), actor)
        webhook = self.book.by_id(webhook_id)
        if webhook is None:
            raise AssertionError("a stored webhook is not known")
        return webhook, secret

    async def decide(
        self, webhook: Callable[[], Webhook], command: str, fact: WebhookFact, actor: str
    ) -> None:
        """Append a fact about a webhook. Raises what `webhook` raises, which looks it up for each try."""
        for remaining in reversed(range(TRIES)):
            found = webhook()
            try:
                await self._append(found.webhook_id, command, fact, actor, found)
                return
            except AppendConflict:
                if not remaining:
                    raise
                await self._directory.load()

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

    async def _append(
        self, webhook_id: str, command: str, fact: WebhookFact, actor: str, before: Webhook | None = None
    ) -> None:
        commit = AccessCommit(
            key_id=webhook_id,
            command=command,
            command_id=new_id(),
            actor=actor,
            events=(fact,),
            at=self._clock(),
            previous_position=before.position if before else 0,
            previous_hash=before.hash if before else b"",
        )
        await self._directory.reached(await self._log.append(commit))


def random_text(data: bytes) -> str:
    """Return random bytes, as ids have them."""
    return b32encode(data).decode().lower()
