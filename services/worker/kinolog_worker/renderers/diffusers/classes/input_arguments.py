"""The pictures and videos of a scene as arguments of a pipeline's call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import torch

from kinolog.models.families import Family, InputForm
from kinolog.models.input_roles import InputRole
from kinolog_worker.media.pictures import Picture, blank
from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.scene_inputs import InputPictures


def input_arguments(family: Family, pictures: InputPictures, canvas: Canvas) -> dict[str, Any]:
    """Return the arguments: a list of frames for a video and where there may be several pictures, else the picture."""
    if not pictures:
        return {}
    return _FORMS[family.input_form](family, pictures, canvas)


def _by_parameter(family: Family, pictures: InputPictures, _: Canvas) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for role, given in pictures.items():
        taken = family.inputs[role]
        is_list = role.is_clip or taken.most > 1
        arguments[taken.parameter] = given if is_list else given[0]
    return arguments


def _masked_video(family: Family, pictures: InputPictures, canvas: Canvas) -> dict[str, Any]:
    """Return the video and the mask of EasyAnimate: pictures at the ends, and what is between is drawn.

    The video has the shape (1, 3, frames, height, width) and values from 0 to 1, the mask one channel and 0 or 255.
    """
    video = _pixels(pictures[InputRole.FIRST_FRAME][0]).repeat(1, 1, canvas.frames, 1, 1)
    mask = torch.full_like(video[:, :1], 255)
    mask[:, :, 0] = 0
    for last in pictures.get(InputRole.LAST_FRAME, []):
        video[:, :, -1:] = _pixels(last)
        mask[:, :, -1] = 0
    return {family.inputs[InputRole.FIRST_FRAME].parameter: video, "mask_video": mask}


def _grey_video(family: Family, pictures: InputPictures, canvas: Canvas) -> dict[str, Any]:
    """Return the arguments of VACE: reference pictures, and a video with given pictures at its ends.

    The rest of the video is grey, or the control video. The mask is black where the video is shown as it is, and white
    where it is drawn.
    """
    arguments: dict[str, Any] = {}
    if references := pictures.get(InputRole.REFERENCE):
        arguments[family.inputs[InputRole.REFERENCE].parameter] = list(references)
    ends = {InputRole.FIRST_FRAME: 0, InputRole.LAST_FRAME: canvas.frames - 1}
    given = {ends[role]: shown[0] for role, shown in pictures.items() if role in ends}
    control = pictures.get(InputRole.CONTROL)
    if given or control:
        size = (canvas.width, canvas.height)
        grey, white, black = (blank(*size, shade) for shade in (128, 255, 0))
        between = control or [grey] * canvas.frames
        arguments["video"] = [given.get(number, shown) for number, shown in enumerate(between)]
        arguments["mask"] = [black if number in given else white for number in range(canvas.frames)]
    return arguments


def _conditions(_: Family, pictures: InputPictures, canvas: Canvas) -> dict[str, Any]:
    """Return the conditions of LTX: what is given, and the number of the frame where it begins."""
    condition = _of_module("diffusers.pipelines.ltx.pipeline_ltx_condition", "LTXVideoCondition")
    conditions = []
    for role, given in pictures.items():
        if role is InputRole.VIDEO:
            conditions.append(condition(video=given))
        else:
            number = canvas.frames - 1 if role is InputRole.LAST_FRAME else 0
            conditions.append(condition(image=given[0], frame_index=number))
    return {"conditions": conditions}


def _latent_conditions(family: Family, pictures: InputPictures, _: Canvas) -> dict[str, Any]:
    """Return the conditions of LTX-2: what is given, and the number of the latent frame where it begins.

    A control video is a condition of its own kind, which a LoRA reads beside the noise.
    """
    condition = _of_module("diffusers.pipelines.ltx2.pipeline_ltx2_condition", "LTX2VideoCondition")
    conditions = [
        condition(
            frames=list(given) if role is InputRole.VIDEO else given[0],
            index=-1 if role is InputRole.LAST_FRAME else 0,
        )
        for role, given in pictures.items()
        if role is not InputRole.CONTROL
    ]
    arguments: dict[str, Any] = {"conditions": conditions} if conditions else {}
    if control := pictures.get(InputRole.CONTROL):
        reference = _of_module("diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora", "LTX2ReferenceCondition")
        arguments[family.inputs[InputRole.CONTROL].parameter] = [reference(frames=list(control))]
    return arguments


def _placed_pictures(family: Family, pictures: InputPictures, canvas: Canvas) -> dict[str, Any]:
    """Return the pictures of SparseCtrl and the numbers of their frames."""
    ends = {InputRole.FIRST_FRAME: 0, InputRole.LAST_FRAME: canvas.frames - 1}
    given = [(ends[role], shown[0]) for role, shown in pictures.items()]
    return {
        family.inputs[InputRole.FIRST_FRAME].parameter: [shown for _, shown in given],
        "controlnet_frame_indices": [number for number, _ in given],
    }


def _of_module(module: str, name: str) -> Any:
    """Return what a module of diffusers holds, which takes long to import and is not needed for other classes."""
    return getattr(import_module(module), name)


def _pixels(picture: Picture) -> torch.Tensor:
    """Return a picture as one frame, shape (1, 3, 1, height, width), values from 0 to 1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None, :, None].float() / 255


_FORMS: dict[InputForm, Callable[[Family, InputPictures, Canvas], dict[str, Any]]] = {
    InputForm.ARGUMENTS: _by_parameter,
    InputForm.MASKED_VIDEO: _masked_video,
    InputForm.GREY_VIDEO: _grey_video,
    InputForm.CONDITIONS: _conditions,
    InputForm.LATENT_CONDITIONS: _latent_conditions,
    InputForm.PLACED_PICTURES: _placed_pictures,
}


def of_pipeline(pipe: Any, family: Family) -> Family:
    """Return the family with the inputs that this pipeline takes: not every model of Wan takes a last picture."""
    last = family.inputs.get(InputRole.LAST_FRAME)
    if last is None or not hasattr(pipe, "image_encoder"):
        return family
    network = getattr(pipe, "transformer", None)
    stated = getattr(network, "config", {})
    others = dict(family.inputs)
    del others[InputRole.LAST_FRAME]
    if getattr(pipe, "config", {}).get("expand_timesteps"):
        return replace(family, inputs=others)  # the call would ignore it
    if not stated.get("image_dim"):
        return family
    if stated.get("pos_embed_seq_len"):  # its embedding of pictures has room for two
        return replace(family, inputs=others | {InputRole.LAST_FRAME: replace(last, optional=False)})
    return replace(family, inputs=others)
