"""Bodies of the routes that make videos, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from kinolog_gateway.http.openapi import described_body

_FILE = {"type": "string", "format": "binary"}
_PROMPT = {"type": "string", "minLength": 1, "maxLength": 4000, "description": "What the video shows."}
_SECONDS = {
    "type": "string",
    "description": "Length in seconds; that of the model by default.",
    "examples": ["4"],
}
_CREATE = {
    "prompt": _PROMPT,
    "model": {
        "type": "string",
        "description": "Name of a model in GET /v1/models; the default one if it is left out or begins with sora-.",
    },
    "seconds": _SECONDS,
    "size": {"type": "string", "description": "Width and height in pixels.", "examples": ["832x480"]},
}
_MORE = (
    "Further fields are those of POST /api/v1/generate, such as negative_prompt, seed, steps, guidance, fps, style, "
    "priority, profile and loras. Numbers may be texts, and objects may be JSON in a text."
)


def _form(properties: dict[str, Any], required: list[str], more: bool) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": more}
    return schema | ({"description": _MORE} if more else {})


def _body(form: dict[str, Any], json: dict[str, Any]) -> dict[str, Any]:
    return described_body({"multipart/form-data": form, "application/json": json})


_REFERENCE = {
    "type": ["object", "null"],
    "description": "A picture: its data: URL in base64, or the id of an upload of POST /api/v1/inputs.",
    "properties": {"image_url": {"type": "string"}, "file_id": {"type": "string"}},
    "minProperties": 1,
    "maxProperties": 1,
}
CREATE_BODY = _body(
    _form({**_CREATE, "input_reference": _FILE}, ["prompt"], more=True),
    _form({**_CREATE, "input_reference": _REFERENCE}, ["prompt"], more=True),
)

_SOURCE = {
    "type": "object",
    "description": "A completed video of GET /v1/videos.",
    "properties": {"id": {"type": "string"}},
    "required": ["id"],
}
_EXTEND = {"prompt": _PROMPT, "seconds": _SECONDS}
EDIT_BODY = _body(
    _form({"prompt": _PROMPT, "video": _FILE}, ["prompt", "video"], more=True),
    _form({"prompt": _PROMPT, "video": _SOURCE}, ["prompt", "video"], more=True),
)
EXTEND_BODY = _body(
    _form({**_EXTEND, "video": _FILE}, ["prompt", "video"], more=True),
    _form({**_EXTEND, "video": _SOURCE}, ["prompt", "video"], more=True),
)
REMIX_BODY = _body(
    _form({"prompt": _PROMPT}, ["prompt"], more=False), _form({"prompt": _PROMPT}, ["prompt"], more=False)
)
