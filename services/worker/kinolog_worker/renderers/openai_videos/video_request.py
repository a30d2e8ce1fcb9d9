"""The request for one video, as a form or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinolog.models.servers.video_server import JobField, RequestEncoding, VideoServer
from kinolog_worker.renderers.renderer import SceneRequest

PICTURE_NAME = "input_reference.png"
"""Name of the file of a picture. What users call theirs is not passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """The fields of a request, in the server's names. `picture` is a PNG, empty without one."""

    fields: Mapping[str, Any]
    as_json: bool
    picture: bytes = b""

    def body(self) -> dict[str, Any]:
        """Return the arguments of httpx for its body."""
        if self.as_json and not self.picture:
            return {"json": dict(self.fields)}
        parts: dict[str, Any] = {name: (None, _text(value)) for name, value in self.fields.items()}
        if self.picture:
            parts["input_reference"] = (PICTURE_NAME, self.picture, "image/png")
        return {"files": parts}


def video_request(server: VideoServer, request: SceneRequest, picture: bytes = b"") -> ServerRequest:
    """Return the request for the video of a scene."""
    fields: dict[str, Any] = {
        **server.extra,
        "prompt": request.prompt,
        "size": f"{request.width}x{request.height}",
    }
    if server.model:
        fields["model"] = server.model
    seconds = server.seconds_of(request.frames, request.fps)
    if seconds is not None:
        fields["seconds"] = str(seconds)
    settings: dict[JobField, Any] = {
        JobField.NEGATIVE_PROMPT: request.negative_prompt,
        JobField.WIDTH: request.width,
        JobField.HEIGHT: request.height,
        JobField.FRAMES: request.frames,
        JobField.FPS: request.fps,
        JobField.STEPS: request.steps,
        JobField.GUIDANCE: request.guidance,
        JobField.SEED: request.seed,
    }
    fields |= {name: settings[setting] for setting, name in server.fields.items() if settings[setting] != ""}
    return ServerRequest(fields=fields, as_json=server.body is RequestEncoding.JSON, picture=picture)


def _text(value: object) -> str:
    """Return a value as a form spells it."""
    return value if isinstance(value, str) else json.dumps(value)
