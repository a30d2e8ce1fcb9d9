"""Stands for the package of this name, which needs 20 GB of weights: it refuses texts with a certain word.

This folder has to be on the path before diffusers is imported.
"""

from __future__ import annotations

from typing import Any

REFUSED_WORD = "forbidden"

checked: list[str] = []
"""What was checked, in order: `text` or `video`."""


class CosmosSafetyChecker:
    """The guardrail of the pipelines of Cosmos."""

    def check_text_safety(self, prompt: str) -> bool:
        checked.append("text")
        return REFUSED_WORD not in prompt

    def check_video_safety(self, frames: Any) -> Any:
        checked.append("video")
        return frames

    def to(self, device: Any) -> CosmosSafetyChecker:
        return self
