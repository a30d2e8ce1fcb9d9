"""Settings of the tree over all commits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import NoDecode

from kinolog.process.setting_groups.common import COMMA_SEPARATED, ProcessSettings


class TreeSettings(ProcessSettings):
    """Who signs heads of the tree, and when; and how often everything is compared."""

    tree_key_file: Path | None = Field(
        None,
        description="File with the Ed25519 key in PEM that signs heads of the tree over all commits, before earlier "
        "keys; without it none is signed. `kinolog up` makes one.",
    )
    tree_heads_file: Path | None = Field(
        None, description="File to which signed heads are appended, one JSON object a line."
    )
    tree_heads_to: Annotated[list[SecretStr], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Places outside that get every signed head, separated by commas: a file, `file://` or `s3://` for "
        "an object each, `nats://HOST/SUBJECT`, `https://` for a POST, `tsa+https://` for a timestamp (RFC 3161).",
    )
    tree_head_commits: int = Field(1_000, ge=1, description="A head is signed after this many commits.")
    tree_head_seconds: float = Field(
        60.0, ge=1.0, description="A head is signed this long after the one before, if there are commits."
    )
    verify_hours: float = Field(
        0.0,
        ge=0.0,
        le=100_000.0,
        description="Everything that is stored is compared again after this many hours; 0 for never. "
        "`kinolog audit verify-all` does it once.",
    )

    @property
    def verify_every(self) -> timedelta | None:
        """The interval of comparisons of everything; None for never."""
        return timedelta(hours=self.verify_hours) if self.verify_hours else None
