"""Whether loading a model folder could run code from it.

Weights come from safetensors, code from the installed libraries. The libraries are told so as well; here a folder is
refused that would make them do something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinolog.models.hub.needed_files import PICKLES, SAFE, WEIGHT_INDEX

_ATTENTION = "attn_implementation"


class FolderRefused(ValueError):
    """A model folder is not loaded. `code` is the error code of a job that needs it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_safety(folder: Path) -> None:
    """Raise FolderRefused for a folder that could run code when it is loaded."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() == ".py":
            raise _unsafe(f"{name} is code, which is never run")
        if path.suffix.lower() in PICKLES and not any(path.parent.glob(f"*{SAFE}")):
            raise _unsafe(
                f"{name} may hold pickled code, and no safetensors weights lie beside it. Convert it to safetensors"
            )
        if path.name.endswith(WEIGHT_INDEX):
            _check_shards(path, name)
        elif path.name.endswith("config.json"):
            _check_attention(path, name)


def _check_shards(path: Path, name: str) -> None:
    """Check that an index of shards leads to safetensors alone: the loader reads a file of another name as a pickle."""
    index = _json(path, name)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict):
        raise FolderRefused("MODEL_DAMAGED", f"{name} has no weight_map")
    for shard in sorted({str(shard) for shard in shards.values()}):
        if Path(shard).name != shard or not shard.endswith(SAFE):
            raise _unsafe(f"{name} names {shard[:100]!r}, which is no safetensors file in its folder")


def _check_attention(path: Path, name: str) -> None:
    """Check that no component asks for an attention kernel of the hub, which is code that a library would download."""
    for key, value in _values(_json(path, name)):
        if _ATTENTION in key and "/" in str(value):
            raise _unsafe(f"{name} names the attention kernel {str(value)[:100]!r}, which is code of the hub")


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each key with its value, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key), inner
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)


def _json(path: Path, name: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise FolderRefused("MODEL_DAMAGED", f"{name} is not JSON") from None


def _unsafe(message: str) -> FolderRefused:
    return FolderRefused("MODEL_UNSAFE", message)
