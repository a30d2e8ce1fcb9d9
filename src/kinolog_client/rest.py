"""The REST surface: calls that answer typed views, or say in words what went wrong and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from kinolog_client.catalogue import ModelListInfo, WorkerListInfo
from kinolog_client.jobs import (
    ClientModel,
    HistoryInfo,
    JobCountsInfo,
    JobInfo,
    JobPageInfo,
    LogPageInfo,
    StoryboardInfo,
)
from kinolog_client.requests import JobListFilter, JobListOrder, VideoRequest

V = TypeVar("V", bound=ClientModel)

TIMEOUT_SECONDS = 20.0
NEXT_STEPS = {
    401: "Give the right API key in Settings ({everywhere.settings}).",
    403: "Give the right API key in Settings ({everywhere.settings}).",
    404: "It may have been asked of another server; look in Jobs ({everywhere.jobs}).",
    409: "Press {everywhere.renew} to see how things stand now.",
    429: "Wait a moment, then try again.",
    503: "A part of kinolog is away; it is tried again by itself.",
}
"""What to do, by status; a name in braces stands for the key of that binding."""


class GatewayFailure(Exception):
    """What went wrong with a request, in words."""

    def __init__(self, words: str, next_step: str, status: int | None = None, reason: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.next_step = next_step
        self.status = status
        """HTTP status; None when nothing answered."""
        self.reason = reason
        """The gateway's word for it; empty where it gives none."""


class GatewayRest:
    """A client of the gateway at `url`. Every call raises `GatewayFailure`."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=TIMEOUT_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def job(self, job_id: str) -> JobInfo:
        """One job with everything known of it."""
        return await self.read(JobInfo, f"/mcp/status/{job_id}")

    async def jobs(
        self, which: JobListFilter, order: JobListOrder, limit: int, cursor: str | None = None
    ) -> JobPageInfo:
        """A page of jobs; `cursor` is the `next_cursor` of the page before."""
        params = which.params() | order.params() | {"limit": str(limit)}
        return await self.read(JobPageInfo, "/mcp/jobs", params | ({"cursor": cursor} if cursor else {}))

    async def counts(self) -> JobCountsInfo:
        """How many jobs there are, by status."""
        return await self.read(JobCountsInfo, "/mcp/analytics/status-distribution")

    async def storyboard(self, job_id: str) -> StoryboardInfo:
        """The scenes of a job."""
        return await self.read(StoryboardInfo, f"/mcp/storyboard/{job_id}")

    async def logs(self, job_id: str, limit: int, after: int | None = None) -> LogPageInfo:
        """The last log lines, or the first ones after a sequence."""
        params = {"limit": str(limit)} | ({} if after is None else {"after": str(after)})
        return await self.read(LogPageInfo, f"/mcp/logs/{job_id}", params)

    async def history(self, job_id: str, as_of: int | None = None) -> HistoryInfo:
        """The history of a job, up to a position when one is given."""
        return await self.read(
            HistoryInfo, f"/mcp/events/{job_id}", {} if as_of is None else {"as_of": str(as_of)}
        )

    async def models(self) -> ModelListInfo:
        """What can run."""
        return await self.read(ModelListInfo, "/mcp/models")

    async def workers(self) -> WorkerListInfo:
        """Where it runs."""
        return await self.read(WorkerListInfo, "/mcp/workers")

    async def generate(self, wish: VideoRequest, request_id: str) -> JobInfo:
        """Submit a video. The same request id twice makes one job."""
        answer = await self._send("POST", "/mcp/generate", json=wish.body() | {"request_id": request_id})
        return self._view(JobInfo, answer["job"])

    async def act(self, action: str, job_ids: Sequence[str], priority: str | None = None) -> list[str]:
        """Cancel, retry, reprioritize or erase jobs; the words of those that were refused."""
        body: dict[str, Any] = {"action": action, "job_ids": list(job_ids)}
        if priority is not None:
            body["priority"] = priority
        answer = await self._send("POST", "/mcp/bulk", json=body)
        refused = [result for result in answer["results"] if not result["ok"]]
        return [str((result.get("error") or {}).get("detail") or "refused") for result in refused]

    async def download(self, path: str, into: Path) -> AsyncIterator[tuple[int, int | None]]:
        """Save a file; tells the bytes so far, and of how many where that is known."""
        try:
            async with self._http.stream("GET", path) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise _refusal(answer)
                size = answer.headers.get("content-length")
                done = 0
                with into.open("wb") as file:
                    async for chunk in answer.aiter_bytes(1 << 16):
                        file.write(chunk)
                        done += len(chunk)
                        yield done, int(size) if size else None
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def read(
        self, view: type[V], path: str, params: dict[str, str] | None = None, seconds: float = TIMEOUT_SECONDS
    ) -> V:
        """GET a path as a view, read from the bytes that came: a page of jobs is large."""
        answer = await self._request("GET", path, params=params, timeout=seconds)
        try:
            return view.model_validate_json(answer.content)
        except ValidationError as error:
            raise self._stranger() from error

    async def refuses_strangers(self, path: str) -> bool:
        """Whether a GET of the path without a key is answered with a wish for one."""
        request = self._http.build_request("GET", path)
        request.headers.pop("Authorization", None)
        try:
            return (await self._http.send(request)).status_code == httpx.codes.UNAUTHORIZED
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _view(self, view: type[V], answer: Any) -> V:
        try:
            return view.model_validate(answer)
        except ValidationError as error:
            raise self._stranger() from error

    async def _send(self, method: str, path: str, **kwargs: Any) -> Any:
        answer = await self._request(method, path, **kwargs)
        try:
            return answer.json()
        except ValueError as error:
            raise self._stranger() from error

    async def _request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **kwargs)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error
        if answer.is_error:
            raise _refusal(answer)
        return answer

    def _stranger(self) -> GatewayFailure:
        return GatewayFailure(f"{self.url} answers, but not as kinolog does.", "Is the address right?")

    def _unreachable(self, error: Exception) -> GatewayFailure:
        why = str(error) or type(error).__name__
        return GatewayFailure(
            f"Cannot reach {self.url} ({why}).", "Start it with `kinolog up`, or change the server."
        )


def _refusal(answer: httpx.Response) -> GatewayFailure:
    """The problem in an answer, fields first."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    fields = [f"{v.get('field')}: {v.get('message')}" for v in problem.get("violations") or []]
    words = "; ".join(fields) or problem.get("detail") or problem.get("title") or f"HTTP {answer.status_code}"
    step = NEXT_STEPS.get(answer.status_code, "Change what is named and try again.")
    return GatewayFailure(str(words), step, answer.status_code, str(problem.get("reason") or ""))
