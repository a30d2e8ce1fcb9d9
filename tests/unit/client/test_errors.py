"""What a client raises: refusals by their status, no answer, and an answer of another form."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from kinolog_client import (
    AsyncKinologClient,
    Conflict,
    GatewayUnreachable,
    InvalidRequest,
    JobSelection,
    NotFound,
    ProblemError,
    ServerError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
)
from kinolog_client.errors import Forbidden, problem_error
from kinolog_client.http.operation import HttpAnswer
from kinolog_client.operations.job_operations import status
from kinolog_stack.tcp_ports import free_port
from tests.fixtures.unreliable_network import UnreliableNetwork
from tests.unit.client.canned_server import canned_server
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.recording_api import RecordingApi, Refusal

KEY = "a-key-of-some-length"


async def test_a_wrong_field_is_named(client: EitherClient) -> None:
    """An invalid request raises the violations as the gateway spells them."""
    with pytest.raises(InvalidRequest) as raised:
        await client.call("generate", "", duration=-1)
    assert (raised.value.status, raised.value.reason) == (400, "INVALID_FIELDS")
    assert {violation.field for violation in raised.value.violations} == {"prompt", "duration"}
    assert raised.value.detail == str(raised.value)
    assert raised.value.problem["type"] == "urn:kinolog:problem:invalid-fields"
    with pytest.raises(InvalidRequest, match="job_id"):
        await client.call("status", "not-an-id")
    with pytest.raises(NotFound, match="no such route"):  # and not another route
        await client.call("status", "../../health")


async def test_missing_jobs_and_wrong_states(client: EitherClient, api: RecordingApi) -> None:
    """A job that is not there and one that is not completed have errors of their own."""
    with pytest.raises(NotFound) as raised:
        await client.call("status", "z" * 26)
    assert raised.value.reason == "JOB_NOT_FOUND"
    with pytest.raises(Conflict) as refused:
        await client.call("result", api.add_job().id)
    assert refused.value.reason == "NOT_COMPLETED"


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_a_request_that_came_too_early_is_sent_again(flavour: str) -> None:
    """It is sent again after the time that the answer states, and no more often than other requests."""
    for refusals, retries, is_answered in ((2, 2, True), (2, 1, False)):
        async with canned_server(200, b'{"models": []}', refusals, Content_Type="application/json") as url:
            either = EitherClient(flavour, url, retries=retries)
            if is_answered:
                assert not (await either.call("models")).models
            else:
                with pytest.raises(TooManyRequests):
                    await either.call("models")
            await either.close()


async def test_errors_of_the_services_behind_it(client: EitherClient, api: RecordingApi) -> None:
    """The error of an overload has the time to try again; an api that is away is unavailable."""
    busy = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", "too many jobs wait")
    api.failures["SubmitJob"] = busy
    async with AsyncKinologClient(client.client.url, retries=0) as once:
        with pytest.raises(TooManyRequests) as raised:
            await once.generate("x")
    assert (raised.value.reason, raised.value.retry_after_seconds) == ("QUEUE_FULL", 1.0)
    api.failures["GetJob"] = Refusal(grpc.StatusCode.INTERNAL, "BROKEN", "it is broken")
    with pytest.raises(ServerError):
        await client.call("status", "z" * 26)
    await api.stop()
    with pytest.raises(ServiceUnavailable):
        await client.call("jobs")


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_keys(flavour: str, tmp_path: Path, api: RecordingApi) -> None:
    """A key is presented with every request; without one, or with a wrong one, the gateway refuses."""
    file = tmp_path / "keys"
    file.write_text(f"{KEY} default\n")
    async with running_gateway(api.target, file) as gateway:
        for key in (None, "a-wrong-key-of-some-length"):
            unknown = EitherClient(flavour, gateway.url, key)
            with pytest.raises(Unauthorized):
                await unknown.call("jobs")
            with pytest.raises(Unauthorized):
                await unknown.items("watch")
            await unknown.close()
        known = EitherClient(flavour, gateway.url, KEY)
        job = api.add_job()
        assert await known.call("requires_key") is True
        assert (await known.call("jobs")).total == 1
        async for update in known.each("watch"):
            assert update.counts.total == 1
            break
        api.commit(job, "cancelled")
        await known.close()


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_no_answer(flavour: str) -> None:
    """An address where nothing listens is named with what to do."""
    url = f"http://127.0.0.1:{free_port()}"
    lost = EitherClient(flavour, url, retries=0)
    with pytest.raises(GatewayUnreachable, match="kinolog up") as raised:
        await lost.call("jobs", JobSelection())
    assert (raised.value.status, raised.value.not_running) == (None, True)
    assert url in str(raised.value)
    with pytest.raises(GatewayUnreachable):
        await lost.items("watch", "z" * 26)
    await lost.close()


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_a_gateway_that_hangs_is_not_to_be_started(flavour: str, tmp_path: Path) -> None:
    """The text of a timeout has the time that ran out; only a refused connection here asks for a start."""
    async with canned_server(0, b"") as url:
        slow = EitherClient(flavour, url, retries=0, timeout_seconds=0.2)
        for method, arguments in (("jobs", ()), ("download", ("a" * 26, tmp_path / "v"))):
            with pytest.raises(GatewayUnreachable, match=r"did not answer within 0\.2 s") as raised:
                await slow.call(method, *arguments)
            assert "kinolog up" not in str(raised.value)
        await slow.close()
    for url in ("http://no.such.host.invalid", f"http://127.0.0.1.invalid:{free_port()}"):
        away = EitherClient(flavour, url, retries=0, trust_env=False)
        with pytest.raises(GatewayUnreachable, match="check the address") as raised:
            await away.call("jobs")
        assert "kinolog up" not in str(raised.value)
        await away.close()


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_a_page_of_another_server_is_no_yes(flavour: str) -> None:
    """An HTML page is neither readiness, nor a demand for a key, nor a permission without one."""
    for code, methods in (
        (200, ("ready", "requires_key")),
        (401, ("requires_key",)),
        (404, ("requires_key",)),
    ):
        async with canned_server(code, b"<html>", Content_Type="text/html") as url:
            other = EitherClient(flavour, url, retries=0)
            for method in methods:
                with pytest.raises(UnexpectedAnswer):
                    await other.call(method)
            await other.close()


async def test_a_command_has_one_effect_however_often_it_is_sent(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi
) -> None:
    """The answer to a command is lost: it is sent again with the same request id."""
    network.cuts = [0]
    done = await distant.call("generate", "x")
    first, second = api.requests("SubmitJob")
    assert first.request_id == second.request_id
    assert (done.created, len(api.jobs)) == (False, 1)


async def test_what_must_not_be_repeated_is_not(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi
) -> None:
    """The answer to a bulk command is lost: it is not sent again, for it has no request id."""
    job = api.add_job()
    network.cuts = [0]
    with pytest.raises(GatewayUnreachable):
        await distant.call("bulk", "cancel", [job.id])
    assert len(api.requests("BulkCancelJobs")) == 1


def test_statuses_have_their_errors() -> None:
    """Every status of an error has a class, with a text whatever the body is."""
    expected: dict[int, type[ProblemError]] = {
        403: Forbidden,
        405: NotFound,
        413: InvalidRequest,
        418: ProblemError,
        500: ServerError,
        501: ServerError,
        504: ServiceUnavailable,
    }
    for code, kind in expected.items():
        for body in (b"", b"[1]", b'{"violations": [7], "detail": null}'):
            error = problem_error(code, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, body)
            assert type(error) is kind
            assert (str(error), error.violations, error.retry_after_seconds) == (f"HTTP {code}", (), None)


def test_an_answer_of_another_form_says_where() -> None:
    """A missing fact is named by its place; unknown fields are stored for `to_json`."""
    with pytest.raises(UnexpectedAnswer, match=r"GET /api/v1/status/a: created_at: Field required"):
        status("a").result(
            "http://x", HttpAnswer(200, {}, b'{"job_id": "a", "status": "x", "priority": "y"}')
        )
    with pytest.raises(UnexpectedAnswer, match="not as kinolog does"):
        status("a").result("http://x", HttpAnswer(200, {}, b"<html>"))
    body = (
        b'{"job_id": "a", "status": "sleeping", "priority": "y", "created_at": "2026-11-22T15:00:00Z", '
        b'"updated_at": "2026-11-22T15:00:00Z", "colour": "red"}'
    )
    job = status("a").result("http://x", HttpAnswer(200, {}, body))
    assert (job.status, job.percent, job.stages) == ("sleeping", 0.0, ())
    assert job.to_json()["colour"] == "red"
