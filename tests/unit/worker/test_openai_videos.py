"""The renderer that requests videos from a server: what it sends, and what becomes of each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from kinolog_worker.renderers.openai_videos import renderer as adapter
from kinolog_worker.renderers.openai_videos import server_client
from kinolog_worker.renderers.renderer import (
    InputFile,
    ModelSource,
    RenderCancelled,
    RenderFailed,
    SceneRequest,
    StepReport,
)
from PIL import Image

from kinolog.job.server_errors import SERVER_LOST_JOB, SERVER_UNAVAILABLE
from kinolog.models.input_roles import InputRole
from tests.builders.video_server import (
    COMPLETED,
    HALF,
    StandInAnswer,
    VideoServerStandIn,
    video_server_stand_in,
)

FILM = b"the bytes of a film"
PROMPT = "a purple unicorn"
FIELDS = {
    "frames": "num_frames",
    "fps": "fps",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "seed": "seed",
    "negative_prompt": "negative_prompt",
}


@pytest.fixture
def server() -> Iterator[VideoServerStandIn]:
    """A server that makes videos at once."""
    with video_server_stand_in(FILM) as server:
        yield server


def request(**fields: Any) -> SceneRequest:
    """Return a request for two seconds."""
    common: dict[str, Any] = {
        "prompt": PROMPT,
        "negative_prompt": "",
        "width": 64,
        "height": 48,
        "frames": 16,
        "fps": 8,
        "steps": 5,
        "guidance": 2.5,
        "seed": 7,
    }
    return SceneRequest(**common | fields)


def render(
    server: VideoServerStandIn,
    target: Path,
    wanted: SceneRequest | None = None,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    api_key: str = "",
    **options: Any,
) -> list[StepReport]:
    """Render with a model of these options. Return what was reported."""
    source = ModelSource(
        "remote",
        server.url,
        renderer="openai-videos",
        options={"poll_seconds": 0.001, **options},
        api_key=api_key,
    )
    assert "sesame" not in repr(source)
    reports: list[StepReport] = []
    renderer = adapter.OpenAIVideosRenderer()
    renderer.load(source, "cpu")
    try:
        renderer.render_file(wanted or request(), target, reports.append, should_stop)
    finally:
        renderer.close()
    return reports


def failure(server: VideoServerStandIn, target: Path, **options: Any) -> RenderFailed:
    """Render, and return the failure. Its message has no words of the server, which may quote the prompt."""
    with pytest.raises(RenderFailed) as failed:
        render(server, target, **options)
    assert PROMPT not in failed.value.message
    return failed.value


def test_the_file_of_the_server_is_fetched_and_deleted_there(
    server: VideoServerStandIn, tmp_path: Path
) -> None:
    """The bytes are those of the server, which is asked for the progress until then, and keeps no video."""
    reports = render(server, tmp_path / "video.mp4", api_key="sesame")
    assert (tmp_path / "video.mp4").read_bytes() == FILM
    assert [report.step for report in reports] == [0, 50, 100]
    assert server.requests[0] == "POST /v1/videos"
    assert server.requests[-2:] == ["GET /v1/videos/video-1/content", "DELETE /v1/videos/video-1"]
    assert set(server.keys) == {"Bearer sesame"}
    assert not server.videos


def test_what_a_plain_server_is_told(server: VideoServerStandIn, tmp_path: Path) -> None:
    """Without names of fields a request has those of OpenAI alone, as a form."""
    render(server, tmp_path / "video.mp4", model="wan", extra={"quality": "high", "n": 1})
    (fields,) = server.fields
    assert fields == {
        "prompt": PROMPT,
        "size": "64x48",
        "seconds": "2",
        "model": "wan",
        "quality": "high",
        "n": "1",
    }


def test_fields_have_the_names_of_the_server(server: VideoServerStandIn, tmp_path: Path) -> None:
    """A server that takes more is told more, in its own names, as JSON if it wants that."""
    wanted = request(frames=17, negative_prompt="blurry")
    render(server, tmp_path / "video.mp4", wanted, body="json", fields=FIELDS)
    render(server, tmp_path / "video.mp4", body="json", fields=FIELDS)
    first, second = server.fields
    assert first == {
        "prompt": PROMPT,
        "size": "64x48",
        "num_frames": 17,
        "fps": 8,
        "num_inference_steps": 5,
        "guidance_scale": 2.5,
        "seed": 7,
        "negative_prompt": "blurry",
    }
    assert "negative_prompt" not in second


def test_a_picture_is_sent_in_the_size_of_the_video(server: VideoServerStandIn, tmp_path: Path) -> None:
    """A picture is cut to the size, and sent in a form under a name of ours."""
    Image.new("RGB", (200, 100), "red").save(tmp_path / "secret name.jpg")
    picture = InputFile(
        role=InputRole.FIRST_FRAME, path=tmp_path / "secret name.jpg", media_type="image/jpeg"
    )
    render(server, tmp_path / "video.mp4", request(inputs=(picture,)), body="json", picture="optional")
    (fields,) = server.fields
    with Image.open(BytesIO(fields["input_reference"])) as sent:
        assert (sent.size, sent.format) == ((64, 48), "PNG")
    assert fields["seconds"] == "2"


def _has_requested(server: VideoServerStandIn, videos: int) -> bool:
    return len(server.fields) == videos


def test_a_cancellation_is_passed_on(server: VideoServerStandIn, tmp_path: Path) -> None:
    """The server deletes the video, or cancels it where it deletes no unfinished one."""
    server.held = True
    server.answers["DELETE video"] = [StandInAnswer(409, {"error": {"message": "it is in progress"}})]
    for number in (1, 2):
        with pytest.raises(RenderCancelled):
            render(server, tmp_path / "video.mp4", should_stop=partial(_has_requested, server, number))
    assert server.requests == [
        "POST /v1/videos",
        "DELETE /v1/videos/video-1",
        "POST /v1/videos/video-1/cancel",
        "POST /v1/videos",
        "DELETE /v1/videos/video-2",
    ]


@pytest.mark.parametrize(
    ("answer", "code", "retryable", "detail"),
    [
        (
            StandInAnswer(400, {"error": {"message": f"no {PROMPT}"}}),
            "REQUEST_REFUSED",
            False,
            f"no {PROMPT}",
        ),
        (StandInAnswer(422, {"detail": "no such size"}), "REQUEST_REFUSED", False, "no such size"),
        (StandInAnswer(404, b"not\n here"), "REQUEST_REFUSED", False, "not here"),
        (StandInAnswer(307, b"", {"Location": "http://169.254.0.1/"}), "REQUEST_REFUSED", False, ""),
        (StandInAnswer(200, {"status": "queued"}), "REQUEST_REFUSED", False, "its answer is no video"),
        (StandInAnswer(200, b"["), "REQUEST_REFUSED", False, "its answer is no video"),
        (StandInAnswer(200, b"[" * 100_000), "REQUEST_REFUSED", False, "its answer is no video"),
        (
            StandInAnswer(200, b'{"id": "a", "status": "queued", "progress": 1e999}'),
            "REQUEST_REFUSED",
            False,
            "its answer is no video",
        ),
        (
            StandInAnswer(200, {"id": "\ud800", "status": "queued"}),
            "REQUEST_REFUSED",
            False,
            "its answer is no video",
        ),
        (
            StandInAnswer(200, {"id": "a" * 70_000, "status": "queued"}),
            "REQUEST_REFUSED",
            False,
            "its answer is no video",
        ),
        (StandInAnswer(500, {"error": "no\0\ud800"}), "SERVER_FAILED", True, "no\u2400\ufffd"),
        (StandInAnswer(500, {"error": "broken"}), "SERVER_FAILED", True, "broken"),
        (StandInAnswer(401, {"error": {"message": "who?"}}), SERVER_UNAVAILABLE, True, ""),
        (StandInAnswer(503, {"error": {"message": "later"}}), SERVER_UNAVAILABLE, True, ""),
    ],
)
def test_what_a_refused_request_becomes(
    server: VideoServerStandIn,
    tmp_path: Path,
    answer: StandInAnswer,
    code: str,
    retryable: bool,
    detail: str,
) -> None:
    """The job fails with the words of the server, which are sealed; trouble of the server or the key is not its own."""
    server.answers["POST"] = [answer]
    failed = failure(server, tmp_path / "video.mp4")
    assert (failed.code, failed.retryable, failed.detail) == (code, retryable, detail)
    assert server.requests == ["POST /v1/videos"]


def test_a_server_that_is_away(server: VideoServerStandIn, tmp_path: Path) -> None:
    """Without an answer the attempt is not the fault of the job."""
    address, server.url = server.url, "http://127.0.0.1:1/v1"
    assert failure(server, tmp_path / "video.mp4").code == SERVER_UNAVAILABLE
    server.url = address


def test_a_busy_server_is_waited_for(
    server: VideoServerStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is made again after the pause that the server asks for; in the end the attempt gives up."""
    busy = StandInAnswer(429, {}, {"Retry-After": "0.001"})
    server.answers["POST"] = [busy, busy]
    render(server, tmp_path / "video.mp4")
    assert server.requests[:3] == ["POST /v1/videos"] * 3
    monkeypatch.setattr(adapter, "BUSY_SECONDS", 0.0)
    server.answers["POST"] = [busy]
    assert failure(server, tmp_path / "video.mp4").code == SERVER_UNAVAILABLE


def test_short_trouble_while_the_video_is_made(server: VideoServerStandIn, tmp_path: Path) -> None:
    """A server that is away for a moment, or not ready with the file, is looked at again."""
    server.answers["GET video"] = [StandInAnswer(502), StandInAnswer(429), StandInAnswer(500)]
    server.answers["GET content"] = [StandInAnswer(409), StandInAnswer(503)]
    render(server, tmp_path / "video.mp4")
    assert (tmp_path / "video.mp4").read_bytes() == FILM
    assert len(server.fields) == 1


@pytest.mark.parametrize(
    "answer",
    [StandInAnswer(404), StandInAnswer(503), StandInAnswer(200, {"id": "video-1", "status": "expired"})],
)
def test_a_server_that_loses_the_job(
    server: VideoServerStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: StandInAnswer
) -> None:
    """A server that forgets the video, or stays away, ends the attempt with a code of its own."""
    monkeypatch.setattr(adapter, "AWAY_SECONDS", 0.0)
    server.answers["GET video"] = [answer]
    failed = failure(server, tmp_path / "video.mp4")
    assert (failed.code, failed.retryable) == (SERVER_LOST_JOB, True)
    assert "expired" not in failed.message
    assert server.requests[-1] == "DELETE /v1/videos/video-1"


@pytest.mark.parametrize(("error_code", "retryable"), [("moderation_blocked", False), ("oom", True)])
def test_a_video_that_the_server_cannot_make(
    server: VideoServerStandIn, tmp_path: Path, error_code: str, retryable: bool
) -> None:
    """The words of the server are sealed; what it blocks is not tried again."""
    error = {"code": error_code, "message": f"not {PROMPT}"}
    server.states = (HALF, {"status": "failed", "error": error})
    failed = failure(server, tmp_path / "video.mp4")
    assert (failed.code, failed.retryable, failed.detail) == ("SERVER_FAILED", retryable, f"not {PROMPT}")
    assert not server.videos


def test_a_server_that_takes_too_long(server: VideoServerStandIn, tmp_path: Path) -> None:
    """After the limit of the entry the video is deleted, and the attempt has failed."""
    server.held = True
    assert failure(server, tmp_path / "video.mp4", limit_seconds=0.001).code == "SERVER_TOO_SLOW"
    assert not server.videos


def test_a_file_without_end(
    server: VideoServerStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fetched up to a size, and as long as a video may take to make. Its arrival is progress."""
    monkeypatch.setattr(adapter, "REPORT_SECONDS", 0.0)
    assert [each.step for each in render(server, tmp_path / "video.mp4")] == [0, 50, 50, 100]
    monkeypatch.setattr(adapter, "MOST_VIDEO_BYTES", len(FILM) - 1)
    assert failure(server, tmp_path / "video.mp4").code == "VIDEO_UNUSABLE"
    assert (tmp_path / "video.mp4").stat().st_size == 0
    server.states = (COMPLETED,)
    monkeypatch.undo()
    assert failure(server, tmp_path / "video.mp4", limit_seconds=1e-9).code == "SERVER_TOO_SLOW"
    assert not server.videos


def test_a_server_that_stays_too_busy_for_the_file(server: VideoServerStandIn, tmp_path: Path) -> None:
    """It is asked again, and the job does not stall meanwhile, until the time of the file is over."""
    server.states, busy = (COMPLETED,), StandInAnswer(429)
    server.answers["GET content"] = [busy, busy]
    assert [each.step for each in render(server, tmp_path / "video.mp4")] == [0, 0, 100]
    server.answers["GET content"] = [busy, busy]
    assert failure(server, tmp_path / "video.mp4", limit_seconds=1e-9).code == "SERVER_TOO_SLOW"
    assert (server.answers["GET content"], server.videos) == ([busy], {})


def test_an_answer_that_comes_in_drops(
    server: VideoServerStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not end its answer is away, although something of it comes all the time."""
    monkeypatch.setattr(server_client, "ANSWER_SECONDS", -1.0)
    assert failure(server, tmp_path / "video.mp4").code == SERVER_UNAVAILABLE
