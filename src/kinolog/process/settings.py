"""Settings of every process, read from `KINOLOG_*` environment variables.

There is one class per process, and a process reads no other. A field is the environment variable of the same name in
capitals with the prefix `KINOLOG_` (`nats_url` is `KINOLOG_NATS_URL`). docs/settings.md lists them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode

from kinolog.memory_size import MemorySize
from kinolog.network_addresses import (
    ENCRYPTED_NATS_SCHEMES,
    DatabaseUrl,
    GrpcTarget,
    NatsUrl,
    Network,
    Port,
    WebOrigin,
    nats_schemes,
)
from kinolog.process.setting_groups.common import COMMA_SEPARATED, PREFIX, ProcessSettings
from kinolog.process.setting_groups.identity_tokens import IssuerSettings, TokenSettings
from kinolog.process.setting_groups.prompt_writer import PromptWriterSettings
from kinolog.process.setting_groups.reads import ReadArchiveSettings, RecordedReadSettings
from kinolog.process.setting_groups.signing import SigningSettings
from kinolog.process.setting_groups.tenants import TenantSettings
from kinolog.process.setting_groups.tls import (
    ApiTlsSettings,
    ClientTlsSettings,
    GatewayTlsSettings,
    NatsTlsSettings,
)
from kinolog.process.setting_groups.tree import TreeSettings
from kinolog.process.setting_groups.webhooks import WebhookAddressSettings, WebhookSettings

GATEWAY_PATHS = (
    *("api", "docs", "fal", "health", "mcp", "metrics", "ready", "replicate", "v1", "veo", "ws"),
    *("analytics", "assets", "audit", "generate", "jobs", "schedules", "settings"),  # of the web page
)
"""What paths of the gateway's own begin with."""


class LogSettings(NatsTlsSettings):
    """The connection to the event log (NATS JetStream)."""

    nats_url: NatsUrl = Field(
        "nats://127.0.0.1:4222",
        description="One or more nats:// URLs, separated by commas; tls:// for encrypted connections.",
    )
    nats_user: str | None = Field(None, description="NATS user of this process.")
    nats_password: SecretStr | None = Field(None, description="Password of that user.")
    nats_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream; 3 in production.")

    @field_validator("nats_url")
    @classmethod
    def _is_encrypted_if_demanded(cls, value: str, info: ValidationInfo) -> str:
        schemes = nats_schemes(value)
        names_certificates = info.data.get("nats_ca_file") or info.data.get("nats_certificate")
        if "ws" in schemes and (names_certificates or schemes & ENCRYPTED_NATS_SCHEMES):
            raise ValueError(
                "ws:// is in plain, and KINOLOG_NATS_CA_FILE, KINOLOG_NATS_CERTIFICATE or another URL demands "
                "encryption: write wss:// in place of ws://"
            )
        return value

    @property
    def demands_encryption(self) -> bool:
        """Whether only encrypted connections to the broker are made."""
        return self.nats_certificates() is not None or bool(
            nats_schemes(self.nats_url) & ENCRYPTED_NATS_SCHEMES
        )


class DatabaseSettings(ProcessSettings):
    """The connection to the read models (Postgres)."""

    database_url: DatabaseUrl = Field(
        SecretStr("postgresql://postgres@127.0.0.1:5432/kinolog"),
        description="A postgresql:// URL, with `?sslmode=verify-full&sslrootcert=FILE` for encrypted connections.",
    )
    database_pool_size: int = Field(
        8, ge=1, le=100, description="Maximum number of connections of one process."
    )


class ArtifactSettings(ProcessSettings):
    """The store of videos and their other files."""

    artifacts_url: str = Field(
        "file:///var/lib/kinolog/artifacts", description="file://, s3://, gs:// or az:// URL of the store."
    )


class MasterKeySettings(ProcessSettings):
    """Where the master keys are that wrap the keys of jobs. Exactly one of the three is set."""

    master_key_file: Path | None = Field(
        None,
        description="File of master keys, one a line: 64 hexadecimal digits or base64 of 32 bytes. The first wraps.",
    )
    master_key: SecretStr | None = Field(
        None, description="The master keys themselves, separated by commas; instead of the file."
    )
    master_key_command: str | None = Field(
        None,
        description="Command that prints the master keys, such as a call of a KMS or vault; instead of the file.",
    )


class CatalogueSettings(ProcessSettings):
    """The models of this installation."""

    catalogue: Path | None = Field(
        None, description="TOML file of models; without it the embedded model is offered."
    )
    model: str | None = Field(
        None, description="Folder or hub name of one more text-to-video pipeline; it becomes the default."
    )


class AccountSettings(ProcessSettings):
    """Whose processes may call without a key."""

    no_auth: bool = Field(
        False,
        description="Without a key file admit all accounts of this machine, not only the one that runs kinolog.",
    )


class KeySettings(AccountSettings, IssuerSettings):
    """Who may call the api and the gateway."""

    api_key_file: Path | None = Field(None, description="File with one API key per line: KEY TENANT.")
    require_key: bool = Field(
        False,
        description="Refuse requests without an API key, without a key file and on loopback too. Create a key before.",
    )


class ProbeSettings(ProcessSettings):
    """The address of /health, /ready and /metrics of a process without another HTTP server."""

    probe_host: str = Field(
        "127.0.0.1",
        description="Address that the probe listens on; 0.0.0.0 for all addresses of the machine.",
    )


class ApiSettings(
    KeySettings,
    ApiTlsSettings,
    TokenSettings,
    LogSettings,
    MasterKeySettings,
    DatabaseSettings,
    ArtifactSettings,
    CatalogueSettings,
    ProbeSettings,
    PromptWriterSettings,
    RecordedReadSettings,
    TenantSettings,
    WebhookAddressSettings,
):
    """The gRPC api process."""

    api_host: str = Field("127.0.0.1", description="Address to listen on; only loopback needs no key.")
    api_port: Port = Field(50051, description="Port to listen on; 0 picks a free one.")
    api_probe_port: Port = Field(0, description="Port of /health, /ready and /metrics; 0 for none.")
    tenant: str = Field("default", description="Tenant of callers without a key.")
    input_max_bytes: int = Field(
        256 << 20, ge=1, description="Largest picture or clip that can be uploaded, in bytes."
    )
    input_max_pixels: int = Field(
        50_000_000,
        ge=1,
        le=1 << 26,  # workers decode no larger ones
        description="Most pixels of a picture that can be uploaded: width times height.",
    )
    upload_seconds: float = Field(
        86_400.0, ge=60.0, description="How long an upload waits for jobs, in seconds. Then it is deleted."
    )
    upload_tenant_bytes: int = Field(
        16 << 30, ge=1, description="Most that the waiting uploads of a tenant may have together, in bytes."
    )


class ProjectorSettings(
    LogSettings,
    MasterKeySettings,
    DatabaseSettings,
    ProbeSettings,
    ReadArchiveSettings,
    TenantSettings,
    TreeSettings,
    WebhookSettings,
):
    """The projector process."""

    projector_probe_port: Port = Field(0, description="Port of /health, /ready and /metrics; 0 for none.")
    projector_batch_size: int = Field(5_000, ge=1, le=50_000, description="Commits applied per transaction.")
    api_database_password: SecretStr | None = Field(
        None,
        description="Password of the database login `kinolog_api`, which `kinolog-projector migrate` and `update` make "
        "for the api; without it none is made.",
    )
    projector_database_password: SecretStr | None = Field(
        None, description="Password of the login `kinolog_projector`, which `kinolog-projector logins` makes."
    )


class BackupSettings(ProjectorSettings, ArtifactSettings):
    """A backup: the projector's settings, and where the files are."""


class WorkerSettings(LogSettings, ArtifactSettings, CatalogueSettings, SigningSettings, ProbeSettings):
    """One worker process: one device."""

    worker_name: str | None = Field(None, description="Name in the log; without it host name and process id.")
    worker_device: str = Field("auto", description="`auto`, `cpu`, `cuda:0`, `mps`, ….")
    worker_models: Annotated[list[str], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list, description="Models to serve, separated by commas; empty for all."
    )
    worker_probe_port: Port = Field(0, description="Port of /health, /ready and /metrics; 0 for none.")
    worker_scratch: Path | None = Field(None, description="Folder for unfinished files.")
    worker_threads: int = Field(0, ge=0, description="CPU threads for inference; 0 lets torch choose.")
    worker_model_memory: MemorySize | None = Field(
        None,
        description="Main memory that loaded models may take together, such as `24GiB`; without it half of the "
        "machine's. 0 keeps one model loaded.",
    )
    worker_ack_wait_seconds: float = Field(
        30.0,
        ge=1.0,
        validation_alias=AliasChoices("KINOLOG_WORKER_ACK_WAIT_SECONDS", "KINOLOG_WORKER_LEASE_SECONDS"),
        description="A worker that does not extend its ticket for this long loses the job to another worker.",
    )
    worker_retry_seconds: float = Field(
        5.0, ge=0.0, description="Pause before the second attempt; it doubles with every further attempt."
    )
    worker_stall_seconds: float = Field(
        1800.0, gt=0.0, description="A renderer that makes no progress for this long is stopped."
    )
    worker_checkpoint_seconds: float = Field(
        60.0,
        ge=0.0,
        description="Interval of checkpoints within a scene, from which a later attempt goes on; 0 makes none.",
    )
    worker_preemptions: int = Field(
        3,
        ge=0,
        description="How often a low or medium job is stopped for a critical one, and goes on later; 0 stops none.",
    )
    worker_freeze_seconds: float = Field(
        60.0,
        ge=0.0,
        description="A renderer that neither answers nor does anything for this long is ended; 0 never ends it.",
    )
    worker_grace_seconds: float = Field(
        5.0, ge=0.0, description="How long a running job may take to end when the worker is stopped."
    )


class GatewaySettings(KeySettings, GatewayTlsSettings):
    """The REST and WebSocket gateway."""

    gateway_host: str = Field("127.0.0.1", description="Address to listen on; only loopback needs no key.")
    gateway_port: Port = Field(8085, description="Port of REST and WebSocket.")
    gateway_trusted_proxies: Annotated[list[Network], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Addresses and networks of proxies whose X-Forwarded-* headers are believed, separated by commas.",
    )
    gateway_path_prefix: str = Field(
        "",
        pattern=r"^((/[A-Za-z0-9._~-]+)+)?$",
        description="Path under which a proxy serves the gateway, such as /kinolog.",
    )
    gateway_cors_origins: Annotated[list[WebOrigin], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Origins of web pages that may use the gateway, such as https://studio.example, separated by "
        "commas; `*` for all. Empty for none.",
    )
    gateway_connections: int = Field(4_096, ge=1, description="Most connections at once.")
    gateway_address_connections: int = Field(
        256,
        ge=0,
        description="Most connections at once from one address, except this machine and trusted proxies; 0 for no "
        "limit. Addresses of IPv6 count by their first 64 bits.",
    )
    gateway_head_seconds: float = Field(
        15.0, gt=0.0, description="How long a client may take to send the head of a request, in seconds."
    )
    gateway_body_seconds: float = Field(
        60.0, gt=0.0, description="How long the body of a request may stall, in seconds."
    )
    api_target: GrpcTarget = Field("127.0.0.1:50051", description="host:port of the gRPC api.")

    @field_validator("gateway_path_prefix")
    @classmethod
    def _is_no_path_of_its_own(cls, value: str) -> str:
        if value.partition("/")[2].partition("/")[0] in GATEWAY_PATHS:
            raise ValueError(
                f"must not begin with a path of the gateway's own ({', '.join(f'/{path}' for path in GATEWAY_PATHS)}): "
                "choose another one"
            )
        return value


class AdminSettings(LogSettings):
    """The provisioning of the streams, with the administrator's NATS user."""

    queue_model_classes: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]], NoDecode, COMMA_SEPARATED
    ] = Field(
        default_factory=list,
        description="Classes of models whose lanes get consumers before a worker serves them, separated by commas: for "
        "what starts workers by the length of the queue.",
    )


class ClientSettings(ClientTlsSettings):
    """The command line and the terminal dashboard: clients of the gateway."""

    url: str = Field("http://127.0.0.1:8085", description="Address of the gateway.")
    api_key: SecretStr | None = Field(None, description="API key of the client.")


def describe_invalid_setting(error: ValidationError) -> str:
    """Return one line that names the first invalid setting and what is wrong with it, without its value."""
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:  # of several settings together: the text names them
        return text
    name = "_".join(str(part) for part in first["loc"]).upper()
    return f"{name if name.startswith(PREFIX) else PREFIX + name}: {text}"
