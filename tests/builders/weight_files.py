"""Weight files of models that are measured and never loaded."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path


def write_weights(path: Path, shapes: Mapping[str, list[int]]) -> None:
    """Write a weight file that ends after its header: nothing else of it is read."""
    header = {
        name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()
    }
    raw = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)
