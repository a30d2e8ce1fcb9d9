"""Routes of Google's interface for Veo: submit a video, and ask for it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from kinolog_gateway.compatibility.field_names import FieldNames
from kinolog_gateway.compatibility.known_job import known_job
from kinolog_gateway.compatibility.model_choice import DEFAULT
from kinolog_gateway.compatibility.request_body import read_body
from kinolog_gateway.http.openapi import described_body
from kinolog_gateway.http.problems import HttpProblemError, invalid
from kinolog_gateway.routes.dependencies import Api, Caller, json_response
from kinolog_gateway.veo.error_shape import GOOGLE_ERRORS
from kinolog_gateway.veo.operation import VeoOperation, operation_response

router = APIRouter(prefix="/veo", tags=["veo"], responses=GOOGLE_ERRORS)

ALIAS_BEGINNING = "veo-"
"""Names of hosted models. They mean the default model."""

NAMES = FieldNames(
    aliases={
        "negativePrompt": "negative_prompt",
        "durationSeconds": "duration",
        "enhancePrompt": "enhance_prompt",
    },
    roles={
        "image": "first_frame",
        "lastFrame": "last_frame",
        "referenceImages": "reference",
        "video": "video",
    },
    ratio="aspectRatio",
    resolution="resolution",
)
"""Names that Google has for the parts of instances and for parameters."""

IGNORED = frozenset({"personGeneration", "generateAudio", "compressionQuality", "resizeMode"})
"""Parameters without a meaning here: a model makes sound or makes none, and nothing looks for people."""

_OPERATIONS = "/operations/"

VersionPath = Annotated[str, Path(description="Any version, such as v1beta1.")]
ParentPath = Annotated[str, Path(description="What precedes the model, such as publishers/google.")]
ModelPath = Annotated[
    str, Path(description="Name of a model, or default. Names that begin with veo- are the default model.")
]
_PROMPT = {"type": "string", "minLength": 1, "maxLength": 4000}
_SUBMIT_BODY = described_body(
    {
        "application/json": {
            "type": "object",
            "required": ["instances"],
            "properties": {
                "instances": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "description": "One: prompt, image, lastFrame, referenceImages, video.",
                    "items": {"type": "object", "required": ["prompt"], "properties": {"prompt": _PROMPT}},
                },
                "parameters": {
                    "type": "object",
                    "description": "aspectRatio, resolution, durationSeconds, seed, negativePrompt, fps and so "
                    "on, or fields of POST /api/v1/generate.",
                },
            },
        }
    }
)
_FETCH_BODY = described_body(
    {
        "application/json": {
            "type": "object",
            "required": ["operationName"],
            "properties": {
                "operationName": {"type": "string", "examples": ["/operations/abcdefghijklmnopqrstuvwxyz"]}
            },
        }
    }
)


@router.post(
    "/{version}/{parent:path}/models/{model}:predictLongRunning",
    response_model=VeoOperation,
    openapi_extra=_SUBMIT_BODY,
    summary="Submit a video for clients of Google",
)
async def submit_veo_operation(
    request: Request, version: VersionPath, parent: ParentPath, model: ModelPath, api: Api, caller: Caller
) -> Response:
    """Submit a video. It is asked for by the name of the operation."""
    fields = _fields((await read_body(request, api, caller)).fields)
    publisher = parent.rpartition("/")[2]
    name = DEFAULT if model.lower().startswith(ALIAS_BEGINNING) else model
    answer = await NAMES.submit(request, api, caller, fields, f"{publisher}/{name}", name)
    operation = f"{parent}/models/{model}{_OPERATIONS}{answer.job.id}"
    return json_response(
        VeoOperation(name=operation, done=False, metadata={"progressPercent": 0}), position=answer.position
    )


@router.post(
    "/{version}/{parent:path}/models/{model}:fetchPredictOperation",
    response_model=VeoOperation,
    openapi_extra=_FETCH_BODY,
    summary="A video for clients of Google",
)
async def fetch_veo_operation(
    request: Request, version: VersionPath, parent: ParentPath, model: ModelPath, api: Api, caller: Caller
) -> Response:
    """Read a video. A completed one is in the response, in base64."""
    fields = (await read_body(request, api, caller)).fields
    _check_names(fields, "operationName")
    name = fields.get("operationName")
    if not isinstance(name, str) or _OPERATIONS not in name or not name.isprintable():
        raise invalid("operationName", "must be the name of an operation that was answered")
    job = await known_job(api, caller, name.rpartition(_OPERATIONS)[2])
    return await operation_response(api, caller, job, name)


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the one instance and of the parameters. Raises `HttpProblemError`."""
    _check_names(body, "instances", "parameters", "labels")
    instances, parameters = body.get("instances"), body.get("parameters", {})
    if not isinstance(instances, list) or len(instances) != 1 or not isinstance(instances[0], dict):
        raise invalid("instances", "must be one object, with a prompt")
    if not isinstance(parameters, dict):
        raise invalid("parameters", "must be an object")
    for name in ("storageUri", "pubsubTopic"):
        if name in parameters:
            raise HttpProblemError(400, "NOT_SUPPORTED", f"{name} is not served: the video is in the answer")
    if parameters.get("sampleCount", 1) != 1:
        raise invalid("sampleCount", "must be 1: a request makes one video")
    fields = {name: value for name, value in parameters.items() if name not in IGNORED | {"sampleCount"}}
    for name, value in instances[0].items():
        fields[name] = _media(value, name) if name in NAMES.roles else value
    return fields


def _check_names(body: dict[str, Any], *known: str) -> None:
    """Raise `HttpProblemError` for a field that nothing reads. Labels are those of Google's bills."""
    for name in body:
        if name not in known:
            raise invalid(name[:64], f"is unknown; the fields are {', '.join(known)}")


def _media(value: Any, name: str) -> Any:
    """Return an image or a video of Google's interface as a data URL."""
    if isinstance(value, list):
        return [_media(each.get("image") if isinstance(each, dict) else None, name) for each in value]
    content = value.get("bytesBase64Encoded") if isinstance(value, dict) else None
    if not isinstance(content, str):
        raise invalid(name, "must have bytesBase64Encoded; kinolog fetches nothing from other addresses")
    return f"data:;base64,{content}"
