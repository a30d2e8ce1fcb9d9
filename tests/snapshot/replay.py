"""A gateway on a real port with recorded responses, which sends over its WebSocket what a test gives it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from kinolog_gateway.app import IDLE_SECONDS
from kinolog_gateway.websocket.protocol import LiveProtocol
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.fixtures.web_server import serving

FOLDER = Path(__file__).parent
"""The recording: responses, a video and its thumbnail. `export` draws another one."""
Json = dict[str, Any]


def recorded() -> Json:
    """Return the recording: its time `now`, the ids of jobs `running` and `made`, and `answers` by path and query."""
    content: Json = json.loads((FOLDER / "recorded.json").read_text(encoding="utf-8"))
    return content


class Replay:
    """The gateway. `requests` are its HTTP requests, `received` the messages of clients over the WebSocket."""

    def __init__(self) -> None:
        self.answers: Json = recorded()["answers"]
        self.problems: dict[str, Json] = {}
        self.refusals: list[str] = []
        """Why jobs of bulk commands are refused."""
        self.held: dict[str, asyncio.Event] = {}
        """Paths whose responses wait for an event."""
        self.requests: list[tuple[str, str, Json]] = []
        self.received: list[Json] = []
        self._changed = asyncio.Condition()
        self.url = ""
        self._sockets: list[WebSocket] = []
        self._serving = AsyncExitStack()
        self.with_socket = True
        self.pages = False
        """Whether lists have pages of the requested length."""

    async def start(self, port: int = 0) -> None:
        """Listen on a port; 0 chooses a free one."""
        listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        routes = [
            WebSocketRoute("/ws", self._live),
            Route("/{path:path}", self._answer, methods=["GET", "POST", "DELETE"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            ws=LiveProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=IDLE_SECONDS,
        )
        await self._serving.enter_async_context(serving(uvicorn.Server(config), listener))

    async def stop(self) -> None:
        """Stop, and close all connections."""
        await self._serving.aclose()

    def hold(self, path: str) -> asyncio.Event:
        """Have the responses for a path wait for the event that is returned."""
        self.held[path] = asyncio.Event()
        return self.held[path]

    @property
    def port(self) -> int:
        """The port."""
        return int(self.url.rpartition(":")[2])

    async def send(self, kind: str, position: int, data: Json, job_id: str | None = None) -> None:
        """Send a message to every client."""
        message = {"type": kind, "position": position, "data": data}
        if job_id is not None:
            message["job_id"] = job_id
        for client in self._sockets:
            await client.send_text(json.dumps(message))

    async def until(self, condition: Any) -> None:
        """Wait until a request or a message fulfils the condition."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def _record(self, into: list[Any], entry: Any) -> None:
        async with self._changed:
            into.append(entry)
            self._changed.notify_all()

    async def _live(self, client: WebSocket) -> None:
        if not self.with_socket:
            await client.close()
            return
        await client.accept()
        self._sockets.append(client)
        try:
            while True:
                message = json.loads(await client.receive_text())
                if message["type"] == "ping":
                    pong = {"type": "pong", "position": 0, "data": {"id": message["id"]}}
                    await client.send_text(json.dumps(pong))
                else:
                    await self._record(self.received, message)
        except WebSocketDisconnect:
            pass
        finally:
            self._sockets.remove(client)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        body = {} if path == "/api/v1/inputs" else json.loads(await request.body() or "{}")
        await self._record(self.requests, (request.method, path, body or dict(request.query_params)))
        if path in self.held:
            await self.held[path].wait()
        if path in self.problems:
            problem = self.problems[path]
            return JSONResponse(problem, problem["status"], media_type="application/problem+json")
        if path.endswith("/thumbnail"):
            own = FOLDER / "thumbnails" / f"{path.split('/')[3]}.jpg"
            return FileResponse(own if own.exists() else FOLDER / "thumbnail.jpg", media_type="image/jpeg")
        scene = FOLDER / f"scene-{path.rpartition('/')[2]}.mp4"
        if "/scenes/" in path and scene.exists():
            return FileResponse(scene, media_type="video/mp4")
        if path.endswith("/video") or "/scenes/" in path:
            return FileResponse(FOLDER / "film.mp4", media_type="video/mp4")
        found = self._find(path, dict(request.query_params), request.method)
        return JSONResponse(found) if found is not None else JSONResponse({"detail": "not recorded"}, 404)

    def _find(self, path: str, query: dict[str, str], method: str) -> Any:
        if method == "POST" and path == "/api/v1/bulk":
            refused = [{"job_id": "", "ok": False, "error": {"detail": detail}} for detail in self.refusals]
            return {"results": refused, "succeeded": 1, "failed": len(refused), "position": 0}
        names = [{name: query[name] for name in sorted(query)}]
        names += [{k: query[k]} for k in ("as_of", "date_range") if k in query]
        for part in names:
            key = f"{path}?{'&'.join(f'{name}={value}' for name, value in part.items())}"
            if key in self.answers:
                return self.answers[key]
        if path == "/api/v1/jobs":
            return self._jobs_matching(query)
        key = next((key for key in self.answers if key.partition("?")[0] == path), "")
        return self.answers.get(path, self.answers.get(key))

    def _jobs_matching(self, query: dict[str, str]) -> Json:
        """Return the recorded list with only the jobs of these statuses and priorities, and with this text."""
        page: Json = self.answers["/api/v1/jobs?limit=50"]
        statuses, text = query.get("status", "").split(","), query.get("text", "")
        jobs = [job for job in page["jobs"] if statuses == [""] or job["status"] in statuses]
        jobs = [job for job in jobs if job["priority"] in query.get("priority", job["priority"]).split(",")]
        if query.get("startable") == "true":
            jobs = [job for job in jobs if not job.get("paused_at") and not job.get("not_before")]
        jobs = [job for job in jobs if text in f"{job['prompt']} {job['job_id']}".lower()]
        if not self.pages:
            return page | {"jobs": jobs}
        if query.get("sort", "created_at") == "created_at":
            jobs.sort(key=lambda job: str(job["created_at"]), reverse=query.get("order") != "asc")
        start, limit = int(query.get("cursor", "0")), int(query["limit"])
        after = start + limit if start + limit < len(jobs) else None
        return page | {"jobs": jobs[start : start + limit], "next_cursor": after and str(after)}


def requests_of(gateway: Replay, method: str, path: str) -> list[dict[str, Any]]:
    """Return the queries or bodies of the requests for a path."""
    return [content for how, where, content in gateway.requests if (how, where) == (method, path)]


@asynccontextmanager
async def replay() -> AsyncIterator[Replay]:
    """Run a gateway for the length of the block."""
    gateway = Replay()
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
