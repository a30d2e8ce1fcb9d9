"""Settings of the tree over all commits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from kinolog.process.setting_groups.common import EMPTY_IS_NONE, ProcessSettings


class TreeSettings(ProcessSettings):
    """Who signs heads of the tree, and when."""

    tree_key_file: Annotated[Path | None, EMPTY_IS_NONE] = Field(
        None,
        description="File with the Ed25519 key in PEM that signs heads of the tree over all commits, before earlier "
        "keys; without it none is signed. `kinolog up` makes one.",
    )
    tree_heads_file: Annotated[Path | None, EMPTY_IS_NONE] = Field(
        None, description="File to which signed heads are appended, one JSON object a line."
    )
    tree_head_commits: int = Field(1_000, ge=1, description="A head is signed after this many commits.")
    tree_head_seconds: float = Field(
        60.0, ge=1.0, description="A head is signed this long after the one before, if there are commits."
    )
