"""What the inference process tells its supervisor about the live video of a job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVideoMessage:
    """`size_bytes` of a live video are in its file and can be played. Nothing follows if it `is_complete`."""

    job_id: str
    path: Path
    size_bytes: int
    is_complete: bool = False
