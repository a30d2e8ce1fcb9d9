"""The pictures and videos that a scene starts from, decoded in the size that the model draws (decision 79)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import TypeAlias

from kinolog.models.families import Family
from kinolog.models.input_roles import InputRole
from kinolog_worker.media.clips import ClipSampling, read_clip
from kinolog_worker.media.pictures import InputUnreadable, Picture, blank, fitted, read_picture, within
from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.renderer import InputFile, RenderFailed, SceneRequest

InputPictures: TypeAlias = Mapping[InputRole, list[Picture]]
"""The inputs of a scene by their roles: pictures in the order of the files, or the frames of a video."""


def check_inputs(family: Family, request: SceneRequest) -> None:
    """Raise RenderFailed for a scene without the inputs that its family needs, or with others."""
    given = [file.role for file in request.inputs]
    if missing := family.missing_inputs(given):
        raise RenderFailed("INPUT_MISSING", f"{family.pipeline} needs {missing}", retryable=False)
    if unknown := family.unknown_inputs(given):
        raise RenderFailed("INPUT_UNSUPPORTED", f"{family.pipeline} {unknown}", retryable=False)


def decoded_inputs(
    family: Family, request: SceneRequest, canvas: Canvas, check: Callable[[], None]
) -> InputPictures:
    """Decode the inputs of a scene. `check` is called between frames and may raise to stop.

    Raises RenderFailed for a file that cannot be used.
    """
    pictures: dict[InputRole, list[Picture]] = {}
    for file in request.inputs:
        check()
        try:
            decoded = _decoded(file, family, request, canvas, check)
        except InputUnreadable as error:
            raise RenderFailed(error.code, f"the {file.role.noun}: {error}", retryable=False) from None
        pictures.setdefault(file.role, []).extend(decoded)
    return pictures


def blank_inputs(family: Family, request: SceneRequest, canvas: Canvas) -> InputPictures:
    """Return grey pictures in place of the inputs of a scene."""
    grey = blank(canvas.width, canvas.height)
    pictures: dict[InputRole, list[Picture]] = {}
    for file in request.inputs:
        frames = _sampling(family, request, canvas).frames if file.role is InputRole.VIDEO else 1
        pictures.setdefault(file.role, []).extend([grey] * frames)
    return pictures


def _decoded(
    file: InputFile, family: Family, request: SceneRequest, canvas: Canvas, check: Callable[[], None]
) -> list[Picture]:
    if file.role is InputRole.VIDEO:
        return read_clip(file.path, file.media_type, _sampling(family, request, canvas), check)
    picture = read_picture(file.path, file.media_type)
    if file.role is InputRole.REFERENCE:  # what is on it matters, and not where
        return [within(picture, canvas.width, canvas.height)]
    return [fitted(picture, canvas.width, canvas.height)]


def _sampling(family: Family, request: SceneRequest, canvas: Canvas) -> ClipSampling:
    """Return which frames of a video are wanted: the last ones of a continued one, else as many as are drawn."""
    context = family.inputs[InputRole.VIDEO].context_frames
    return ClipSampling(
        width=canvas.width,
        height=canvas.height,
        fps=request.fps,
        frames=context or canvas.frames,
        least=context or ceil(request.frames / canvas.repeat),
        from_end=bool(context),
    )
