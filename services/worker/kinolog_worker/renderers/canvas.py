"""From the requested size to a size that a model can draw, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from kinolog.models.number_rule import NumberRule
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.renderer import RenderFailed, SceneRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What the model draws, and how it is brought to the requested size.

    The model draws `width` x `height` pixels and `frames` frames. Each pixel becomes `scale` x `scale` pixels and
    each frame `repeat` frames. Then the middle is cut out to the requested size and the tail is dropped.
    """

    width: int
    height: int
    frames: int
    scale: int
    repeat: int


def canvas_for(
    request: SceneRequest,
    *,
    width_rule: NumberRule,
    height_rule: NumberRule,
    frame_rule: NumberRule,
    context_frames: int = 0,
) -> Canvas:
    """Return the smallest canvas that covers the request, and so many frames before it that the model draws again.

    Sides and frames become numbers of their rules. `scale` and `repeat` are the smallest whole factors with which the
    model does not exceed its native size. Raises RenderFailed if no number of a rule covers the request.
    """
    scale = max(_factor(request.width, request.native_width), _factor(request.height, request.native_height))
    repeat = _factor(request.frames, request.native_frames)
    return Canvas(
        width=_covering("width", width_rule, ceil(request.width / scale)),
        height=_covering("height", height_rule, ceil(request.height / scale)),
        frames=_covering("frames", frame_rule, context_frames + ceil(request.frames / repeat)),
        scale=scale,
        repeat=repeat,
    )


def fit(frames: Frames, canvas: Canvas, request: SceneRequest) -> Frames:
    """Return drawn frames (n, canvas height, canvas width, 3) in the requested size (n * repeat, height, width, 3)."""
    if canvas.scale > 1:
        frames = frames.repeat(canvas.scale, axis=1).repeat(canvas.scale, axis=2)
    top = (frames.shape[1] - request.height) // 2
    left = (frames.shape[2] - request.width) // 2
    frames = frames[:, top : top + request.height, left : left + request.width]
    if canvas.repeat > 1:
        frames = frames.repeat(canvas.repeat, axis=0)
    return np.ascontiguousarray(frames)


def selected_frames(runs: Iterable[Frames], numbers: Sequence[int]) -> Iterator[Frames]:
    """Yield of drawn frames, which come in runs, those with these numbers. The numbers increase, from 0 on."""
    start = done = 0
    for run in runs:
        here = [number - start for number in numbers[done:] if number - start < len(run)]
        if here:
            yield run[here]
        start, done = start + len(run), done + len(here)
        if done == len(numbers):
            return


def evenly(count: int, numbers: int) -> list[int]:
    """Return so many of the numbers from 0 on, the first and the last among them, with even distances."""
    return [round(place * (numbers - 1) / max(1, count - 1)) for place in range(count)]


def _factor(requested: int, native: int) -> int:
    return max(1, ceil(requested / native)) if native else 1


def _covering(what: str, rule: NumberRule, number: int) -> int:
    try:
        return rule.round_up(number)
    except ValueError as error:
        raise RenderFailed("REQUEST_UNSUPPORTED", f"{what}: {error}", retryable=False) from None
