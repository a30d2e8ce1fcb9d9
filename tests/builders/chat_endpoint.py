"""A chat endpoint as OpenAI's, on a free port, that gives the answers it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any

from tests.fixtures.threads import background_thread


@dataclass(slots=True)
class ChatEndpoint:
    """`answers` are given one after the other: a text, a status, or a whole body. The last one is repeated."""

    url: str = ""
    answers: list[str | int | bytes] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    released: Event = field(default_factory=Event)
    is_silent: bool = False

    def next_answer(self) -> str | int | bytes:
        """Return the answer to the next request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def chat_endpoint(*answers: str | int | bytes) -> Iterator[ChatEndpoint]:
    """Serve on this machine until the block ends."""
    endpoint = ChatEndpoint(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            endpoint.keys.append(self.headers.get("Authorization", ""))
            if endpoint.is_silent:
                endpoint.released.wait()
                return
            status, body = 200, endpoint.next_answer()
            if isinstance(body, int):
                status, body = body, b"{}"
            if isinstance(body, str):
                body = json.dumps({"choices": [{"message": {"role": "assistant", "content": body}}]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
        with background_thread(lambda stopping: server.serve_forever(poll_interval=0.02), "chat endpoint"):
            try:
                yield endpoint
            finally:
                endpoint.released.set()
                server.shutdown()
