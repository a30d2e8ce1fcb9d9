"""Names of hosted models, which programs name and nobody serves. They mean the default model."""

from __future__ import annotations

from typing import Any

ALIAS_BEGINNING = "sora-"


def own_name(name: Any) -> Any:
    """Return the name of a model here; empty for the default one. What is no text is returned as it is."""
    return "" if isinstance(name, str) and name.strip().lower().startswith(ALIAS_BEGINNING) else name
