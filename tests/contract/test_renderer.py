"""Conformance suite of renderers. Runs on the test card and on two different pipelines of diffusers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.registry import renderer_named
from kinolog_worker.renderers.renderer import (
    LoadedFacts,
    ModelSource,
    RenderCancelled,
    Renderer,
    RenderFailed,
    SceneRequest,
    StepReport,
)

from kinolog.models.renderers import DEFAULT_RENDERER
from tests.renderers.installed import DISTRIBUTION
from tests.renderers.pipelines import ltx_folder, wan_folder
from tests.renderers.testcard import RENDERER as TESTCARD

REQUEST = SceneRequest(
    prompt="a red ball moving right",
    negative_prompt="blue",
    width=64,
    height=64,
    frames=5,
    fps=8,
    steps=3,
    guidance=3.0,
    seed=11,
)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelSource]:
    """Model sources by name; pipelines are built once."""
    root = tmp_path_factory.mktemp("models")

    def source(kind: str) -> ModelSource:
        match kind:
            case "testcard":
                return ModelSource("testcard", "embedded:testcard", renderer=TESTCARD)
            case "wan":
                return ModelSource("wan", str(wan_folder(root / "wan")), renderer=DEFAULT_RENDERER)
            case _:
                return ModelSource("ltx", str(ltx_folder(root / "ltx")), renderer=DEFAULT_RENDERER)

    return source


def installed(name: str) -> Renderer:
    """Return a new renderer; the entry point of the test card is installed as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DISTRIBUTION)
        return renderer_named(name)


@pytest.fixture(scope="session", params=["testcard", "wan", "ltx"])
def loaded(
    request: pytest.FixtureRequest, models: Callable[[str], ModelSource]
) -> Iterator[tuple[Renderer, LoadedFacts]]:
    """A renderer with its model on the CPU."""
    source = models(request.param)
    renderer = installed(source.renderer)
    facts = renderer.load(source, "cpu")
    yield renderer, facts
    renderer.close()


@pytest.fixture
def renderer(loaded: tuple[Renderer, LoadedFacts]) -> Renderer:
    """The renderer alone."""
    return loaded[0]


def _never() -> bool:
    return False


def _drawn(renderer: Renderer, request: SceneRequest, reports: list[StepReport] | None = None) -> Frames:
    observe = reports.append if reports is not None else lambda report: None
    return np.concatenate(list(renderer.render(request, observe, _never)))


def test_loading_returns_facts(loaded: tuple[Renderer, LoadedFacts]) -> None:
    """The facts name the revision, the libraries, the device and the time it took."""
    facts = loaded[1]
    assert facts.revision
    assert facts.libraries
    assert facts.device == "cpu"
    assert facts.hardware
    assert facts.seconds >= 0
    assert facts.size_bytes >= 0


@pytest.mark.parametrize(
    ("width", "height", "frames"),
    [(64, 64, 5), (64, 64, 1), (64, 64, 8), (50, 38, 4), (96, 64, 3), (2, 2, 2)],
)
def test_size_and_number_of_frames_are_exact(
    renderer: Renderer, width: int, height: int, frames: int
) -> None:
    """Whatever a model rounds to, size and number of frames are as requested, as bytes of red, green and blue."""
    pictures = _drawn(renderer, replace(REQUEST, width=width, height=height, frames=frames))
    assert pictures.shape == (frames, height, width, 3)
    assert pictures.dtype == np.uint8


def test_a_native_size_is_enlarged_by_whole_factors(renderer: Renderer) -> None:
    """A model with a native size draws that; each of its pixels becomes a square, and each frame is repeated."""
    request = replace(
        REQUEST, width=128, height=128, frames=8, native_width=64, native_height=64, native_frames=5
    )
    pictures = _drawn(renderer, request)
    assert pictures.shape == (8, 128, 128, 3)
    assert (pictures == pictures[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)).all()
    assert (pictures == pictures[::2].repeat(2, axis=0)).all()


def test_the_same_request_gives_the_same_frames(renderer: Renderer) -> None:
    """Rendering is deterministic, even after another request in between."""
    first = _drawn(renderer, REQUEST)
    _drawn(renderer, replace(REQUEST, seed=12, prompt="something else"))
    assert (_drawn(renderer, REQUEST) == first).all()


def test_the_seed_matters(renderer: Renderer) -> None:
    """Another seed gives another clip."""
    assert (_drawn(renderer, REQUEST) != _drawn(renderer, replace(REQUEST, seed=12))).any()


def test_a_prefetched_prompt_is_cached_and_changes_nothing(renderer: Renderer) -> None:
    """A prompt that was encoded before is cached and gives the same frames."""
    request = replace(REQUEST, prompt="a prompt that was not seen before", seed=3)
    renderer.encode_prompt(request)
    assert renderer.encode_prompt(request).cached
    first = _drawn(renderer, request)
    assert (_drawn(renderer, request) == first).all()


def test_steps_are_reported_in_order(renderer: Renderer) -> None:
    """Each denoising step is reported once, then decoding counts up to the last frame."""
    reports: list[StepReport] = []
    _drawn(renderer, REQUEST, reports)
    denoise = [report for report in reports if report.stage == "denoise"]
    decode = [report for report in reports if report.stage == "decode"]
    assert reports == denoise + decode
    assert [(report.step, report.steps) for report in denoise] == [(1, 3), (2, 3), (3, 3)]
    counted = [report.step for report in decode]
    assert counted == sorted(set(counted))
    assert (counted[-1], decode[-1].steps) == (5, 5)


def test_previews_are_small_jpegs(renderer: Renderer) -> None:
    """Previews are small JPEGs, and drawing them does not change the clip."""
    previews: list[bytes] = []

    def observe(report: StepReport) -> None:
        if report.preview is not None:
            previews.append(report.preview() or b"")

    watched = np.concatenate(list(renderer.render(REQUEST, observe, _never)))
    assert (watched == _drawn(renderer, REQUEST)).all()
    assert all(preview[:2] == b"\xff\xd8" and len(preview) < 20_000 for preview in previews)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_stopping_acts_between_steps(renderer: Renderer, after: int) -> None:
    """After a cancellation there is no further step and no frame, and RenderCancelled is raised."""
    reports: list[StepReport] = []
    frames = renderer.render(REQUEST, reports.append, lambda: len(reports) >= after)
    with pytest.raises(RenderCancelled):
        next(frames)
    assert [report.step for report in reports] == list(range(1, after + 1))


def test_stopping_acts_while_decoding(renderer: Renderer) -> None:
    """After a cancellation while decoding a renderer yields no more frames and can be used again."""
    stop = False
    frames = renderer.render(replace(REQUEST, frames=17), lambda report: None, lambda: stop)
    next(frames)
    stop = True
    with pytest.raises(RenderCancelled):
        next(frames)
    assert _drawn(renderer, REQUEST).shape == (5, 64, 64, 3)


def test_leaving_early_leaves_the_renderer_usable(renderer: Renderer) -> None:
    """A caller that reads only some of the frames does not affect the next request."""
    whole = _drawn(renderer, REQUEST)
    frames = renderer.render(replace(REQUEST, frames=17), lambda report: None, _never)
    next(frames)
    del frames
    assert (_drawn(renderer, REQUEST) == whole).all()


@pytest.mark.parametrize("kind", ["testcard", "wan"])
def test_a_missing_model_is_not_retryable(
    models: Callable[[str], ModelSource], kind: str, tmp_path: Path
) -> None:
    """A missing model is refused with its code, and another attempt cannot succeed."""
    source = replace(models(kind), location="missing" if kind == "testcard" else str(tmp_path / "nothing"))
    with pytest.raises(RenderFailed) as refusal:
        installed(source.renderer).load(source, "cpu")
    assert refusal.value.code == "MODEL_NOT_FOUND"
    assert not refusal.value.retryable
