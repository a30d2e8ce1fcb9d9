"""The embedded model follows its prompts, and its settings have their usual effects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.previews.fitted_previews import FittedPreviews
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, SceneRequest, StepReport
from PIL import Image

from kinolog.models.catalogue import TINY
from tests.builders.drawn_frames import rendered

DEFAULTS = TINY.defaults
REQUEST = SceneRequest(
    prompt="a red circle moving right on a blue background",
    negative_prompt="",
    width=64,
    height=64,
    frames=17,
    fps=DEFAULTS.fps,
    steps=DEFAULTS.steps,
    guidance=DEFAULTS.guidance,
    seed=7,
)
PAINTS = {
    "red": (220, 40, 40),
    "green": (50, 160, 70),
    "yellow": (250, 215, 50),
    "blue": (50, 90, 215),
    "white": (245, 245, 245),
    "black": (15, 15, 15),
}
PAIRS = [("red", "white"), ("green", "black"), ("yellow", "blue"), ("blue", "white")]


@pytest.fixture(scope="module")
def renderer() -> Iterator[DiffusersRenderer]:
    """The embedded model, loaded."""
    renderer = DiffusersRenderer()
    renderer.load(ModelSource(TINY.name, TINY.source), "cpu")
    yield renderer
    renderer.close()


def nearest(frames: Frames, names: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Return for each pixel the index of the nearest of these colours."""
    paints = np.array([PAINTS[name] for name in names], dtype=float)
    distances = np.linalg.norm(frames[..., None, :].astype(float) - paints, axis=-1)
    closest: npt.NDArray[np.intp] = distances.argmin(-1)
    return closest


def object_share(frames: Frames, shape: str, background: str) -> float:
    """Return the share of the middle frame that has the object's colour rather than the background's."""
    return float((nearest(frames[len(frames) // 2], (shape, background)) == 0).mean())


def centres(frames: Frames, shape: str, background: str) -> npt.NDArray[np.float64]:
    """Return the object's centre in each frame: [frames, 2], x and y in pixels."""
    found = []
    for frame in frames:
        rows, columns = np.nonzero(nearest(frame, (shape, background)) == 0)
        found.append((columns.mean(), rows.mean()))
    return np.array(found)


@pytest.mark.parametrize(("shape", "background"), PAIRS)
def test_objects_and_backgrounds_have_their_colours(
    renderer: DiffusersRenderer, shape: str, background: str
) -> None:
    """An object of the requested colour and of plausible size is on a background of the requested colour."""
    prompt = f"a {shape} square standing still on a {background} background"
    frames = rendered(renderer, replace(REQUEST, prompt=prompt))
    assert 0.02 < object_share(frames, shape, background) < 0.5
    corner = np.median(frames[:, :4, :4].reshape(-1, 3), axis=0)
    assert np.linalg.norm(corner - PAINTS[background]) < 70


@pytest.mark.parametrize(
    ("motion", "axis", "sign"),
    [("moving right", 0, 1), ("moving left", 0, -1), ("moving up", 1, -1), ("moving down", 1, 1)],
)
def test_objects_move_as_requested(renderer: DiffusersRenderer, motion: str, axis: int, sign: int) -> None:
    """From the first to the last frame the object has moved in the requested direction, and hardly sideways."""
    prompt = f"a red circle {motion} on a white background"
    path = centres(rendered(renderer, replace(REQUEST, prompt=prompt)), "red", "white")
    displacement = path[-1] - path[0]
    assert displacement[axis] * sign > 8
    assert abs(displacement[1 - axis]) < 6


def test_the_seed_decides_what_the_prompt_leaves_open(renderer: DiffusersRenderer) -> None:
    """Another seed gives another position in the same colour; the same seed draws the same clip."""
    prompt = "a red star standing still on a white background"
    clips = [rendered(renderer, replace(REQUEST, prompt=prompt, seed=seed)) for seed in (1, 2, 3, 4)]
    places = np.array([centres(clip, "red", "white")[0] for clip in clips])
    assert np.ptp(places, axis=0).max() > 6
    assert all(0.01 < object_share(clip, "red", "white") < 0.5 for clip in clips)
    assert (rendered(renderer, replace(REQUEST, prompt=prompt, seed=1)) == clips[0]).all()


def test_more_steps_come_closer_to_the_end(renderer: DiffusersRenderer) -> None:
    """Twenty steps are closer to forty than three are."""
    few, some, many = (
        rendered(renderer, replace(REQUEST, steps=steps)).astype(float) for steps in (3, 20, 40)
    )
    assert np.abs(some - many).mean() < 0.5 * np.abs(few - many).mean()


def test_guidance_strengthens_the_prompt(renderer: DiffusersRenderer) -> None:
    """With guidance the clips of two prompts differ more than without."""

    def difference(guidance: float) -> float:
        clips = [
            rendered(renderer, replace(REQUEST, prompt=prompt, guidance=guidance, seed=seed)).astype(float)
            for seed in (1, 2)
            for prompt in ("a small shape", "a big shape")
        ]
        return float(np.abs(clips[0] - clips[1]).mean() + np.abs(clips[2] - clips[3]).mean())

    assert difference(3.0) > difference(1.0)


def test_a_negative_prompt_changes_the_clip(renderer: DiffusersRenderer) -> None:
    """A negative prompt changes what the seed chooses."""
    open_ended = replace(REQUEST, prompt="a circle standing still on a white background")
    without = rendered(renderer, open_ended)
    against = rendered(renderer, replace(open_ended, negative_prompt="a red circle on a white background"))
    assert (without != against).any()


def test_any_prompt_gives_a_clip(renderer: DiffusersRenderer) -> None:
    """A prompt without known words gives a clean clip: an object on an even background."""
    frames = rendered(renderer, replace(REQUEST, prompt="Zwölf Boxkämpfer jagen Viktor"))
    border = np.concatenate([frames[:, 0].reshape(-1, 3), frames[:, :, 0].reshape(-1, 3)]).astype(float)
    assert np.median(np.abs(border - np.median(border, axis=0))) < 12
    assert frames.std() > 5


def test_a_map_that_is_fitted_to_clips_shows_others(renderer: DiffusersRenderer) -> None:
    """Half-way through another clip the preview has the colours of its middle frame, each in its place."""
    with fitted(renderer) as previews:
        short = replace(REQUEST, frames=5, steps=6)
        for shape, background in PAIRS[:3]:
            rendered(renderer, replace(short, prompt=f"a {shape} circle on a {background} background"))
        assert previews.can_draw
        halfway: list[bytes | None] = []

        def observe(report: StepReport) -> None:
            if report.preview is not None and report.step == report.steps // 2:
                halfway.append(report.preview())

        other = replace(short, prompt="a yellow star on a blue background", seed=9)
        clip = np.concatenate(list(renderer.render(other, observe, lambda: False)))
    (jpeg,) = halfway
    assert jpeg is not None
    shown = np.asarray(Image.open(BytesIO(jpeg)).convert("RGB")).astype(float)
    assert shown.shape == clip.shape[1:]
    assert np.corrcoef(shown.ravel(), clip[2].astype(float).ravel())[0, 1] > 0.6


@contextmanager
def fitted(renderer: DiffusersRenderer) -> Iterator[FittedPreviews]:
    """Let a renderer draw previews by a map of its own in the block, in place of decoding them."""
    loaded = renderer._loaded_pipeline()
    previews = FittedPreviews(None)
    loaded.autoencoder.show_to(previews.decoded)
    call = replace(loaded.call, family=replace(loaded.call.family, previews=False))
    renderer._loaded = replace(loaded, call=call, previews=previews)
    try:
        yield previews
    finally:
        renderer._loaded = loaded
        loaded.autoencoder.show_to(loaded.previews.decoded)
