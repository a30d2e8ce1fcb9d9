"""From the requested size to what a model draws, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinolog_worker.renderers.canvas import Canvas, canvas_for, evenly, fit, selected_frames
from kinolog_worker.renderers.renderer import RenderFailed, SceneRequest

from kinolog.models.number_rule import NumberRule

REQUEST = SceneRequest(
    prompt="", negative_prompt="", width=64, height=64, frames=17, fps=16, steps=1, guidance=1.0, seed=0
)


def _canvas(request: SceneRequest, side: int, frame_rule: NumberRule) -> Canvas:
    return canvas_for(
        request, width_rule=NumberRule(side), height_rule=NumberRule(side), frame_rule=frame_rule
    )


_sides = st.integers(2, 300)
_natives = st.sampled_from([0, 16, 64, 100])


@given(_sides, _sides, st.integers(1, 60), _natives, _natives, st.sampled_from([1, 2, 4, 8]))
def test_any_request_is_covered_exactly(
    width: int, height: int, frames: int, native: int, native_frames: int, frame_multiple: int
) -> None:
    """The canvas follows the model's multiples; fitted, it has the requested size and at least the requested frames."""
    request = replace(
        REQUEST,
        width=width,
        height=height,
        frames=frames,
        native_width=native,
        native_height=native,
        native_frames=native_frames,
    )
    canvas = _canvas(request, 16, NumberRule(frame_multiple, 1))
    assert canvas.width % 16 == canvas.height % 16 == 0
    assert canvas.frames % frame_multiple == 1 % frame_multiple
    drawn = np.zeros((canvas.frames, canvas.height, canvas.width, 3), np.uint8)
    fitted = fit(drawn, canvas, request)
    assert fitted.shape[1:] == (height, width, 3)
    assert frames <= len(fitted) < frames + canvas.repeat * (frame_multiple + 1)


@pytest.mark.parametrize(
    ("width", "height", "frames", "canvas"),
    [
        (256, 256, 17, Canvas(width=64, height=64, frames=17, scale=4, repeat=1)),
        (256, 144, 33, Canvas(width=64, height=64, frames=33, scale=4, repeat=1)),
        (64, 64, 80, Canvas(width=64, height=64, frames=27, scale=1, repeat=3)),
        (32, 32, 5, Canvas(width=64, height=64, frames=5, scale=1, repeat=1)),
        (250, 250, 16, Canvas(width=64, height=64, frames=17, scale=4, repeat=1)),
    ],
)
def test_a_small_model_draws_its_own_size(width: int, height: int, frames: int, canvas: Canvas) -> None:
    """A model of 64x64 and 33 frames in multiples of 64 always draws its own size."""
    request = replace(
        REQUEST,
        width=width,
        height=height,
        frames=frames,
        native_width=64,
        native_height=64,
        native_frames=33,
    )
    assert _canvas(request, 64, NumberRule(2, 1)) == canvas


def test_a_model_without_a_native_size_draws_the_requested_size() -> None:
    """Large models draw the requested size, rounded up to their multiples."""
    request = replace(REQUEST, width=832, height=468, frames=80)
    canvas = _canvas(request, 16, NumberRule(4, 1))
    assert canvas == Canvas(width=832, height=480, frames=81, scale=1, repeat=1)


def test_the_middle_is_cut_out() -> None:
    """Excess pixels are cut away evenly on both sides."""
    drawn = np.arange(6, dtype=np.uint8).reshape(1, 1, 6, 1).repeat(2, axis=1).repeat(3, axis=3)
    fitted = fit(
        drawn,
        Canvas(width=6, height=2, frames=1, scale=1, repeat=1),
        replace(REQUEST, width=2, height=2, frames=1),
    )
    assert fitted[0, 0, :, 0].tolist() == [2, 3]


def test_pixels_are_enlarged_to_squares() -> None:
    """Enlarging repeats pixels and frames without mixing them."""
    drawn = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.uint8)
    fitted = fit(
        drawn,
        Canvas(width=2, height=1, frames=1, scale=2, repeat=2),
        replace(REQUEST, width=4, height=2, frames=2),
    )
    assert fitted[:, :, :, 0].tolist() == [[[1, 1, 4, 4]] * 2] * 2


def test_a_number_that_the_model_cannot_draw_is_refused() -> None:
    """A model of exactly 16 frames draws fewer, of which the tail is dropped, and refuses more."""
    only = NumberRule(0, 16)
    assert _canvas(replace(REQUEST, frames=9), 16, only).frames == 16
    with pytest.raises(RenderFailed, match="16, and not 17") as refusal:
        _canvas(replace(REQUEST, frames=17), 16, only)
    assert not refusal.value.retryable


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_selected_frames_are_those_with_their_numbers(lengths: list[int], data: st.DataObject) -> None:
    """Whatever runs the frames come in."""
    total = sum(lengths)
    numbers = np.arange(total, dtype=np.uint8)
    runs = np.split(numbers[:, None], np.cumsum(lengths)[:-1])
    kept = sorted(data.draw(st.sets(st.integers(0, total - 1), min_size=1)))
    assert np.concatenate(list(selected_frames(runs, kept)))[:, 0].tolist() == kept


@given(st.integers(1, 40), st.integers(0, 40))
def test_frames_that_are_left_out_evenly_leave_both_ends(count: int, more: int) -> None:
    """Each frame is kept once at most, the first and the last one are."""
    kept = evenly(count, count + more)
    assert len(set(kept)) == count
    assert kept[0] == 0
    assert kept[-1] == (count + more - 1 if count > 1 else 0)


def test_a_continued_video_is_drawn_again_at_the_start() -> None:
    """Frames that the video has already come on top of those of the clip."""
    rule = NumberRule(4, 1)
    canvas = canvas_for(
        REQUEST, width_rule=NumberRule(16), height_rule=NumberRule(16), frame_rule=rule, context_frames=5
    )
    assert canvas.frames == 25  # 22 at least
