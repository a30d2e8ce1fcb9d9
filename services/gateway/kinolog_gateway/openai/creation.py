"""Routes that make videos from a prompt, in the shape of OpenAI's interface. Characters are refused."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from kinolog.ids import is_job_id
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.compatibility.form_fields import from_json
from kinolog_gateway.compatibility.generation import generation, merged_fields
from kinolog_gateway.compatibility.model_choice import known_models, named_model, takes
from kinolog_gateway.compatibility.request_body import RequestBody, read_body, uploaded_data_url
from kinolog_gateway.compatibility.submission import submitted
from kinolog_gateway.enum_names import INPUT_ROLE_NUMBERS
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError, invalid
from kinolog_gateway.openai.body_schemas import CREATE_BODY
from kinolog_gateway.openai.error_shape import OPENAI_ERRORS
from kinolog_gateway.openai.model_alias import own_name
from kinolog_gateway.openai.video import OpenAiVideo, video_response
from kinolog_gateway.routes.dependencies import Api, Caller
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix="/v1/videos", tags=["openai"], responses=OPENAI_ERRORS)

ALIASES = {
    "seconds": "duration",
    "num_frames": "frames",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
}
"""Names that OpenAI and other servers of its interface have for fields of GenerateRequest."""

REFERENCE = "input_reference"
"""The field of a picture or clip that a video starts from."""


@router.post(
    "", response_model=OpenAiVideo, openapi_extra=CREATE_BODY, summary="Create a video for the SDKs of OpenAI"
)
async def create_openai_video(request: Request, api: Api, caller: Caller) -> Response:
    """Submit a video, as a form or as JSON. A repeated request of an SDK is one video."""
    body = await read_body(request, api, caller)
    fields = video_fields(body)
    inputs = await _inputs(fields, body, api, caller)
    return await created(request, api, caller, fields, inputs)


@router.post("/characters", response_model=OpenAiVideo, include_in_schema=False)
async def create_openai_character() -> Response:
    """Refused: the models of kinolog know no characters."""
    raise _no_characters()


@router.get("/characters/{character_id}", response_model=OpenAiVideo, include_in_schema=False)
async def openai_character() -> Response:
    """Refused: there are no characters."""
    raise _no_characters()


def _no_characters() -> HttpProblemError:
    return HttpProblemError(
        400,
        "NOT_SUPPORTED",
        "there are no characters here; send pictures of someone as input_reference to a model that takes references",
    )


def video_fields(body: RequestBody) -> dict[str, Any]:
    """Return the fields of a body in the names of the client, its model by its own name. Raises `HttpProblemError`."""
    fields = merged_fields(body.fields)
    fields.pop("user", None)
    if from_json(fields.pop("n", 1)) != 1:
        raise invalid("n", "must be 1: a request makes one video")
    if name := own_name(fields.pop("model", "")):
        fields["model"] = name
    return fields


async def created(
    request: Request,
    api: Upstream,
    caller: HttpCaller,
    fields: dict[str, Any],
    inputs: list[pb.InputReference],
    given_as: str = REFERENCE,
) -> Response:
    """Submit a video and return it. `given_as` is the field of its inputs."""
    wanted = generation(fields, ALIASES)
    answer = await submitted(request, api, caller, wanted, inputs, given_as)
    return video_response(answer.job, answer.position)


async def _inputs(
    fields: dict[str, Any], body: RequestBody, api: Upstream, caller: HttpCaller
) -> list[pb.InputReference]:
    """Return the inputs of a body, and take them out of its fields. Raises `HttpProblemError`, `AioRpcError`."""
    inputs: list[pb.InputReference] = []
    pictures: list[str] = []
    for name, uploads in body.files.items():
        for upload in uploads:
            if name in INPUT_ROLE_NUMBERS:
                inputs.append(pb.InputReference(role=INPUT_ROLE_NUMBERS[name], upload_id=upload.id))
            elif name != REFERENCE:
                roles = ", ".join(INPUT_ROLE_NUMBERS)
                raise invalid(name[:64], f"is no file of this request; name it {REFERENCE}, {roles}")
            elif upload.media_type.startswith("video/"):
                inputs.append(pb.InputReference(role=job_pb2.INPUT_ROLE_VIDEO, upload_id=upload.id))
            else:
                pictures.append(upload.id)
    if REFERENCE in fields:
        pictures.append(await _referenced(from_json(fields.pop(REFERENCE)), api, caller))
    if pictures:
        models = await known_models(api, caller)
        model = named_model(models, str(fields.get("model", "")))
        is_reference = len(pictures) > 1 or not takes(model, job_pb2.INPUT_ROLE_FIRST_FRAME)
        has_references = takes(model, job_pb2.INPUT_ROLE_REFERENCE)
        role = (
            job_pb2.INPUT_ROLE_REFERENCE
            if is_reference and has_references
            else job_pb2.INPUT_ROLE_FIRST_FRAME
        )
        inputs += [pb.InputReference(role=role, upload_id=upload_id) for upload_id in pictures]
    return inputs


async def _referenced(value: Any, api: Upstream, caller: HttpCaller) -> str:
    """Return the upload that a field of JSON names: a data URL, or the id of an upload."""
    if isinstance(value, str):
        value = {"image_url": value}
    match value:
        case {"file_id": str(upload_id), **rest} if not rest and is_job_id(upload_id):
            return upload_id
        case {"image_url": str(url), **rest} if not rest:
            return (await uploaded_data_url(url, REFERENCE, api, caller)).id
    raise invalid(
        REFERENCE,
        'must be a file, {"image_url": "data:image/png;base64,…"} or {"file_id": "<id of an upload>"}',
    )
