"""A webhook of a tenant: the facts about it, and its state after them.

The facts are in the stream of those about API keys. What is sealed is sealed under a key of the webhook's own, so that
deleting it erases address and secret from the whole stream.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

WEBHOOK_ID_PREFIX = "wh_"
"""Ids of webhooks begin with it; those of API keys have no underscore."""
ADDRESS_PURPOSE, SECRET_PURPOSE = "address", "secret"
"""Purposes of the sealed texts. They are storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedText:
    """Ciphertext under the key of the webhook."""

    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreated:
    """A webhook was created. Without an `address` it signs what is sent to the addresses that single jobs name."""

    tenant: str
    secret: SealedText
    address: SealedText | None = None
    name: str = ""
    events: frozenset[str] = frozenset()
    actor: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanged:
    """A webhook has these values from now on. A change also ends that it is switched off."""

    address: SealedText
    name: str
    events: frozenset[str]
    actor: str
    format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRotated:
    """A webhook has a new secret. Calls are signed with the old one too until `old_until`."""

    secret: SealedText
    old_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeleted:
    """A webhook was deleted, for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliveryRequested:
    """The message of the delivery `repeats` is to be delivered again, as the delivery `delivery_id`."""

    delivery_id: str
    repeats: str


WebhookFact: TypeAlias = (
    WebhookCreated | WebhookChanged | WebhookSecretRotated | WebhookDeleted | RedeliveryRequested
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """The state of a webhook. `position` and `hash` are those of its last commit, `changed_position` of a change.

    `events` are what it is called for, `actor` whose jobs; without an actor those of all actors of the tenant. `format`
    is the form of its messages, empty for that of kinolog. One that was switched off at `changed_position` stays so
    until it is changed.
    """

    webhook_id: str
    tenant: str
    secret: SealedText
    address: SealedText | None
    name: str
    events: frozenset[str]
    actor: str
    created_at: datetime
    created_by: str
    changed_position: int
    position: int
    hash: bytes
    format: str = ""
    old_secret: SealedText | None = None
    old_until: datetime | None = None
    deleted: bool = False

    @property
    def is_of_jobs(self) -> bool:
        """Whether it stands for the addresses that single jobs name."""
        return self.address is None

    def secrets(self, now: datetime) -> Iterable[SealedText]:
        """Yield the secrets that sign now, the newest first."""
        yield self.secret
        if self.old_secret is not None and self.old_until is not None and now < self.old_until:
            yield self.old_secret
