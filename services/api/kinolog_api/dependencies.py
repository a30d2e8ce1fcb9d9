"""The ports that the api uses."""

from __future__ import annotations

from dataclasses import dataclass, field

from kinolog.access.access_log import AccessLog, KeyUses
from kinolog.models.catalogue import Catalogue
from kinolog.ports.alarms import Alarms
from kinolog.ports.artifacts import ArtifactStore
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.ports.live_video.parts import LiveVideos
from kinolog.ports.progress import ProgressFeed
from kinolog.ports.raw_log import RawLog
from kinolog.ports.read_model import ReadModel
from kinolog.ports.workers import WorkerRegistry
from kinolog.reads.read_log import ReadBatchLog, ReadHistory
from kinolog.storyboard.prompt_writer import PromptWriter
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.webhooks.address import AddressRules
from kinolog.webhooks.delivery_history import WebhookHistory
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.identity_tokens.token_verifier import TokenVerifier
from kinolog_api.rpc.access_tickets import TicketSealer
from kinolog_api.rpc.authentication import Authenticator


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """How large the pictures and clips of jobs may be, and how many bytes wait for jobs, how long."""

    max_bytes: int = 256 << 20
    max_pixels: int = 50_000_000
    upload_seconds: float = 24 * 3600.0
    tenant_bytes: int = 16 << 30
    """All uploads of a tenant together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """Which reads are stored, and for how many days."""

    everything: bool = False
    """Whether reads are stored that are neither of files, nor of texts, nor of the record."""
    days: int = 90
    flush_seconds: float = 2.0
    """Equal reads within this time are stored as one, with their number."""
    stream_bytes: int = 8 << 30
    """No reads are stored while the stream has so many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """What the api needs from its surroundings. The composition root selects the implementations."""

    store: EventStore
    raw_log: RawLog
    keys: ArchivableKeyStore
    progress: ProgressFeed
    workers: WorkerRegistry
    alarms: Alarms
    artifacts: ArtifactStore
    uploads: ArtifactStore
    """The area of uploads of the same store."""
    live_videos: LiveVideos
    """Those in the same store."""
    read_model: ReadModel
    webhook_history: WebhookHistory
    read_log: ReadBatchLog
    """Where reads of callers are stored (decision 139)."""
    read_history: ReadHistory
    catalogue: Catalogue
    authenticator: Authenticator
    ticket_sealer: TicketSealer
    address_secret: bytes
    """Under which the read models hash the addresses of callers (decision 138)."""
    access_log: AccessLog
    key_directory: KeyDirectory
    """The API keys of `access_log`, which the authenticator knows too."""
    key_uses: KeyUses
    clock: Clock
    own_user_only: bool = False
    """Whether calls without a key must come from this user's processes."""
    prompt_writer: PromptWriter | None = None
    input_limits: InputLimits = InputLimits()
    tokens: TokenVerifier | None = None
    """Checks tokens of identity providers, as the authenticator does."""
    webhook_rules: AddressRules = field(default_factory=AddressRules)
    """Which addresses webhooks may have."""
    read_rules: ReadRules = ReadRules()
    """Which reads are stored, and for how long."""
    policies: FollowedPolicies = field(default_factory=FollowedPolicies)
    """What each tenant may use."""

    def webhook_rules_of(self, tenant: str) -> AddressRules:
        """Return which addresses webhooks of a tenant may have."""
        return self.webhook_rules.narrowed(self.policies.current.of(tenant).mail_recipients)
