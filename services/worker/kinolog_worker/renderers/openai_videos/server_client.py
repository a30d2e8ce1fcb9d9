"""The requests to a server of videos, and its answers. Whatever it sends is bounded and checked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from kinolog.network_addresses import is_loopback
from kinolog.texts import one_line
from kinolog_worker.renderers.openai_videos.video_request import ServerRequest

TIMEOUT = httpx.Timeout(8.0, connect=5.0)
CREATE_TIMEOUT = httpx.Timeout(12.0, connect=5.0)
"""Seconds for a connection, and between two parts of a request or an answer.

With them a cancelled job ends before its process is killed, whatever request runs.
"""

ANSWER_SECONDS = 8.0
"""Seconds in which the content of an answer arrives, so that one that comes in drops ends too."""

MOST_ANSWER_BYTES = 1 << 20
MOST_ID_CHARACTERS = 1_000
MOST_WORDS = 2_000
"""Characters of a server's error that are read."""

SHORTEST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 10.0
"""A server that names another pause before the next look is looked at after these."""

_POLL_AFTER = "openai-poll-after-ms"


_NO_VIDEO = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""Errors of an answer that is no video, such as one with an infinite number, or with lists in lists without end."""


class ServerAway(Exception):
    """The server does not answer, or is not able to. The message says what happened, without words of the server."""


class ServerBusy(Exception):
    """The server takes no more requests now. `after_seconds` is the pause that it asks for, 0 for none."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__("it takes no more requests now")
        self.after_seconds = after_seconds


class ServerRefused(Exception):
    """The server refuses a request. `words` are its own; they may quote the prompt."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVideo:
    """A video as the server knows it. `progress` is 0 to 100.

    `poll_seconds` is the pause that the server asks for, 0 for none.
    """

    video_id: str
    status: str
    progress: int = 0
    error_code: str = ""
    error_words: str = ""
    poll_seconds: float = 0.0


class VideoServerClient:
    """Speaks to one server. Every method raises `ServerAway`, `ServerBusy` and `ServerRefused`.

    Redirects are not followed: the address is that of the operator.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=TIMEOUT,
            # a proxy of the environment cannot reach a server of this machine
            trust_env=not is_loopback(urlsplit(url).hostname or ""),
        )

    def create(self, request: ServerRequest) -> ServerVideo:
        """Request a video."""
        made = self._client.build_request("POST", "/videos", timeout=CREATE_TIMEOUT, **request.body())
        return self._video(made)

    def read(self, video_id: str) -> ServerVideo:
        """Return a video as it is now."""
        return self._video(self._client.build_request("GET", _path(video_id)))

    def delete(self, video_id: str) -> None:
        """Delete a video and what was made of it. One that is being made is cancelled."""
        try:
            self._answer(self._client.build_request("DELETE", _path(video_id)))
        except ServerRefused as refused:  # one that deletes no unfinished video may have a route to cancel it
            if refused.status != HTTPStatus.NOT_FOUND:
                self._answer(self._client.build_request("POST", f"{_path(video_id)}/cancel"))

    def download(self, video_id: str, target: Path, check: Callable[[int], None]) -> None:
        """Write the file of a finished video to `target`.

        `check` is called before each part is written, with the bytes up to its end, and may raise to stop.
        """
        request = self._client.build_request("GET", f"{_path(video_id)}/content")
        response = self._sent(request)
        try:
            self._raise_for(response)
            written = 0
            with target.open("wb") as file:
                for part in response.iter_bytes():
                    check(written + len(part))
                    written += file.write(part)
        except httpx.HTTPError as error:
            raise ServerAway(f"the file did not arrive ({type(error).__name__})") from error
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _video(self, request: httpx.Request) -> ServerVideo:
        response, body = self._answer(request)
        try:
            return _video_in(json.loads(body), _milliseconds(response.headers.get(_POLL_AFTER)))
        except _NO_VIDEO as error:
            raise ServerRefused(response.status_code, "its answer is no video") from error

    def _answer(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        response = self._sent(request)
        try:
            self._raise_for(response)
            return response, _content(response)
        except httpx.HTTPError as error:
            raise ServerAway(f"its answer did not arrive ({type(error).__name__})") from error
        finally:
            response.close()

    def _sent(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._client.send(request, stream=True)
        except httpx.TimeoutException as error:
            raise ServerAway("it does not answer in time") from error
        except httpx.HTTPError as error:
            raise ServerAway(f"it cannot be reached ({type(error).__name__})") from error

    def _raise_for(self, response: httpx.Response) -> None:
        status = response.status_code
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise ServerBusy(_seconds(response.headers.get("retry-after")))
        if status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT):
            raise ServerAway(f"it answers {status}")
        raise ServerRefused(status, _words(_content(response)))


def _path(video_id: str) -> str:
    return f"/videos/{quote(video_id, safe='')}"


def _content(response: httpx.Response) -> bytes:
    body, ends_at = bytearray(), time.monotonic() + ANSWER_SECONDS
    for part in response.iter_bytes():
        body += part
        if len(body) > MOST_ANSWER_BYTES:
            raise ServerAway("its answer is longer than 1 MiB")
        if time.monotonic() > ends_at:
            raise ServerAway("its answer did not arrive in time")
    return bytes(body)


def _video_in(answer: dict[str, Any], poll_seconds: float) -> ServerVideo:
    """Return the video in an answer. Raises one of `_NO_VIDEO` if there is none."""
    error = answer.get("error") or {}
    video_id = answer["id"]
    if not isinstance(video_id, str) or not video_id.strip(".") or not video_id.isprintable():
        raise ValueError("no id")
    if len(video_id) > MOST_ID_CHARACTERS:
        raise ValueError("no id")
    return ServerVideo(
        video_id=video_id,
        status=one_line(str(answer["status"]).lower())[:MOST_WORDS],
        progress=min(100, max(0, int(answer.get("progress") or 0))),
        error_code=str(error.get("code") or "").lower(),
        error_words=one_line(str(error.get("message") or ""))[:MOST_WORDS],
        poll_seconds=poll_seconds,
    )


def _words(body: bytes) -> str:
    """Return the words of an error, in whatever shape the server has them."""
    try:
        answer = json.loads(body)
        error = answer.get("error", answer)
        words = error if isinstance(error, str) else error.get("message") or error.get("detail")
    except (ValueError, AttributeError, RecursionError):
        words = None
    text = words if isinstance(words, str) else body.decode(errors="replace")
    return one_line(" ".join(text.split()))[:MOST_WORDS]


def _seconds(value: str | None) -> float:
    """Return the seconds of a header; 0 if it has none, such as a date."""
    try:
        return max(0.0, float(value or 0))
    except ValueError:
        return 0.0


def _milliseconds(value: str | None) -> float:
    """Return the pause in a header in seconds, within the limits; 0 if it has none."""
    seconds = _seconds(value) / 1000
    return min(LONGEST_POLL_SECONDS, max(SHORTEST_POLL_SECONDS, seconds)) if seconds else 0.0
