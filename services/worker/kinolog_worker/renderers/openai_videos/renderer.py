"""Requests the video of a job from a server, waits until it is made, and fetches it.

Whatever becomes of the job, the server is asked to delete the video: it holds the prompt. Options of an entry are those
of `kinolog.models.servers.video_server.VideoServer`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import NoReturn, TypeVar

from kinolog.job.server_errors import SERVER_LOST_JOB, SERVER_UNAVAILABLE
from kinolog.models.input_roles import InputRole
from kinolog.models.servers.video_server import VideoServer
from kinolog_worker.media.pictures import InputUnreadable, fitted, read_picture
from kinolog_worker.renderers.file_renderer import ELSEWHERE, PROGRESS_STEPS
from kinolog_worker.renderers.openai_videos.server_client import (
    ServerAway,
    ServerBusy,
    ServerRefused,
    ServerVideo,
    VideoServerClient,
)
from kinolog_worker.renderers.openai_videos.video_request import ServerRequest, video_request
from kinolog_worker.renderers.renderer import (
    LoadedFacts,
    ModelSource,
    Observe,
    RenderCancelled,
    RenderFailed,
    SceneRequest,
    ShouldStop,
    StepReport,
)

BUSY_SECONDS = 600.0
"""How long an attempt waits for a server that takes no more requests."""

BUSY_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
"""Pause before the request is made again if the server names none, and the longest one."""

AWAY_SECONDS = 60.0
"""How long a server that has accepted the job may be away."""

REPORT_SECONDS = 10.0
"""Interval at which an attempt reports that its file arrives, so that it does not stall."""

MOST_VIDEO_BYTES = 8 << 30

LOOK_SECONDS = 0.1
"""Interval at which a pause looks whether the job is cancelled."""

REFUSED = "REQUEST_REFUSED"
FAILED = "SERVER_FAILED"
SLOW = "SERVER_TOO_SLOW"
UNUSABLE = "VIDEO_UNUSABLE"

NO_FILE = "the file did not arrive"
"""The beginning of the message about a file that takes too long."""

_WAITING = frozenset({"queued", "in_progress", "processing", "pending", "running"})
_FINISHED = "completed"
_FINAL_CODES = frozenset({"moderation_blocked", "content_policy_violation", "invalid_prompt"})
"""Error codes of a failed video that would fail again."""

logger = logging.getLogger(__name__)

T = TypeVar("T")


class OpenAIVideosRenderer:
    """Makes files by one server with `POST /v1/videos`."""

    def __init__(self) -> None:
        self._server = VideoServer(url="http://127.0.0.1")
        self._client: VideoServerClient | None = None

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        try:
            self._server = VideoServer.model_validate({**model.options, "url": model.location})
        except ValueError as error:
            problem = f"the entry of {model.name} cannot be used ({type(error).__name__}): check its source and options"
            raise RenderFailed("MODEL_UNSUPPORTED", problem, retryable=False) from None
        self._client = VideoServerClient(self._server.url, model.api_key)
        return LoadedFacts(
            revision=self._server.model or model.name,
            libraries={},
            device=ELSEWHERE,
            hardware="a server of videos",
            dtype="",
            seconds=0.0,
            size_bytes=0,
        )

    def render_file(
        self, request: SceneRequest, target: Path, observe: Observe, should_stop: ShouldStop
    ) -> None:
        if self._client is None:
            raise AssertionError("the model is loaded first")
        order = video_request(self._server, request, _picture(request))
        _ServerJob(self._server, self._client, observe, should_stop).fetch(order, target)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class _ServerJob:
    """One video, from its request to its file."""

    def __init__(
        self, server: VideoServer, client: VideoServerClient, observe: Observe, should_stop: ShouldStop
    ) -> None:
        self._server = server
        self._client = client
        self._observe = observe
        self._should_stop = should_stop
        self._percent = 0
        self._away_since: float | None = None

    def fetch(self, order: ServerRequest, target: Path) -> None:
        """Write the video to `target`."""
        video = self._accepted(order)
        video_id = video.video_id
        ends_at = time.monotonic() + self._server.limit_seconds
        try:
            while video.status != _FINISHED:
                self._raise_unless_waiting(video)
                self._raise_after(ends_at, "the server made no video")
                self._report(video.progress)
                self._pause(video.poll_seconds or self._server.poll_seconds)
                video = self._while_away(lambda: self._client.read(video_id)) or video
            file_ends_at = time.monotonic() + self._server.limit_seconds
            while not self._while_away(lambda: self._downloaded(video_id, target, file_ends_at)):
                self._raise_after(file_ends_at, NO_FILE)
                self._report(self._percent)
                self._pause(self._server.poll_seconds)
            self._report(PROGRESS_STEPS)
        finally:
            with suppress(ServerAway, ServerBusy, ServerRefused):
                self._client.delete(video_id)

    def _accepted(self, order: ServerRequest) -> ServerVideo:
        """Return the video once the server has accepted it. While the server is busy, wait."""
        ends_at = time.monotonic() + BUSY_SECONDS
        while True:
            self._raise_if_cancelled()
            try:
                return self._client.create(order)
            except ServerAway as away:
                raise _unavailable(str(away)) from None
            except ServerRefused as refused:
                _raise_refused(refused)
            except ServerBusy as busy:
                if time.monotonic() >= ends_at:
                    raise _unavailable(str(busy)) from None
                logger.info("the server takes no more requests now; the job waits for it")
                self._report(0)
                self._pause(min(busy.after_seconds or BUSY_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))

    def _while_away(self, ask: Callable[[], T]) -> T | None:
        """Return an answer about a video that is being made; None while there is none and the server may come back."""
        try:
            answer = ask()
        except ServerRefused as refused:
            if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR and refused.status != HTTPStatus.CONFLICT:
                problem = (
                    f"the server knows no more of the job that it accepted (HTTP status {refused.status})"
                )
                raise RenderFailed(SERVER_LOST_JOB, problem, retryable=True, detail=refused.words) from None
            self._note_away(f"it answers {refused.status}")
        except ServerAway as away:
            self._note_away(str(away))
        except ServerBusy:
            pass
        else:
            self._away_since = None
            return answer
        return None

    def _note_away(self, problem: str) -> None:
        now = time.monotonic()
        self._away_since = self._away_since or now
        if now - self._away_since >= AWAY_SECONDS:
            lost = f"the server went away as it made the video: {problem}"
            raise RenderFailed(SERVER_LOST_JOB, lost, retryable=True)

    def _downloaded(self, video_id: str, target: Path, ends_at: float) -> Path:
        """Fetch the file, within the limits of size and of time."""
        reported_at = time.monotonic()

        def check(size_bytes: int) -> None:
            nonlocal reported_at
            self._raise_if_cancelled()
            now = time.monotonic()
            if size_bytes > MOST_VIDEO_BYTES:
                limit = f"the file of the server has more than {MOST_VIDEO_BYTES >> 30} GiB"
                raise RenderFailed(UNUSABLE, limit, retryable=True)
            self._raise_after(ends_at, NO_FILE)
            if now - reported_at >= REPORT_SECONDS:
                reported_at = now
                self._report(self._percent)

        self._client.download(video_id, target, check)
        return target

    def _raise_after(self, ends_at: float, problem: str) -> None:
        """Raise RenderFailed once this time is over."""
        if time.monotonic() >= ends_at:
            limit = f"{problem} within {self._server.limit_seconds:g} s (limit_seconds)"
            raise RenderFailed(SLOW, limit, retryable=True)

    def _raise_unless_waiting(self, video: ServerVideo) -> None:
        if video.status in _WAITING:
            return
        if video.status == "failed":
            retryable = video.error_code not in _FINAL_CODES
            problem = "the server could not make the video"
            raise RenderFailed(FAILED, problem, retryable=retryable, detail=video.error_words)
        raise RenderFailed(
            SERVER_LOST_JOB,
            "the server has the video no more",
            retryable=True,
            detail=f"it is {video.status}",
        )

    def _report(self, percent: int) -> None:
        """Report progress, which never decreases. It is reported also if it stays, so that the job does not stall."""
        self._percent = max(self._percent, percent)
        self._observe(StepReport("denoise", self._percent, PROGRESS_STEPS))

    def _pause(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0:
            self._raise_if_cancelled()
            time.sleep(min(LOOK_SECONDS, left))
        self._raise_if_cancelled()

    def _raise_if_cancelled(self) -> None:
        if self._should_stop():
            raise RenderCancelled


def _picture(request: SceneRequest) -> bytes:
    """Return the first picture in the size of the video, as a PNG; empty without one."""
    first = next((file for file in request.inputs if file.role is InputRole.FIRST_FRAME), None)
    if first is None:
        return b""
    try:
        picture = read_picture(first.path, first.media_type)
    except InputUnreadable as error:
        raise RenderFailed(error.code, f"the {first.role.noun}: {error}", retryable=False) from None
    out = BytesIO()
    fitted(picture, request.width, request.height).save(out, "PNG")
    return out.getvalue()


def _unavailable(problem: str) -> RenderFailed:
    return RenderFailed(SERVER_UNAVAILABLE, f"the server takes no job: {problem}", retryable=True)


def _raise_refused(refused: ServerRefused) -> NoReturn:
    if refused.status == HTTPStatus.UNAUTHORIZED:
        raise _unavailable("it does not accept the API key of the worker") from None
    if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = f"the server answers HTTP status {refused.status}"
        raise RenderFailed(FAILED, problem, retryable=True, detail=refused.words) from None
    problem = f"the server refuses the job with HTTP status {refused.status}"
    raise RenderFailed(REFUSED, problem, retryable=False, detail=refused.words) from None
