"""Port: a language model that writes the prompts of shots (decision 89)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class PromptWriterFailed(Exception):
    """There is no usable answer. The message says why, without words of the prompt: it is stored in the clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterTask:
    """A prompt to write the shots of. With `max_shots` 1 the prompt is rewritten as one shot.

    `seconds` is the length of the video, `longest_seconds` that of the longest shot that the video model draws, 0 if it
    has no limit. `style` is one of the model's styles, or empty.
    """

    prompt: str
    max_shots: int
    seconds: float
    longest_seconds: float = 0.0
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenShot:
    """A shot with a prompt of its own. `seconds` is its length; None for an equal share of the video."""

    prompt: str
    seconds: float | None = None


class PromptWriter(Protocol):
    """Writes prompts. Every call may take seconds and may fail."""

    @property
    def name(self) -> str:
        """Name of the language model, for the record of the job."""
        ...

    async def shots(self, task: WriterTask) -> tuple[WrittenShot, ...]:
        """Return 1 to `max_shots` shots that together show the prompt. Raises `PromptWriterFailed`."""
        ...
