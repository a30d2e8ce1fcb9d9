"""The pipeline class of a model folder, from its index."""

from __future__ import annotations

import json
from pathlib import Path

_INDEXES = ("model_index.json", "modular_model_index.json")


def pipeline_class(source: str) -> str | None:
    """Return the class that the index of a model folder names; None if there is no such folder, or no class in it."""
    for name in _INDEXES:
        try:
            index = json.loads((Path(source) / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found = index.get("_class_name") if isinstance(index, dict) else None
        return found if isinstance(found, str) else None
    return None
