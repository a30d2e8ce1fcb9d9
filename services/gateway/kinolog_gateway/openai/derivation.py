"""Routes that make videos from others, in the shape of OpenAI's interface: remix, edit, extend."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.compatibility.copied_files import copied_inputs, copied_video
from kinolog_gateway.compatibility.form_fields import from_json
from kinolog_gateway.compatibility.generation import generation
from kinolog_gateway.compatibility.known_job import known_job
from kinolog_gateway.compatibility.model_choice import known_models, named_model, video_model
from kinolog_gateway.compatibility.request_body import RequestBody, read_body, uploaded_data_url
from kinolog_gateway.compatibility.submission import identified_submit, identity_of
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError, invalid
from kinolog_gateway.openai.body_schemas import EDIT_BODY, EXTEND_BODY, REMIX_BODY
from kinolog_gateway.openai.creation import created, video_fields
from kinolog_gateway.openai.error_shape import OPENAI_ERRORS
from kinolog_gateway.openai.video import REMIX_BEGINNING, OpenAiVideo, VideoIdPath, video_response
from kinolog_gateway.routes.dependencies import Api, Caller
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix="/v1/videos", tags=["openai"], responses=OPENAI_ERRORS)

SOURCE = "video"
"""The field of the video that another one is made from."""

_LENGTHS = frozenset({"seconds", "duration", "frames", "num_frames", "scenes"})


@router.post(
    "/edits",
    response_model=OpenAiVideo,
    openapi_extra=EDIT_BODY,
    summary="Edit a video for the SDKs of OpenAI",
)
async def edit_openai_video(request: Request, api: Api, caller: Caller) -> Response:
    """Submit a video that changes another one, by a model that starts from a video. It is as long as the other one."""
    return await _made_from_video(request, api, caller, is_as_long=True)


@router.post(
    "/extensions",
    response_model=OpenAiVideo,
    openapi_extra=EXTEND_BODY,
    summary="Extend a video for the SDKs of OpenAI",
)
async def extend_openai_video(request: Request, api: Api, caller: Caller) -> Response:
    """Submit a video that starts from another one, by a model that does. It is not joined to the other one."""
    return await _made_from_video(request, api, caller, is_as_long=False)


@router.post(
    "/{video_id}/remix",
    response_model=OpenAiVideo,
    openapi_extra=REMIX_BODY,
    summary="Remix a video for the SDKs of OpenAI",
)
async def remix_openai_video(request: Request, video_id: VideoIdPath, api: Api, caller: Caller) -> Response:
    """Submit a video with another prompt and the settings of a finished one: its seed and its inputs too."""
    fields = video_fields(await read_body(request, api, caller))
    if others := fields.keys() - {"prompt"}:
        raise invalid(min(others)[:64], "is that of the video; a remix takes a prompt alone")
    wanted = generation(fields, {})
    job = await known_job(api, caller, video_id)
    if job.status != job_pb2.STATUS_COMPLETED:
        raise HttpProblemError(
            409, "JOB_NOT_COMPLETED", "the video is not completed, so it cannot be remixed yet"
        )
    submit = await _same_settings(api, caller, job, wanted.request.prompt or "")
    identity, beginning = identity_of(request.headers), f"{REMIX_BEGINNING}{job.id}:"
    answer = await identified_submit(api, caller, identity, submit, wanted.foreign, beginning)
    return video_response(answer.job, answer.position)


async def _same_settings(
    api: Upstream, caller: HttpCaller, job: job_pb2.Job, prompt: str
) -> pb.SubmitJobRequest:
    """Return the request of a job again, with another prompt."""
    spec = job.spec
    model = named_model(await known_models(api, caller), spec.model)
    usual = model.defaults.negative_prompt if model else ""
    has_several_shots = job.scene_count > 1 and not spec.chained
    return pb.SubmitJobRequest(
        prompt=prompt,
        shots=pb.SHOTS_AUTO if has_several_shots else pb.SHOTS_UNSPECIFIED,
        negative_prompt="" if spec.negative_prompt == usual else spec.negative_prompt,
        model=spec.model,
        priority=job.priority,
        style=spec.style,
        width=spec.width,
        height=spec.height,
        frames=spec.frames,
        fps=spec.fps,
        steps=spec.steps,
        guidance=spec.guidance,
        seed=spec.seed,
        codec=spec.codec,
        crf=spec.crf or None,
        chained=spec.chained,
        upscaler=spec.upscaler,
        interpolate_fps=spec.interpolate_fps or None,
        loras=[pb.LoraReference(name=lora.name, weight=lora.weight) for lora in spec.loras],
        profile=spec.profile,
        inputs=await copied_inputs(api, caller, job),
    )


async def _made_from_video(
    request: Request, api: Upstream, caller: HttpCaller, *, is_as_long: bool
) -> Response:
    body = await read_body(request, api, caller)
    fields = video_fields(body)
    job, upload_id = await _source(fields, body, api, caller)
    models = await known_models(api, caller)
    fields["model"] = video_model(models, fields.get("model", ""), job.spec.model if job else "")
    if job is not None:
        fields = _own_settings(job, fields, is_as_long=is_as_long) | fields
    inputs = [pb.InputReference(role=job_pb2.INPUT_ROLE_VIDEO, upload_id=upload_id)]
    return await created(request, api, caller, fields, inputs, SOURCE)


def _own_settings(job: job_pb2.Job, fields: dict[str, Any], *, is_as_long: bool) -> dict[str, Any]:
    """Return the size, the rate and, if the new video is as long, the length of a video, unless fields give them."""
    settings: dict[str, Any] = {"fps": job.spec.fps}
    if not fields.keys() & {"width", "height"}:
        settings["size"] = f"{job.spec.width}x{job.spec.height}"
    if is_as_long and not fields.keys() & _LENGTHS:
        settings["frames"] = job.spec.frames
    return settings


async def _source(
    fields: dict[str, Any], body: RequestBody, api: Upstream, caller: HttpCaller
) -> tuple[job_pb2.Job | None, str]:
    """Return the job of the source, if it is one, and its video as an upload. Take it out of the fields."""
    uploads = body.files.pop(SOURCE, [])
    if body.files or len(uploads) > 1:
        raise invalid(SOURCE, "must be the only file")
    value = from_json(fields.pop(SOURCE, None))
    if uploads and value is None:
        return None, uploads[0].id
    match value:
        case None:
            raise invalid(SOURCE, 'is required: a file, or {"id": "<id of a video>"}')
        case str(url) if url.startswith("data:"):
            return None, (await uploaded_data_url(url, SOURCE, api, caller)).id
        case {"id": str(video_id), **rest} if not rest and not uploads:
            job = await known_job(api, caller, video_id)
            if job.status != job_pb2.STATUS_COMPLETED:
                raise HttpProblemError(409, "JOB_NOT_COMPLETED", "the video is not completed yet")
            return job, (await copied_video(api, caller, job.id)).id
    raise invalid(SOURCE, 'must be one file, or {"id": "<id of a video>"}')
