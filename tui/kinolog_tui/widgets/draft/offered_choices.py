"""The choices of a field of the form, which change with the models of the server."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widgets import Select


def offer(field: Select[str], names: Sequence[str], usual: str | None = None) -> None:
    """Offer these choices. What was chosen stays if it is among them; else the usual one is chosen, if there is one."""
    before = field.value
    field.set_options([(name, name) for name in names])
    chosen = before if isinstance(before, str) and before in names else usual
    if chosen is not None:
        field.value = chosen
