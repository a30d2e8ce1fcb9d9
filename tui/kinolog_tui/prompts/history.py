"""The earlier prompts that a person steps through. Pure.

They come from the server's jobs and are stored nowhere else: an erased prompt is gone from here too.
"""

from __future__ import annotations

from collections.abc import Iterable


class PromptHistory:
    """Steps from the text that is being written to older prompts, and back to it."""

    def __init__(self) -> None:
        self._prompts: list[str] = []
        """The newest first."""
        self._put_aside: list[str] = []
        """Texts that another one replaced before they were sent, the newest first."""
        self._at = -1
        self._written = ""

    def show(self, prompts: Iterable[str | None]) -> None:
        """Take the prompts of these jobs, the newest first. A prompt that occurs several times is one."""
        self._prompts = list(dict.fromkeys(prompt for prompt in prompts if prompt))

    def put_aside(self, text: str) -> None:
        """Keep a text that another one replaces."""
        if text.strip():
            self._put_aside.insert(0, text)

    def step(self, steps: int, written: str) -> str | None:
        """Return the text `steps` earlier than the one that is shown, or later if negative; None at either end.

        `written` is what the field contains. A text that is not from the history is returned to at the end.
        """
        texts = [*dict.fromkeys([*self._put_aside, *self._prompts])]
        if self._at < 0 or self._at >= len(texts) or written != texts[self._at]:
            self._at, self._written = -1, written
        after = self._at + steps
        if after < -1 or after >= len(texts):
            return None
        self._at = after
        return self._written if after < 0 else texts[after]
