"""Routes of Replicate's interface: predictions, and files for their inputs. Errors are problems, as Replicate's are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1.webhook_service_pb2 import GetWebhookSecretRequest
from kinolog_gateway.compatibility.field_names import FieldNames
from kinolog_gateway.compatibility.known_job import cancelled_job, known_job
from kinolog_gateway.compatibility.public_links import public_url
from kinolog_gateway.compatibility.request_body import read_body
from kinolog_gateway.enum_names import to_datetime
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.openapi import described_body
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.replicate.prediction import (
    PREFIX,
    ReplicateFile,
    ReplicatePage,
    ReplicatePrediction,
    ReplicateWebhookSecret,
    prediction,
)
from kinolog_gateway.requests.value_types import JobWebhookEventName
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, Now, json_response
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix=PREFIX, tags=["replicate"], responses=PROBLEMS)

NAMES = FieldNames(
    aliases={
        "num_frames": "frames",
        "frames_per_second": "fps",
        "num_inference_steps": "steps",
        "sample_steps": "steps",
        "guidance_scale": "guidance",
        "sample_guide_scale": "guidance",
    },
    roles={
        "image": "first_frame",
        "start_image": "first_frame",
        "first_frame_image": "first_frame",
        "last_image": "last_frame",
        "end_image": "last_frame",
        "last_frame_image": "last_frame",
        "reference_images": "reference",
        "video": "video",
    },
    ratio="aspect_ratio",
    resolution="resolution",
)
"""Names that models of Replicate have for the inputs of predictions."""

EVENTS: Mapping[str, tuple[JobWebhookEventName, ...]] = {
    "start": ("job.started",),
    "output": ("job.completed",),
    "logs": (),
    "completed": ("job.cancelled", "job.completed", "job.failed"),
}
"""What Replicate's events are here. A video has its output when it is completed, and its logs are read."""

PAGE = 100
PredictionIdPath = Annotated[str, Path(description="The prediction: 26 lower-case letters and digits.")]
_WEBHOOK = {"type": "string", "description": "Called with the prediction when it starts and ends."}
_WEBHOOK_EVENTS = {
    "type": "array",
    "items": {"type": "string", "enum": list(EVENTS)},
    "minItems": 1,
    "description": "What the webhook is called for; all without it.",
}
_INPUT = {
    "type": "object",
    "description": "prompt, seed, num_frames, fps, num_inference_steps, guidance_scale, aspect_ratio, resolution, "
    "image and so on, or fields of POST /api/v1/generate.",
    "required": ["prompt"],
    "properties": {"prompt": {"type": "string", "minLength": 1, "maxLength": 4000}},
}
_VERSION = {"type": "string", "minLength": 1, "description": "Name of a model."}


def _body(*required: str) -> dict[str, Any]:
    properties = {
        "input": _INPUT,
        "version": _VERSION,
        "webhook": _WEBHOOK,
        "webhook_events_filter": _WEBHOOK_EVENTS,
    }
    return described_body(
        {"application/json": {"type": "object", "required": required, "properties": properties}}
    )


_FILE_BODY = described_body(
    {
        "multipart/form-data": {
            "type": "object",
            "required": ["content"],
            "properties": {
                "content": {"type": "string", "format": "binary", "description": "A picture or a clip."}
            },
        }
    }
)


@router.post(
    "/models/{owner}/{name}/predictions",
    status_code=201,
    response_model=ReplicatePrediction,
    openapi_extra=_body("input"),
    summary="Predict for clients of Replicate",
)
async def predict_by_model(
    request: Request,
    owner: Annotated[str, Path(description="Any word, or the owner in the name of a model.")],
    name: Annotated[str, Path(description="Name of a model, or default.")],
    api: Api,
    caller: Caller,
) -> Response:
    """Submit a video. The answer comes at once, whatever the header Prefer says: the client asks again."""
    return await _predict(request, api, caller, f"{owner}/{name}", name)


@router.post(
    "/predictions",
    status_code=201,
    response_model=ReplicatePrediction,
    openapi_extra=_body("input", "version"),
    summary="Predict by a version for clients of Replicate",
)
async def predict_by_version(request: Request, api: Api, caller: Caller) -> Response:
    """Submit a video. `version` is the name of a model."""
    return await _predict(request, api, caller)


async def _predict(request: Request, api: Upstream, caller: HttpCaller, *names: str) -> Response:
    body = (await read_body(request, api, caller)).fields
    version = body.pop("version", "")
    if not names:
        if not isinstance(version, str) or not version:
            raise invalid("version", "is required: the name of a model")
        names = (version, version.rpartition(":")[0], version.rpartition("/")[2].partition(":")[0])
    fields = body.pop("input", None)
    if not isinstance(fields, dict):
        raise invalid("input", "must be an object, with a prompt")
    wanted = body.pop("webhook_events_filter", None)
    if wanted is not None and (
        not isinstance(wanted, list) or not wanted or set(map(str, wanted)) - EVENTS.keys()
    ):
        raise invalid("webhook_events_filter", f"must be a list of {', '.join(EVENTS)}, or be left out")
    if body.pop("stream", False):
        raise invalid("stream", "cannot be had: a video is finished as a whole")
    webhook = body.pop("webhook", None)
    if completed := body.pop("webhook_completed", None):
        webhook, wanted = webhook or completed, wanted or ["completed"]
    if body:
        raise invalid(min(body)[:64], "is not known here; leave it out")
    if webhook:
        events = sorted({event for name in wanted or EVENTS for event in EVENTS[name]})
        fields |= {
            "webhook": webhook,
            "webhook_format": "replicate",
            "webhook_events": events or ["job.completed"],
        }
    answer = await NAMES.submit(request, api, caller, fields, *names, files_url=_file_url(request, ""))
    found = prediction(request, answer.job)
    if found.status == "processing":  # a client that asked to wait takes it for the end
        found = found.model_copy(update={"status": "starting"})
    return json_response(found, status=201, position=answer.position)


@router.get(
    "/predictions/{prediction_id}",
    response_model=ReplicatePrediction,
    summary="A prediction for clients of Replicate",
)
async def read_prediction(
    request: Request, prediction_id: PredictionIdPath, api: Api, caller: Caller
) -> Response:
    """Read a video."""
    job = await known_job(api, caller, prediction_id)
    return json_response(prediction(request, job), position=job.position)


@router.get("/predictions", response_model=ReplicatePage, summary="List predictions for clients of Replicate")
async def list_predictions(
    request: Request,
    api: Api,
    caller: Caller,
    cursor: Annotated[str, Query(max_length=1000, description="That of `next` of the page before.")] = "",
) -> Response:
    """List videos, the newest first, without those that are erased."""
    listing = pb.ListJobsRequest(page_size=PAGE, page_token=cursor)
    page = await api.call(api.jobs.ListJobs, listing, caller)
    more = public_url(request, f"{PREFIX}/predictions?cursor={page.next_page_token}")
    results = [prediction(request, job) for job in page.jobs if not job.erased]
    return json_response(ReplicatePage(next=more if page.next_page_token else None, results=results))


@router.post(
    "/predictions/{prediction_id}/cancel",
    response_model=ReplicatePrediction,
    summary="Cancel a prediction for clients of Replicate",
)
async def cancel_prediction(
    request: Request, prediction_id: PredictionIdPath, api: Api, caller: Caller
) -> Response:
    """Cancel a video. One that has ended stays as it is."""
    job = await cancelled_job(api, caller, await known_job(api, caller, prediction_id))
    return json_response(prediction(request, job), position=job.position)


@router.get(
    "/webhooks/default/secret",
    response_model=ReplicateWebhookSecret,
    summary="The secret of webhooks for clients of Replicate",
)
async def read_webhook_secret(api: Api, caller: Caller) -> Response:
    """Return the secret that signs the calls about predictions. Needs the scope `admin`."""
    answer = await api.call(api.webhooks.GetWebhookSecret, GetWebhookSecretRequest(), caller)
    return json_response(ReplicateWebhookSecret(key=answer.secret))


@router.post(
    "/files",
    status_code=201,
    response_model=ReplicateFile,
    openapi_extra=_FILE_BODY,
    summary="Upload for clients of Replicate",
)
async def upload_file(request: Request, api: Api, caller: Caller, now: Now) -> Response:
    """Upload a picture or clip, as a form with the file `content`."""
    body = await read_body(request, api, caller)
    uploads = body.files.get("content", [])
    if len(uploads) != 1:
        raise invalid("content", "must be one file, in a form")
    upload = uploads[0]
    return json_response(
        ReplicateFile(
            id=upload.id,
            name=upload.id,
            content_type=upload.media_type,
            size=upload.size_bytes,
            etag=upload.sha256,
            checksums={"sha256": upload.sha256},
            created_at=now,
            expires_at=to_datetime(upload.expires_at),
            urls={"get": _file_url(request, upload.id)},
        ),
        status=201,
    )


def _file_url(request: Request, upload_id: str) -> str:
    return public_url(request, f"{PREFIX}/files/{upload_id}")
