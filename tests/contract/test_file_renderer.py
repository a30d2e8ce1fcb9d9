"""Conformance suite of renderers that deliver files. Runs against a server on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kinolog_worker.media.delivered.delivered_video import delivered_video
from kinolog_worker.media.video_check import ExpectedMedia, MediaInvalid, verify_video
from kinolog_worker.renderers.file_renderer import ELSEWHERE, PROGRESS_STEPS, FileRenderer
from kinolog_worker.renderers.registry import file_renderer_named
from kinolog_worker.renderers.renderer import (
    LoadedFacts,
    ModelSource,
    RenderCancelled,
    RenderFailed,
    SceneRequest,
    StepReport,
)

from kinolog.models.renderers import VIDEO_SERVER_RENDERER
from tests.builders.signed_video import FPS, FRAMES, HEIGHT, WIDTH, small_video
from tests.builders.video_server import VideoServerStandIn, video_server_stand_in

REQUEST = SceneRequest(
    prompt="a red ball moving right",
    negative_prompt="",
    width=64,
    height=64,
    frames=16,
    fps=8,
    steps=3,
    guidance=3.0,
    seed=11,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoServerStandIn]:
    """A server that the renderer speaks to."""
    film = small_video(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()
    with video_server_stand_in(film) as server:
        yield server


@pytest.fixture(scope="module", params=[VIDEO_SERVER_RENDERER])
def source(request: pytest.FixtureRequest, server: VideoServerStandIn) -> ModelSource:
    """A model of each renderer that delivers files."""
    options = {"poll_seconds": 0.001}
    return ModelSource("remote", server.url, renderer=request.param, options=options, files_at_once=1)


@pytest.fixture
def loaded(source: ModelSource) -> Iterator[tuple[FileRenderer, LoadedFacts]]:
    """A renderer with its model, which is closed after the test."""
    renderer = file_renderer_named(source.renderer)
    facts = renderer.load(source, "cpu")
    yield renderer, facts
    renderer.close()


def _rendered(
    renderer: FileRenderer, target: Path, should_stop: Callable[[], bool] = lambda: False
) -> list[StepReport]:
    reports: list[StepReport] = []
    renderer.render_file(REQUEST, target, reports.append, should_stop)
    return reports


def test_loading_returns_facts(loaded: tuple[FileRenderer, LoadedFacts]) -> None:
    """The facts name a revision. The device of the worker is not used."""
    facts = loaded[1]
    assert facts.revision
    assert facts.device == ELSEWHERE
    assert facts.hardware
    assert facts.size_bytes == 0


def test_a_file_is_delivered_with_progress(loaded: tuple[FileRenderer, LoadedFacts], tmp_path: Path) -> None:
    """The file is a video, and progress in percent grows up to the whole."""
    reports = _rendered(loaded[0], tmp_path / "video.mp4")
    media, images = delivered_video(tmp_path / "video.mp4")
    assert media.frames > 0
    assert images.thumbnail_jpeg()[:2] == b"\xff\xd8"
    assert {(report.stage, report.steps) for report in reports} == {("denoise", PROGRESS_STEPS)}
    percents = [report.step for report in reports]
    assert percents == sorted(percents)
    assert percents[-1] == PROGRESS_STEPS


def test_a_file_of_ours_has_the_facts_that_its_check_finds(
    server: VideoServerStandIn, tmp_path: Path
) -> None:
    """What is read of a file that was made elsewhere is what is read of one that was made here."""
    path = tmp_path / "video.mp4"
    path.write_bytes(server.film)
    expected = ExpectedMedia(width=WIDTH, height=HEIGHT, fps=FPS, frames=FRAMES)
    assert delivered_video(path)[0] == verify_video(path, expected)


@pytest.mark.parametrize("beginning", ["", "\0\0\0\x10ftypisom\0\0\0\0"])
def test_a_list_of_other_files_is_no_video(
    server: VideoServerStandIn, tmp_path: Path, beginning: str
) -> None:
    """A file that names others in their place opens none of them, also if it begins like a video."""
    (tmp_path / "film.mp4").write_bytes(server.film)
    path = tmp_path / "video.mp4"
    path.write_text(f"{beginning}ffconcat version 1.0\nfile film.mp4\n")
    with pytest.raises(MediaInvalid, match="not MP4" if not beginning else "cannot be decoded"):
        delivered_video(path)


def test_a_renderer_can_be_used_again(loaded: tuple[FileRenderer, LoadedFacts], tmp_path: Path) -> None:
    """A second request, also after one that was cancelled, gets a file of its own."""
    with pytest.raises(RenderCancelled):
        _rendered(loaded[0], tmp_path / "none.mp4", lambda: True)
    assert not (tmp_path / "none.mp4").exists()
    for name in ("1.mp4", "2.mp4"):
        _rendered(loaded[0], tmp_path / name)
    assert (tmp_path / "1.mp4").stat().st_size == (tmp_path / "2.mp4").stat().st_size > 0


def test_stopping_acts_while_the_file_is_made(
    loaded: tuple[FileRenderer, LoadedFacts], tmp_path: Path
) -> None:
    """After a cancellation there is no more report, no file, and RenderCancelled is raised."""
    reports: list[StepReport] = []
    with pytest.raises(RenderCancelled):
        loaded[0].render_file(REQUEST, tmp_path / "video.mp4", reports.append, lambda: bool(reports))
    assert len(reports) == 1
    assert not (tmp_path / "video.mp4").exists()


def test_a_model_that_cannot_be_used_is_not_retryable(source: ModelSource) -> None:
    """An entry that the renderer cannot use is refused, and another attempt cannot succeed."""
    renderer = file_renderer_named(source.renderer)
    with pytest.raises(RenderFailed) as refusal:
        renderer.load(ModelSource("remote", "nowhere", renderer=source.renderer), "cpu")
    assert (refusal.value.code, refusal.value.retryable) == ("MODEL_UNSUPPORTED", False)
