"""The gateway as the command line sees it: REST calls that answer plain JSON or say what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import httpx

from kinolog_cli.exit_codes import BY_HTTP_STATUS, ExitCode

Json: TypeAlias = dict[str, Any]
Params: TypeAlias = Mapping[str, str | int | float | bool | None]

TIMEOUT_SECONDS = 30.0
"""How long an answer may take, unless a command knows better."""


class GatewayError(Exception):
    """An answer that is no success, in words, with the exit code for it."""

    def __init__(self, exit_code: ExitCode, title: str, problem: Json | None = None) -> None:
        super().__init__(title)
        self.exit_code = exit_code
        self.title = title
        self.problem = problem or {"title": title}

    @property
    def lines(self) -> list[str]:
        """What to tell a person: the title, which names the first wrong field, and a line for each of several."""
        violations = self.problem.get("violations") or []
        if len(violations) < 2:
            return [self.title]
        return [self.title, *(f"  {v.get('field')}: {v.get('message')}" for v in violations)]


class Gateway:
    """A client of the REST surface at `url`. Close it, or use it in `with`."""

    def __init__(
        self, url: str, api_key: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url.rstrip("/")
        self.headers = headers
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_seconds)

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, params: Params | None = None) -> Json:
        """GET; the answer's JSON. Raises `GatewayError`."""
        return self._call("GET", path, params=_given(params))

    def post(self, path: str, body: Json | None = None) -> Json:
        """POST; the answer's JSON. Raises `GatewayError`."""
        return self._call("POST", path, json=body or {})

    def delete(self, path: str) -> Json:
        """DELETE; the answer's JSON. Raises `GatewayError`."""
        return self._call("DELETE", path)

    @contextmanager
    def download(self, path: str) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        """The size in bytes, if it is told, and the bytes of a file. Raises `GatewayError`."""
        try:
            with self._http.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                    raise _error(answer)
                size = answer.headers.get("content-length")
                yield int(size) if size else None, answer.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _call(self, method: str, path: str, **kwargs: Any) -> Json:
        try:
            answer = self._http.request(method, path, **kwargs)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if answer.is_error:
            raise _error(answer)
        if answer.status_code == httpx.codes.NO_CONTENT or not answer.content:
            return {}
        try:
            content = answer.json()
        except ValueError as error:
            title = f"{self.url} answers, but not as kinolog does; is the address right?"
            raise GatewayError(ExitCode.UNREACHABLE, title) from error
        return content if isinstance(content, dict) else {"items": content}

    def _unreachable(self, error: httpx.TransportError) -> GatewayError:
        reason = str(error) or type(error).__name__
        title = (
            f"cannot reach kinolog at {self.url} ({reason}); start it with `kinolog up`, or give its --url"
        )
        return GatewayError(ExitCode.UNREACHABLE, title)


def _given(params: Params | None) -> dict[str, str | int | float | bool]:
    """The parameters that have a value."""
    return {name: value for name, value in (params or {}).items() if value is not None}


def _error(answer: httpx.Response) -> GatewayError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    words = problem.get("detail") or problem.get("title") or f"HTTP {answer.status_code}"
    return GatewayError(BY_HTTP_STATUS.get(answer.status_code, ExitCode.UNREACHABLE), str(words), problem)
