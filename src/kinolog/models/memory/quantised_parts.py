"""Networks of a model folder whose weights are quantised in their files, as their configurations say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from kinolog.models.memory.placement import QUANTISING_PACKAGES
from kinolog.models.memory.weights import (
    NetworkSize,
    file_tensors,
    scaled,
    size_of,
    weight_bytes_of,
    weight_files,
)

_KEY = "quantization_config"
_IN_4_OR_8_BITS = ("load_in_4bit", "load_in_8bit")


def quantised_parts(folder: Path, parts: Collection[str] | None = None) -> dict[str, str]:
    """Return the packages, or other methods, that have quantised networks of a folder, by the names of their folders.

    With `parts` only these folders are looked at.
    """
    found = {}
    for path in sorted(folder.glob("*/config.json")):
        if (parts is None or path.parent.name in parts) and (method := _method(path)):
            found[path.parent.name] = method
    return found


def quantised_size(part: Path, weight_bytes: int) -> NetworkSize:
    """Return the size of a quantised network, as a number of weights of `weight_bytes`. Raises WeightsUnreadable.

    Packed weights have lost their shapes: the width is that of most biases and norms.
    """
    files = weight_files(part)
    tensors: list[tuple[str, Sequence[int]]] = [tensor for path in files for tensor in file_tensors(path)]
    lengths = Counter(
        shape[0] for name, shape in tensors if len(shape) == 1 and name.endswith((".bias", ".weight"))
    )
    network = scaled(size_of(tensors), sum(map(weight_bytes_of, files)), weight_bytes)
    return replace(network, linear=0, width=lengths.most_common(1)[0][0]) if lengths else network


def _method(path: Path) -> str:
    """Return what has quantised the network of a configuration; empty for one that is not, or cannot be read."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))[_KEY]
        method = str(stated.get("quant_method") or "")
        in_bits = any(stated.get(key) for key in _IN_4_OR_8_BITS)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    if in_bits:
        return "bitsandbytes"
    return next((package for package in QUANTISING_PACKAGES.values() if method.startswith(package)), method)
