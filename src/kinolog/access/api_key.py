"""An API key: its scopes, the facts about it, and its state after them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from kinolog.access.queue_pause import QueueFact
from kinolog.access.schedule import ScheduleFact
from kinolog.access.verification import VerificationFact
from kinolog.access.webhook import WebhookFact

EVERY_TENANT = "*"
"""Stands for all tenants where a key names its tenant."""


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    """Make jobs: upload, submit, retry, reprioritise, prefetch."""
    READ = "read"
    """Read jobs, their files, lists and charts, and watch them."""
    CANCEL = "cancel"
    """End jobs: cancel and erase."""
    AUDIT = "audit"
    """Read histories and prove them."""
    ADMIN = "admin"
    """Create, list and revoke the keys of the tenant."""


ALL_SCOPES = frozenset(Scope)
USER_SCOPES = ALL_SCOPES - {Scope.ADMIN}
"""What a key may do unless its scopes are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCreated:
    """A key was created. `digest` is the SHA-256 of the key, which is not stored itself."""

    tenant: str
    actor: str
    scopes: frozenset[Scope]
    digest: bytes
    name: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRevoked:
    """A key was revoked, for good."""


AccessEvent: TypeAlias = (
    ApiKeyCreated | ApiKeyRevoked | WebhookFact | ScheduleFact | QueueFact | VerificationFact
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessCommit:
    """A decision about one key, one webhook or one schedule: who decided, when, and the facts that follow.

    `key_id` is the id of what it is about.
    `previous_position` and `previous_hash` chain the commits of the key; they are 0 and empty in the first.
    """

    key_id: str
    command: str
    command_id: str
    actor: str
    events: tuple[AccessEvent, ...]
    at: datetime
    previous_position: int = 0
    previous_hash: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAccessCommit:
    """A commit at its position in the stream. `raw` is the stored message, `digest` the SHA-256 in it."""

    position: int
    commit: AccessCommit
    digest: bytes
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The state of a key. `position` and `hash` are those of its last commit."""

    key_id: str
    tenant: str
    actor: str
    scopes: frozenset[Scope]
    digest: bytes
    name: str
    created_at: datetime
    created_by: str
    created_position: int
    position: int
    hash: bytes
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""

    def is_live(self, now: datetime) -> bool:
        """Return whether calls with the key are accepted."""
        return self.revoked_at is None and not self.has_expired(now)

    def has_expired(self, now: datetime) -> bool:
        """Return whether the key has reached its end."""
        return self.expires_at is not None and now >= self.expires_at


def key_after(key: ApiKey | None, recorded: RecordedAccessCommit) -> ApiKey | None:
    """Return the state of a key after a commit. Events of a key that was not created change nothing."""
    commit = recorded.commit
    for event in commit.events:
        match event:
            case ApiKeyCreated():
                key = ApiKey(
                    key_id=commit.key_id,
                    tenant=event.tenant,
                    actor=event.actor,
                    scopes=event.scopes,
                    digest=event.digest,
                    name=event.name,
                    created_at=commit.at,
                    created_by=commit.actor,
                    created_position=recorded.position,
                    position=recorded.position,
                    hash=recorded.digest,
                    expires_at=event.expires_at,
                )
            case ApiKeyRevoked() if key is not None:
                key = replace(
                    key, revoked_at=key.revoked_at or commit.at, revoked_by=key.revoked_by or commit.actor
                )
    return key and replace(key, position=recorded.position, hash=recorded.digest)
