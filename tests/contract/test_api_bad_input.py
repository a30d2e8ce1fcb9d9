"""Invalid input to every method: the error names the field, nothing is stored, no log line has a prompt."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from kinolog_api.services import ANALYTICS_SERVICE, AUDIT_SERVICE, JOB_SERVICE, TICKET_SERVICE

from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import CATALOGUE, RunningApi, refused, running_api
from tests.contract.bad_requests import CASES, MALFORMED, OF_ONE_JOB, SECRET, UNKNOWN, scene, submit


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_wrong_fields_are_named(api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    """Each wrong field is INVALID_ARGUMENT with a violation that names it. Nothing is stored or logged."""
    caplog.set_level(logging.DEBUG)
    for name, request, field in CASES:
        problem = await refused(api.method(name)(request))
        context = (name, field, problem)
        assert problem.code is grpc.StatusCode.INVALID_ARGUMENT, context
        assert list(problem.fields) == [field], context
        assert problem.fields[field], context
        assert problem.domain == "kinolog", context
        assert problem.reason, context
        assert field in problem.message, context
        assert SECRET not in str(problem), context
    assert await api.store.last_position() == 0
    assert SECRET not in caplog.text


def test_every_method_of_one_job_is_listed() -> None:
    """`OF_ONE_JOB` has every method whose request has the id of a job."""
    of_one_job = {
        method.name
        for service in (JOB_SERVICE, ANALYTICS_SERVICE, AUDIT_SERVICE, TICKET_SERVICE)
        for method in service.methods
        if "job_id" in method.input_type.fields_by_name
    }
    assert of_one_job == {name for name, _ in OF_ONE_JOB}


async def test_malformed_job_ids_are_named(api: RunningApi) -> None:
    """Every method of one job refuses a malformed id. The error names the field and the format."""
    for name, request in OF_ONE_JOB:
        for job_id in MALFORMED:
            problem = await refused(api.method(name)(request(job_id=job_id)))
            assert problem.code is grpc.StatusCode.INVALID_ARGUMENT, (name, job_id, problem)
            assert problem.fields == {"job_id": "must be 26 lower-case letters and digits"}


async def test_unknown_jobs_are_not_found(api: RunningApi) -> None:
    """Every method of one job returns NOT_FOUND for an unknown id."""
    for name, request in OF_ONE_JOB:
        problem = await refused(api.method(name)(request(job_id=UNKNOWN)))
        assert problem.code is grpc.StatusCode.NOT_FOUND, (name, problem)
        assert (problem.reason, problem.metadata) == ("JOB_NOT_FOUND", {"job_id": UNKNOWN})


async def test_fields_of_a_later_version_are_refused(api: RunningApi) -> None:
    """Protobuf would ignore them, and the client would not get what it asked for. Each is named, at any depth."""
    later = b"\x9a\x7d\x01x"  # field 2003
    request = submit(prompt="", scenes=[scene()])
    for message in (request, request.scenes[0]):
        message.MergeFromString(later)
    problem = await refused(api.jobs.SubmitJob(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert set(problem.fields) == {"2003", "scenes[0].2003"}
    assert "a field that this version of the api does not have" in problem.message
    request.MergeFromString(later * 1_000)
    assert "4,008 bytes" in (await refused(api.jobs.SubmitJob(request))).message
    batch = pb.BatchSubmitJobsRequest(requests=[submit() for _ in range(250)])
    for one in batch.requests:
        one.MergeFromString(later)
    problem = await refused(api.jobs.BatchSubmitJobs(batch))  # an error with all of them would not arrive
    assert (problem.reason, next(iter(problem.fields))) == ("INVALID_FIELDS", "requests[0].2003")
    assert await api.store.last_position() == 0


async def test_several_wrong_fields_are_all_named(api: RunningApi) -> None:
    """One error names every wrong field and the allowed values."""
    request = submit(prompt="", fps=0, style="x" * 51, priority=99)
    problem = await refused(api.jobs.SubmitJob(request))
    assert set(problem.fields) == {"prompt", "fps", "style", "priority"}
    assert problem.fields["priority"] == "must be one of critical, high, medium, low"


async def test_errors_of_scenes_name_the_scene(api: RunningApi) -> None:
    """The text of an error says which scene is wrong, counted from 1, and what is allowed."""
    scenes = [scene(), scene(transition=99, seed=-1), scene(prompt=" ")]
    problem = await refused(api.jobs.SubmitJob(submit(scenes=scenes)))
    assert set(problem.fields) == {"scenes[1].transition", "scenes[1].seed", "scenes[2].prompt"}
    assert problem.fields["scenes[1].transition"] == "must be one of cut, fade, dissolve (scene 2)"
    assert problem.fields["scenes[2].prompt"].endswith("(scene 3)")
    short = await refused(api.jobs.SubmitJob(submit(scenes=[scene(duration_seconds=n / 2) for n in (4, 1)])))
    assert short.fields == {
        "scenes[1].duration_seconds": "must be at least 0.625: a scene has at least 5 frames, at 8 per second (scene 2)"
    }
    long = await refused(api.jobs.SubmitJob(submit(scenes=[scene(duration_seconds=n) for n in (40, 30)])))
    assert "last 70 s together" in long.fields["scenes"]
    assert "at most 480 frames, 60 s" in long.fields["scenes"]


async def test_errors_list_the_limits_of_the_model(api: RunningApi) -> None:
    """All exceeded limits of a model are refused together, with the allowed values."""
    request = submit(model="large", frames=82, steps=61, style="watercolor")
    problem = await refused(api.jobs.SubmitJob(request))
    assert problem.reason == "MODEL_LIMITS"
    assert set(problem.fields) == {"frames", "steps", "style"}
    assert "at most 81 frames" in problem.fields["frames"]
    assert "noir" in problem.fields["style"]
    unknown = await refused(api.jobs.SubmitJob(submit(model="x")))
    assert all(name in unknown.fields["model"] for name in CATALOGUE.names)


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"\x0a\xff", b"{}garbage"])
async def test_undecodable_bytes(api: RunningApi, raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Undecodable bytes are INVALID_ARGUMENT for every kind of method, without an error in the process log."""
    channel: Any = api.channel
    calls = [
        channel.unary_unary("/kinolog.v1.JobService/SubmitJob"),
        channel.unary_stream("/kinolog.v1.JobService/WatchJobs"),
        channel.unary_unary("/kinolog.v1.AuditService/VerifyJob"),
    ]
    for call in calls:
        problem = await refused(call(raw))
        assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_text_that_is_not_utf8(api: RunningApi) -> None:
    """A prompt that is not UTF-8 is a malformed message."""
    channel: Any = api.channel
    problem = await refused(channel.unary_unary("/kinolog.v1.JobService/SubmitJob")(b"\x0a\x02\xc3\x28"))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")


async def test_positions_that_the_log_has_not_reached(api: RunningApi) -> None:
    """A position after the end of the log is OUT_OF_RANGE immediately, without a wait."""
    job_id = await api.submit()
    for position in (2, 2**64 - 1):
        for call in (
            api.jobs.ListJobs(pb.ListJobsRequest(min_position=position)),
            api.jobs.SummarizeJobs(pb.SummarizeJobsRequest(min_position=position)),
            api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=position)),
            api.jobs.WatchJobs(pb.WatchJobsRequest(after=position)),
            api.audit.ReplayLog(au.ReplayLogRequest(after=position)),
        ):
            problem = await refused(call)
            assert (problem.code, problem.reason) == (grpc.StatusCode.OUT_OF_RANGE, "POSITION_AHEAD")
            assert problem.metadata == {"last_position": "1"}


async def test_an_unknown_method(api: RunningApi) -> None:
    """An unknown method is UNIMPLEMENTED."""
    channel: Any = api.channel
    problem = await refused(channel.unary_unary("/kinolog.v1.JobService/DropJobs")(b""))
    assert problem.code is grpc.StatusCode.UNIMPLEMENTED
