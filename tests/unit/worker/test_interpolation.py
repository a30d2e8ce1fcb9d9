"""Frames between the frames of a clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.interpolation import interpolated

WIDTH, HEIGHT, FPS = 96, 64, 8


def _walk(place: int) -> Frames:
    """Return a picture of a square that has moved by so many pixels over a pattern that moves along."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 0] = (columns - place) * 2 % 128
    picture[..., 1] = rows * 3
    picture[24:40, 8 + place : 24 + place] = (250, 80, 10)
    return picture


def _all(frames: Sequence[Frames], factor: int, following: Frames | None = None) -> list[Frames]:
    return list(interpolated(frames, fps=FPS, factor=factor, following=lambda: following))


def _error(one: Frames, other: Frames) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("factor", [2, 4])
def test_what_moves_is_between_where_it_was(factor: int) -> None:
    """Given frames stay as they are. Those between show what moves halfway, and not two of it. The last is repeated."""
    given = [_walk(4 * number) for number in range(8)]
    shown = _all(given, factor)
    assert len(shown) == 8 * factor
    assert all(np.array_equal(shown[number * factor], frame) for number, frame in enumerate(given))
    computed = [place for place in range(7 * factor) if place % factor]
    errors = [_error(shown[place], _walk(4 * place // factor)) for place in computed]
    blended = (given[0].astype(int) + given[1]) // 2
    assert max(errors) < 2
    assert float(np.mean(errors)) < _error(blended.astype(np.uint8), _walk(2)) / 2
    assert all(np.array_equal(frame, given[-1]) for frame in shown[7 * factor :])


def test_a_clip_that_goes_on_moves_on_at_its_end() -> None:
    """The frames after the last one lead to the first of the scene that follows."""
    shown = _all([_walk(4 * number) for number in range(6)], 2, _walk(24))
    assert len(shown) == 12
    assert _error(shown[11], _walk(22)) < 4


def test_nothing_is_blended_where_the_picture_changes_at_once() -> None:
    """Each frame is one of either picture."""
    noise = np.random.default_rng(1).integers(0, 256, (2, HEIGHT, WIDTH, 3), dtype=np.uint8)
    first, second = noise // 4, 255 - noise[::-1] // 4
    shown = _all([first[0]] * 5 + [second[0]] * 5, 2)
    assert len(shown) == 20
    for frame in shown:
        assert min(_error(frame, first[0]), _error(frame, second[0])) < 2


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_clips_have_all_their_frames(count: int) -> None:
    given = [_walk(4 * number) for number in range(count)]
    for following in (None, _walk(4 * count)):
        shown = _all(given, 4, following)
        assert len(shown) == 4 * count
        assert all(np.array_equal(shown[4 * number], frame) for number, frame in enumerate(given))


def test_frames_are_computed_as_they_come_and_are_the_same_again() -> None:
    """However long the clip is, few of its frames are held."""
    taken: list[int] = []

    def given() -> Iterator[Frames]:
        for number in range(16):
            taken.append(number)
            yield _walk(3 * number)

    run = interpolated(given(), fps=FPS, factor=2, following=lambda: None)
    shown = []
    for number, frame in enumerate(run):
        assert len(taken) <= number // 2 + 4
        shown.append(frame)
    again = _all([_walk(3 * number) for number in range(16)], 2)
    assert np.array_equal(shown, again)
