"""The pipeline class of a model folder, from its index."""

from __future__ import annotations

import json
from pathlib import Path

ORDINARY_INDEX = "model_index.json"
MODULAR_INDEX = "modular_model_index.json"
INDEXES = (ORDINARY_INDEX, MODULAR_INDEX)
"""Names of the index of a model folder: that of an ordinary pipeline, and of a modular one."""


def pipeline_class(folder: str | Path) -> str | None:
    """Return the class that the index of a model folder names; None if it names none."""
    for name in INDEXES:
        try:
            index = json.loads((Path(folder) / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found = index.get("_class_name") if isinstance(index, dict) else None
        return found if isinstance(found, str) else None
    return None
