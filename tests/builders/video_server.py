"""A stand-in for a server with `POST /v1/videos`, on a free port of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import Any

from tests.fixtures.threads import background_thread

QUEUED: Mapping[str, Any] = {"status": "queued", "progress": 0}
HALF: Mapping[str, Any] = {"status": "in_progress", "progress": 50}
COMPLETED: Mapping[str, Any] = {"status": "completed", "progress": 100}


@dataclass(slots=True)
class StandInAnswer:
    """An answer in place of the ordinary one."""

    status: int
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class VideoServerStandIn:
    """A server that makes `film` of each request. `answers` replace its next ones, by `METHOD last-part`.

    Each look at a video shows the next of `states`, and the last one again. While it is `held`, videos stay unfinished.
    """

    film: bytes
    url: str = ""
    states: tuple[Mapping[str, Any], ...] = (QUEUED, HALF, COMPLETED)
    answers: dict[str, list[StandInAnswer]] = field(default_factory=dict)
    held: bool = False
    requests: list[str] = field(default_factory=list)
    """Method and path of each request."""
    fields: list[dict[str, Any]] = field(default_factory=list)
    """The fields of each requested video. A file is its bytes."""
    keys: list[str] = field(default_factory=list)
    videos: dict[str, int] = field(default_factory=dict)
    """How often each video was looked at. One that was deleted is left out."""
    changed: Condition = field(default_factory=Condition)

    def answer(self, method: str, path: str) -> StandInAnswer:
        """Return the answer to a request."""
        parts = path.removeprefix("/v1/videos").strip("/").split("/")
        scripted = self.answers.get(
            f"{method} {parts[-1] if len(parts) > 1 else 'video' if parts[0] else ''}".strip()
        )
        if scripted:
            return scripted.pop(0)
        if method == "POST" and not parts[0]:
            video_id = f"video-{len(self.fields)}"
            self.videos[video_id] = 0
            return StandInAnswer(200, {"id": video_id, "object": "video", **self.states[0]})
        if parts[0] not in self.videos:
            return StandInAnswer(404, {"error": {"message": "there is no such video"}})
        if method == "DELETE":
            del self.videos[parts[0]]
            return StandInAnswer(200, {"id": parts[0], "deleted": True})
        if parts[-1] == "content":
            return StandInAnswer(200, self.film, {"Content-Type": "video/mp4"})
        if not self.held:
            self.videos[parts[0]] += 1
        state = self.states[min(self.videos[parts[0]], len(self.states) - 1)]
        return StandInAnswer(200, {"id": parts[0], "object": "video", **state})

    def wait_for(self, requests: int) -> None:
        """Wait until so many videos are requested, and each was looked at since."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.videos) >= requests, 60), (
                "no more videos are requested"
            )


def _fields(content_type: str, body: bytes) -> dict[str, Any]:
    if content_type.startswith("application/json"):
        return dict(json.loads(body))
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = str(part.get_param("name", header="content-disposition"))
        found[name] = content if part.get_filename() else content.decode()
    return found


@contextmanager
def video_server_stand_in(film: bytes) -> Iterator[VideoServerStandIn]:
    """Serve on this machine until the block ends."""
    server = VideoServerStandIn(film)

    class VideoServerHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with server.changed:
                server.requests.append(f"{self.command} {self.path}")
                server.keys.append(self.headers.get("Authorization", ""))
                if self.command == "POST" and self.path == "/v1/videos":
                    server.fields.append(_fields(self.headers["Content-Type"], body))
                answer = server.answer(self.command, self.path)
                server.changed.notify_all()
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), VideoServerHandler) as listening:
        listening.daemon_threads = True
        server.url = f"http://127.0.0.1:{listening.server_port}/v1"
        with background_thread(lambda stopping: listening.serve_forever(poll_interval=0.02), "video server"):
            try:
                yield server
            finally:
                listening.shutdown()
