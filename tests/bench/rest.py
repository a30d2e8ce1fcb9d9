"""Submitting and reading a job over REST, against gRPC directly: the price of the gateway."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import uvloop

from kinolog.v1 import job_service_pb2 as pb
from tests.bench import site
from tests.bench.calls import job_service, seconds_of, submission
from tests.bench.figures import Figure, Result, percentile
from tests.fuzz.http import RawHttp


def measure(quick: bool) -> Result:
    """Measure single calls in turn: REST, then gRPC."""
    with site.running({"projector", "api", "gateway"}) as stack:
        figures = uvloop.run(
            _figures(stack.addresses["gateway"], stack.addresses["api"], 50 if quick else 500)
        )
    note = "one call at a time, REST and gRPC in turn, each on one connection; the floor is gRPC directly"
    return Result("rest", site.STREAM_DURABILITY, figures, (note,))


async def _figures(gateway: str, api: str, calls: int) -> tuple[Figure, ...]:
    http = RawHttp(gateway)
    async with job_service(api) as stub:
        job_id = (await stub.SubmitJob(submission())).job.id

        async def submit_over_rest() -> None:
            request = submission()
            body = {"prompt": request.prompt, "model": request.model, "request_id": request.request_id}
            await _expect(http, "POST", "/api/v1/generate", json.dumps(body).encode(), 202)

        async def submit_over_grpc() -> None:
            await stub.SubmitJob(submission())

        async def status_over_rest() -> None:
            await _expect(http, "GET", f"/api/v1/status/{job_id}", b"", 200)

        async def status_over_grpc() -> None:
            await stub.GetJob(pb.GetJobRequest(job_id=job_id))

        submits = await _in_turn(submit_over_rest, submit_over_grpc, calls)
        reads = await _in_turn(status_over_rest, status_over_grpc, calls)
    http.close()
    return tuple(
        _figure(f"{name}, p{share:.0%}".rstrip("%"), taken, share)
        for name, taken in (("submit", submits), ("status", reads))
        for share in (0.5, 0.99)
    )


async def _expect(http: RawHttp, method: str, path: str, body: bytes, status: int) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: {http.host}\r\nContent-Type: application/json\r\n"
    answer = await http.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, method)
    if answer is None or answer.status != status:
        raise RuntimeError(f"{method} {path}: {answer}")


async def _in_turn(
    rest: Callable[[], Awaitable[None]], direct: Callable[[], Awaitable[None]], calls: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of calls over REST and of those over gRPC, after a warm-up of both."""
    for _ in range(20):
        await rest()
        await direct()
    taken = [(await seconds_of(rest), await seconds_of(direct)) for _ in range(calls)]
    return [each[0] for each in taken], [each[1] for each in taken]


def _figure(name: str, taken: tuple[list[float], list[float]], share: float) -> Figure:
    rest, direct = (1_000 * percentile(side, share) for side in taken)
    return Figure(name, "ms", rest, direct, rest / direct)
