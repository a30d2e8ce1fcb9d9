"""Settings of `kinolog up`: one machine, one data folder, every part of the system."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from kinolog.network_addresses import Port
from kinolog.process.setting_groups.common import COMMA_SEPARATED
from kinolog.process.setting_groups.signing import SigningSettings
from kinolog.process.settings import AccountSettings

SYSTEM_DATA = Path("/var/lib/kinolog")


def default_data() -> Path:
    """Return the default data folder: the user's, or /var/lib/kinolog for root.

    The user that Postgres runs as cannot enter the home of root.
    """
    if os.geteuid() == 0:
        return SYSTEM_DATA
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "kinolog"
    stated = os.environ.get("XDG_DATA_HOME", "")
    try:
        return (Path(stated) if os.path.isabs(stated) else Path.home() / ".local" / "share") / "kinolog"
    except RuntimeError:  # a user without a home, as in a container
        return SYSTEM_DATA


class StackSettings(SigningSettings, AccountSettings):
    """The stack. The services read their own settings from the same environment."""

    data: Path = Field(default_factory=default_data, description="Folder for all data.")
    gateway_host: str = Field(
        "127.0.0.1", description="Address of REST and WebSocket; only loopback needs no key."
    )
    gateway_port: Port = Field(8085, description="Port of REST and WebSocket; 0 picks a free one.")
    api_host: str = Field("127.0.0.1", description="Address of the gRPC api; only loopback needs no key.")
    api_port: Port = Field(50051, description="Port of the gRPC api; 0 picks a free one.")
    nats_port: Port = Field(0, description="Port of nats-server; 0 picks a free one.")
    postgres_port: Port = Field(0, description="Port of Postgres; 0 picks a free one.")
    postgres_fsync: bool = Field(
        True, description="False is for tests: read models do not survive a power failure."
    )
    disk_reserve_bytes: int = Field(
        256 * 1024 * 1024,
        ge=0,
        description="New jobs are refused while a disk of the data folder has less room, in bytes; 0 never refuses.",
    )
    silent_seconds: float = Field(
        8.0,
        ge=0.0,
        description="A process that runs but does not answer for this long is killed and started again; 0 for never.",
    )
    workers: int | None = Field(None, ge=0, le=64, description="Worker processes; without it one per device.")
    worker_devices: Annotated[list[str], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Devices for the workers, round robin, separated by commas; empty for all that are detected.",
    )

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if any(unicodedata.category(character) == "Cc" for character in str(value)):
            raise ValueError("must not contain control characters")
        try:
            return value.expanduser().absolute()
        except (RuntimeError, OSError) as error:  # no home, or the current folder was deleted
            raise ValueError(f"cannot be found: {error}") from error
