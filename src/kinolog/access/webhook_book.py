"""All webhooks, as the stream of facts about API keys states them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kinolog.access.api_key import RecordedAccessCommit
from kinolog.access.webhook import (
    Webhook,
    WebhookChanged,
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
)


@dataclass(slots=True)
class WebhookBook:
    """The webhooks that the commits so far have made, without those that were deleted."""

    _webhooks: dict[str, Webhook] = field(default_factory=dict)
    _by_tenant: dict[str, dict[str, Webhook]] = field(default_factory=dict)

    def apply(self, recorded: RecordedAccessCommit) -> None:
        """Note the facts of a commit, once and in their order. Those about API keys change nothing."""
        webhook_id = recorded.commit.key_id
        webhook = webhook_after(self._webhooks.get(webhook_id), recorded)
        if webhook is None:
            return
        of_tenant = self._by_tenant.setdefault(webhook.tenant, {})
        if webhook.deleted:
            del self._webhooks[webhook_id], of_tenant[webhook_id]
        else:
            self._webhooks[webhook_id] = of_tenant[webhook_id] = webhook

    def by_id(self, webhook_id: str) -> Webhook | None:
        """Return a webhook; None for one that does not exist."""
        return self._webhooks.get(webhook_id)

    def of_tenant(self, tenant: str) -> list[Webhook]:
        """Return the webhooks of a tenant, oldest first."""
        return list(self._by_tenant.get(tenant, {}).values())

    def of_jobs(self, tenant: str) -> Webhook | None:
        """Return the webhook that signs what single jobs of a tenant send: the oldest of them."""
        return next((one for one in self.of_tenant(tenant) if one.is_of_jobs), None)

    def all_webhooks(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        return list(self._webhooks.values())


def webhook_after(webhook: Webhook | None, recorded: RecordedAccessCommit) -> Webhook | None:
    """Return the state of a webhook after a commit. Facts about one that was not created change nothing."""
    commit, position = recorded.commit, recorded.position
    for fact in commit.events:
        match fact:
            case WebhookCreated():
                webhook = Webhook(
                    webhook_id=commit.key_id,
                    tenant=fact.tenant,
                    secret=fact.secret,
                    address=fact.address,
                    name=fact.name,
                    events=fact.events,
                    actor=fact.actor,
                    format=fact.format,
                    created_at=commit.at,
                    created_by=commit.actor,
                    changed_position=position,
                    position=position,
                    hash=recorded.digest,
                )
            case WebhookChanged() if webhook is not None:
                webhook = replace(
                    webhook,
                    address=fact.address,
                    name=fact.name,
                    events=fact.events,
                    actor=fact.actor,
                    format=fact.format,
                    changed_position=position,
                )
            case WebhookSecretRotated() if webhook is not None:
                webhook = replace(
                    webhook, secret=fact.secret, old_secret=webhook.secret, old_until=fact.old_until
                )
            case WebhookDeleted() if webhook is not None:
                webhook = replace(webhook, deleted=True)
            case _:
                pass
    return webhook and replace(webhook, position=position, hash=recorded.digest)
