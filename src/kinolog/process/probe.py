"""A small HTTP server for processes without another one: /health, /ready and /metrics.

/health answers 200 while the event loop runs; /ready answers 200, or 503 with the names of what is missing; /metrics
answers in the Prometheus text format. No answer names a job: the probe needs no key.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from kinolog.ids import without_job_ids

REQUEST_SECONDS = 5.0
REQUEST_BYTES = 8_192
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One sample of a metric family. Samples of a family must be adjacent. `family` is empty where it is the name."""

    name: str
    value: float
    help: str
    kind: str = "gauge"
    labels: Mapping[str, str] = field(default_factory=dict)
    family: str = ""


class Probe:
    """Serves until `stop`. `missing()` returns the names of what is not ready; none means ready."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        missing: Callable[[], Iterable[str]] = tuple,
        metrics: Iterable[Callable[[], str]] = (),
    ) -> None:
        self.host = host
        self.port = port
        self._missing = missing
        self._metrics = tuple(metrics)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, unless the port is 0. Raises `OSError` if the port is in use."""
        if self.port:
            self._server = await asyncio.start_server(self._answer, self.host, self.port, limit=REQUEST_BYTES)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    @property
    def url(self) -> str:
        """Address of the probe; empty without one."""
        return f"http://{self.host}:{self.port}" if self.port else ""

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.decode("latin-1").partition(" ")
                writer.write(self._response(method, rest.split(" ", 1)[0].split("?", 1)[0]))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that does not complete its request gets no answer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _response(self, method: str, path: str) -> bytes:
        status, kind, body = self._page(path)
        if method not in ("GET", "HEAD"):
            status, kind, body = HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "only GET and HEAD\n"
        payload = body.encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode("latin-1") + (payload if method != "HEAD" else b"")

    def _page(self, path: str) -> tuple[HTTPStatus, str, str]:
        match path:
            case "/health":
                return HTTPStatus.OK, "application/json", '{"status": "ok"}\n'
            case "/ready":
                missing = list(map(without_job_ids, self._missing()))
                status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
                body = {"status": "not ready" if missing else "ready", "missing": missing}
                return status, "application/json", json.dumps(body) + "\n"
            case "/metrics":
                return HTTPStatus.OK, METRICS_TYPE, "".join(page() for page in self._metrics)
            case _:
                return HTTPStatus.NOT_FOUND, "text/plain", "try /health, /ready or /metrics\n"


def metrics_text(metrics: Iterable[Metric]) -> str:
    """Return samples in the Prometheus text format, version 0.0.4."""
    lines: list[str] = []
    family = ""
    for metric in metrics:
        if (metric.family or metric.name) != family:
            family = metric.family or metric.name
            lines += [f"# HELP {family} {metric.help}", f"# TYPE {family} {metric.kind}"]
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in metric.labels.items())
        lines.append(
            f"{metric.name}{{{labels}}} {metric.value:.16g}"
            if labels
            else f"{metric.name} {metric.value:.16g}"
        )
    return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
