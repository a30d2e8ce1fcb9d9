"""The field for a picture that the video begins with."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label

from kinolog_client import ModelInfo

ROLE = "first_frame"


class PictureField(Vertical):
    """The path of a picture on this machine. It is there where the chosen model takes one."""

    def compose(self) -> ComposeResult:
        """The field below its name."""
        yield Label("picture")
        yield Input(id="picture", compact=True)

    def show_for(self, model: ModelInfo) -> None:
        """Show the field, or hide it."""
        taken = next((one for one in model.inputs if one.role == ROLE), None)
        self.display = taken is not None
        needed = "; the model needs one" if taken is not None and taken.required else ""
        self.query_one(Input).placeholder = f"path of the picture that the video begins with{needed}"

    @property
    def path(self) -> Path | None:
        """The path; None for no picture."""
        typed = self.query_one(Input).value.strip() if self.display else ""
        return Path(typed).expanduser() if typed else None
