"""Settings of what tenants may use."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from kinolog.process.setting_groups.common import ProcessSettings


class TenantSettings(ProcessSettings):
    """What each tenant may use."""

    tenants_file: Path | None = Field(
        None, description="TOML file of what tenants may use; it is read again when it changes."
    )
