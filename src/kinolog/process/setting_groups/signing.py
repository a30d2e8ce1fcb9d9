"""Settings of the signature of videos."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from kinolog.process.setting_groups.common import ProcessSettings


class SigningSettings(ProcessSettings):
    """The certificate with which videos are signed."""

    signing: bool = Field(
        True, description="Whether videos carry a signed C2PA manifest. False makes unsigned videos."
    )
    signing_certificate: Path | None = Field(
        None,
        description="PEM file: the signing certificate and those up to its root. `up` makes its own; a worker that is "
        "started alone makes unsigned videos without it.",
    )
    signing_key: Path | None = Field(None, description="PEM file with the private key of that certificate.")
