"""Port: the signed statement in a video of what made it (decision 42)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from kinolog.job.rendering.interpolation import Interpolation
from kinolog.job.rendering.profile import UsedProfile
from kinolog.job.values import UsedLora, UsedUpscaler


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What made a video. It names no prompt.

    `log_hash` is that of the last commit of the job before the video was signed. Every later commit builds on it, so
    the log cannot be rewritten without contradicting the video. Hashes are SHA-256 in hexadecimal.
    """

    job_id: str
    model: str
    model_revision: str
    version: str
    """Version of kinolog."""

    made_at: datetime
    frame_hash: str
    log_hash: str
    upscaler: UsedUpscaler | None = None
    loras: tuple[UsedLora, ...] = ()
    interpolation: Interpolation | None = None
    profile: UsedProfile | None = None


class SigningFailed(Exception):
    """No video can be signed now. The message gives the reason."""


class UnsignableVideo(Exception):
    """This video cannot be signed, while others can. The message gives the reason."""


class ProvenanceSigner(Protocol):
    """Signs videos. Its methods block."""

    def sign(self, source: Path, target: Path, provenance: Provenance) -> str:
        """Write a signed copy of the video at `source` to `target`. Frames and their times stay the same.

        Return the SHA-256 of the certificate that signed, in hexadecimal. Raises `SigningFailed`, `UnsignableVideo`,
        and `OSError` if `target` cannot be written.
        """
        ...
