"""The api process over a real nats-server and Postgres, with a real projector."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kinolog.adapters.jetstream.subjects import Service
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import audit_service_pb2_grpc, job_pb2, job_service_pb2_grpc
from kinolog.v1 import job_service_pb2 as pb
from kinolog_stack.processes.service_process import ServiceProcess
from tests.builders.running_api import collected, refused
from tests.fixtures.programs import started
from tests.fixtures.waits import until
from tests.integration.service_site import SECONDS, Site

PROMPT = "a heron named Quillfeather stands in a pond"


@pytest.fixture
def projector(site: Site) -> Iterator[ServiceProcess]:
    """A running projector."""
    with started(site.process("projector", Service.PROJECTOR, "kinolog_projector")) as process:
        yield process


@pytest.fixture
async def channel(api: ServiceProcess) -> AsyncIterator[aio.Channel]:
    """A channel to the api."""
    async with aio.insecure_channel(api.announced["target"]) as channel:
        yield channel


def jobs_of(channel: aio.Channel) -> job_service_pb2_grpc.JobServiceAsyncStub:
    """A client of JobService."""
    return job_service_pb2_grpc.JobServiceStub(channel)


async def is_serving(channel: aio.Channel) -> bool:
    """Return whether the api is SERVING."""
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    except aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_a_job_through_log_and_database(
    site: Site, projector: ServiceProcess, channel: aio.Channel
) -> None:
    """A job is submitted, listed at the position of its write, watched, cancelled, verified and erased."""
    jobs = jobs_of(channel)
    stream = jobs.WatchJobs(pb.WatchJobsRequest(after=0))
    submitted = await jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT, request_id="r1"), timeout=SECONDS)
    (message,) = await collected(stream, 1)
    assert (message.job.id, message.job.spec.prompt) == (submitted.job.id, PROMPT)
    again = await jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT, request_id="r1"), timeout=SECONDS)
    assert (again.created, again.job.spec) == (False, submitted.job.spec)
    listing = pb.ListJobsRequest(min_position=submitted.position, filter=job_pb2.JobFilter(text="heron"))
    page = await jobs.ListJobs(listing, timeout=SECONDS)
    assert [job.spec.prompt for job in page.jobs] == [PROMPT]
    job_id = submitted.job.id
    found = await jobs.GetJob(pb.GetJobRequest(job_id=job_id), timeout=SECONDS)
    assert found.job.queue_position == 0
    cancelled = await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id), timeout=SECONDS)
    counted = await jobs.SummarizeJobs(
        pb.SummarizeJobsRequest(min_position=cancelled.position), timeout=SECONDS
    )
    assert (counted.total, counted.cancelled) == (1, 1)
    audit = audit_service_pb2_grpc.AuditServiceStub(channel)
    verdict = await audit.VerifyJob(au.VerifyJobRequest(job_id=job_id), timeout=SECONDS)
    assert verdict.valid, verdict
    erased = await jobs.EraseJob(pb.EraseJobRequest(job_id=job_id), timeout=SECONDS)
    assert erased.job.spec.prompt == ""
    listing = pb.ListJobsRequest(min_position=erased.position)
    assert [job.spec.prompt for job in (await jobs.ListJobs(listing, timeout=SECONDS)).jobs] == [""]
    stream.cancel()
    assert "Quillfeather" not in site.log("api")


async def test_a_batch_in_the_log(channel: aio.Channel) -> None:
    """A large batch is stored durably, every job once, and can be read back."""
    requests = [pb.SubmitJobRequest(prompt=f"frame {n}", request_id=f"r{n}") for n in range(600)]
    batch = pb.BatchSubmitJobsRequest(requests=requests)
    first = await jobs_of(channel).BatchSubmitJobs(batch, timeout=SECONDS)
    again = await jobs_of(channel).BatchSubmitJobs(batch, timeout=SECONDS)
    assert all(result.created for result in first.results)
    assert not any(result.created for result in again.results)
    assert sorted(result.position for result in first.results) == list(range(1, 601))
    last = await jobs_of(channel).GetJob(pb.GetJobRequest(job_id=first.results[-1].job_id), timeout=SECONDS)
    assert last.job.spec.prompt == "frame 599"


async def test_the_log_server_restarts(site: Site, projector: ServiceProcess, channel: aio.Channel) -> None:
    """While nats-server is down the api is NOT_SERVING. Afterwards writes and open streams continue."""
    jobs = jobs_of(channel)
    first = await jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT), timeout=SECONDS)
    stream = jobs.WatchJobs(pb.WatchJobsRequest(after=first.position))
    site.nats.kill()

    async def not_serving() -> bool:
        return not await is_serving(channel)

    await until(not_serving)
    site.nats.start()
    second = await jobs.SubmitJob(pb.SubmitJobRequest(prompt="again"), timeout=SECONDS)
    (message,) = await collected(stream, 1)
    assert (message.position, message.job.id) == (second.position, second.job.id)
    await until(lambda: is_serving(channel))
    stream.cancel()


async def test_killed_between_two_calls(site: Site, api: ServiceProcess) -> None:
    """A restarted api has every acknowledged job, and a stream resumes without a gap."""
    async with aio.insecure_channel(api.announced["target"]) as channel:
        positions = []
        for number in range(5):
            request = pb.SubmitJobRequest(prompt=f"job {number}")
            positions.append((await jobs_of(channel).SubmitJob(request, timeout=SECONDS)).position)
        stream = jobs_of(channel).WatchJobs(pb.WatchJobsRequest(after=0))
        seen = [message.position for message in await collected(stream, 2)]
        assert api.child is not None
        api.child.kill()
        with pytest.raises(aio.AioRpcError, match="UNAVAILABLE"):
            await collected(stream, 100)
    api.start()
    async with aio.insecure_channel(api.announced["target"]) as channel:
        stream = jobs_of(channel).WatchJobs(pb.WatchJobsRequest(after=seen[-1]))
        seen += [message.position for message in await collected(stream, 3)]
        stream.cancel()
    assert seen == positions


async def test_stopping_ends_streams_and_the_process(api: ServiceProcess) -> None:
    """On SIGTERM open streams end with UNAVAILABLE and the process exits with status 0 in time."""
    async with aio.insecure_channel(api.announced["target"]) as channel:
        stream: Any = jobs_of(channel).WatchJobs(pb.WatchJobsRequest())
        reading = asyncio.create_task(refused(stream))
        await jobs_of(channel).ListModels(pb.ListModelsRequest(), timeout=SECONDS)
        assert api.child is not None
        process = api.child.process
        process.terminate()
        assert (await reading).code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert await asyncio.to_thread(process.wait, SECONDS) == 0


def cannot_start(env: dict[str, str]) -> str:
    """Return the error message of an api that cannot start."""
    command = [sys.executable, "-m", "kinolog_api"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


def test_failed_starts(site: Site, api: ServiceProcess, tmp_path: Path) -> None:
    """A failed start prints one line with the cause and the setting, and exits with status 2."""
    taken = tmp_path / "file"
    taken.write_text("")
    port = api.announced["target"].rpartition(":")[2]
    for named, setting, value in (
        ("KINOLOG_API_PORT", "KINOLOG_API_PORT", port),
        ("KINOLOG_API_KEY_FILE", "KINOLOG_API_HOST", "0.0.0.0"),
        ("KINOLOG_API_PORT", "KINOLOG_API_PORT", "70000"),
        ("missing.toml", "KINOLOG_CATALOGUE", str(tmp_path / "missing.toml")),
        ("KINOLOG_ARTIFACTS_URL", "KINOLOG_ARTIFACTS_URL", (taken / "x").as_uri()),
        ("NATS", "KINOLOG_NATS_PASSWORD", "wrong"),
    ):
        assert named in cannot_start(site.env(Service.API, **{setting: value}))


def test_health_from_outside(site: Site, api: ServiceProcess) -> None:
    """The exit status of `python -m kinolog_api.health` is 0 only if all services are SERVING."""
    program = [sys.executable, "-m", "kinolog_api.health"]
    serving = subprocess.run([*program, api.announced["target"]], check=False)
    assert serving.returncode == 0
    dead = subprocess.run([*program, "127.0.0.1:1"], capture_output=True, text=True, check=False)
    assert dead.returncode == 1
    assert "does not answer" in dead.stderr
