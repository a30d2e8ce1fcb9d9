"""A job as a JSON object: lines of `kinolog generate --file`, and the file of `kinolog schedules create --job`."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Any

from kinolog_cli.submission.input_files import inputs_of
from kinolog_cli.submission.lora_options import loras_of
from kinolog_cli.submission.scene_list import scenes_of
from kinolog_client import VideoRequest

_FIELDS = frozenset(field.name for field in fields(VideoRequest))
_PARTS: dict[str, Callable[[object], object]] = {"scenes": scenes_of, "inputs": inputs_of, "loras": loras_of}
"""What the lists in the fields hold."""


def job_object(text: str, more: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of `VideoRequest` in a JSON object, which may have `more`. An object with scenes has `shots`.

    Raises `ValueError`, which says what is wrong.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError('is not a JSON object such as {"prompt": "a red circle"}')
    if unknown := sorted(found.keys() - _FIELDS - set(more)):
        raise ValueError(f"has unknown fields: {', '.join(unknown)}")
    for name, read in _PARTS.items():
        if found.get(name) is not None:
            found[name] = read(found[name])
    if found.get("scenes") is not None:
        found.setdefault("shots", None)
    return found
