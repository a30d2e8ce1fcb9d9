"""What a job of a model behind a server of videos cannot have, since the server is not told of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kinolog.codec.enums import ROLE_FROM_PROTO
from kinolog.counts import counted
from kinolog.models.catalogue import ModelEntry
from kinolog.models.input_roles import InputRole
from kinolog.models.servers.video_server import FirstPicture, JobField, VideoServer, video_server
from kinolog.texts import blank_as_empty
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation


def server_violations(
    request: pb.SubmitJobRequest, frames: int, fps: int, model: ModelEntry
) -> list[RequestViolation]:
    """Return what the server of a model does not take of a job with so many frames; nothing for another model."""
    server = video_server(model)
    if server is None:
        return []
    found = list(_inputs(request, server, model))
    if JobField.FRAMES not in server.fields and server.seconds_of(frames, fps) is None:
        length = (
            f"{model.name} makes whole seconds, and {counted(frames, 'frame')} at {fps} per second are none"
        )
        field = "frames" if request.HasField("frames") else "duration_seconds"
        found.append(RequestViolation(field, f"{length}: ask for {max(1, round(frames / fps))} s"))
    found += [
        RequestViolation(
            field, f"{model.name} takes no other {field} than {stated:g}: its server is not told of it"
        )
        for field, stated in _unsent(request, server, model)
    ]
    negative = blank_as_empty(request.negative_prompt)
    if negative and JobField.NEGATIVE_PROMPT not in server.fields:
        problem = f"{model.name} takes no negative prompt: its server is not told of it. Leave it out"
        found.append(RequestViolation("negative_prompt", problem))
    made = f"{model.name} is made by a server, and its file is stored as it is. Leave it out"
    defaults = model.defaults
    changed = {
        "chained": request.chained,
        "upscaler": bool(request.upscaler),
        "interpolate_fps": bool(request.interpolate_fps),
        "codec": request.codec.strip().lower() not in ("", defaults.codec),
        "crf": request.HasField("crf") and request.crf != (defaults.crf or defaults.codec.crf_range.usual),
    }
    return [*found, *(RequestViolation(field, made) for field, is_changed in changed.items() if is_changed)]


def _unsent(
    request: pb.SubmitJobRequest, server: VideoServer, model: ModelEntry
) -> Iterator[tuple[str, float]]:
    """Yield the fields that differ from what the model has anyway, and that the server is not told of."""
    has, defaults = request.HasField, model.defaults
    named = {
        JobField.FPS: (has("fps"), request.fps, defaults.fps),
        JobField.STEPS: (has("steps"), request.steps, defaults.steps),
        JobField.GUIDANCE: (has("guidance"), request.guidance, defaults.guidance),
    }
    for field, (is_named, value, stated) in named.items():
        if is_named and value != stated and field not in server.fields:
            yield field.value, stated


def _inputs(
    request: pb.SubmitJobRequest, server: VideoServer, model: ModelEntry
) -> Iterator[RequestViolation]:
    """Yield what is wrong with the inputs of a job."""
    roles = [InputRole(ROLE_FROM_PROTO[reference.role]) for reference in request.inputs]
    pictures = roles.count(InputRole.FIRST_FRAME)
    if server.picture is FirstPicture.REQUIRED and not pictures:
        needed = f"{model.name} needs a {InputRole.FIRST_FRAME.noun}: upload it and name it here"
        yield RequestViolation("inputs", needed)
    if server.picture is FirstPicture.NONE and roles:
        yield RequestViolation("inputs", f"{model.name} starts from a text alone; leave them out")
    elif len(roles) > pictures or pictures > 1:
        yield RequestViolation(
            "inputs", f"{model.name} takes one {InputRole.FIRST_FRAME.noun}, and nothing else"
        )
