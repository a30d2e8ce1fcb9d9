"""The checkpoint of a job: how far the scene that is being rendered is drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """A scene after `step` denoising steps, as attempt `attempt` drew it.

    `key` is that of a sealed file in the artifact store, of `size_bytes`.
    """

    attempt: int
    scene: int
    step: int
    key: str
    size_bytes: int
