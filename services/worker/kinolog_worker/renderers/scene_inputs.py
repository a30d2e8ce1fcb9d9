"""The pictures and videos that a scene starts from, decoded in the size that the model draws (decision 79)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import TypeAlias

from kinolog.models.families import Family
from kinolog.models.input_roles import InputRole
from kinolog_worker.media.clips import ClipSampling, read_clip
from kinolog_worker.media.pictures import InputUnreadable, Picture, blank, fitted, read_picture, within
from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.renderer import InputFile, RenderFailed, SceneRequest

InputPictures: TypeAlias = Mapping[InputRole, list[Picture]]
"""The inputs of a scene by their roles: pictures in the order of the files, or the frames of a video."""


def of_family(family: Family, request: SceneRequest) -> SceneRequest:
    """Return the request with the scene before in the role that the family continues it in: a video or its end."""
    inputs = tuple(
        replace(file, role=family.chain_role(file.continued_frames) or file.role)
        if file.continued_frames
        else file
        for file in request.inputs
    )
    return replace(request, inputs=inputs)


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
            if file.continued_frames:
                raise RenderFailed("SCENE_UNREADABLE", f"the scene before: {error}", retryable=True) from None
            raise RenderFailed(error.code, f"the {file.role.noun}: {error}", retryable=False) from None
        pictures.setdefault(file.role, []).extend(decoded)
    return pictures


def with_expected_inputs(family: Family, request: SceneRequest) -> SceneRequest:
    """Return the request with nameless files for inputs: those that it has, and those that its family needs.

    A job that is prefetched has no files yet, nor a scene that goes on from one before.
    """
    given = [replace(file, path=Path(), continued_frames=0) for file in of_family(family, request).inputs]
    roles = {file.role for file in given}
    for role, taken in family.inputs.items():
        replaced = role in family.alternatives and not roles.isdisjoint(family.alternatives)
        if not taken.optional and role not in roles and not replaced:
            roles.add(role)
            given.append(InputFile(role=role, path=Path(), media_type=role.media_types[0]))
    return replace(request, inputs=tuple(given))


def blank_inputs(family: Family, request: SceneRequest, canvas: Canvas) -> InputPictures:
    """Return grey pictures in place of the inputs of a scene."""
    grey = blank(canvas.width, canvas.height)
    pictures: dict[InputRole, list[Picture]] = {}
    for file in request.inputs:
        frames = _sampling(family, file, request, canvas).frames
        pictures.setdefault(file.role, []).extend([grey] * frames)
    return pictures


def _decoded(
    file: InputFile, family: Family, request: SceneRequest, canvas: Canvas, check: Callable[[], None]
) -> list[Picture]:
    if file.role.is_clip or file.continued_frames:
        return read_clip(file.path, file.media_type, _sampling(family, file, request, canvas), check)
    picture = read_picture(file.path, file.media_type)
    if file.role is InputRole.REFERENCE:  # what is on it matters, and not where
        return [within(picture, canvas.width, canvas.height)]
    return [fitted(picture, canvas.width, canvas.height)]


def _sampling(family: Family, file: InputFile, request: SceneRequest, canvas: Canvas) -> ClipSampling:
    """Return which frames of a file are wanted: the last ones of a continued one, else as many as are drawn.

    A face is looked at as a square.
    """
    context = family.inputs[file.role].context_frames if file.role.is_clip else 1
    width, height = canvas.width, canvas.height
    if file.role is InputRole.FACE:
        width = height = min(width, height)
    return ClipSampling(
        width=width,
        height=height,
        fps=request.fps,
        frames=context or canvas.frames,
        least=context or ceil(request.frames / canvas.repeat),
        from_end=bool(context),
        scale=canvas.scale if file.continued_frames else 0,
    )
