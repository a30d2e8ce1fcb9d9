"""Each service can do its work on the log with its own NATS user, and nothing else; violations are logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.streams import STREAMS_OF, check_streams
from kinolog.adapters.jetstream.subjects import KEYS_STREAM, Service, inbox_prefix
from kinolog.ports.event_store import LogUnavailable
from kinolog.privacy.sealer import new_key
from kinolog.process.settings import LogSettings
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.log import (
    all_of,
    connected,
    empty_streams,
    given_job,
    given_jobs,
    job_name,
    open_stores,
    settings_of,
)
from tests.fixtures.waits import WAIT_SECONDS


class ErrorLog(logging.Handler):
    """The logged errors, with a wait for one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.put_nowait(record.getMessage())


@pytest.fixture
async def errors() -> AsyncIterator[ErrorLog]:
    """The errors that the connection logs."""
    handler = ErrorLog()
    logger = logging.getLogger("kinolog.adapters.jetstream.client.connection")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


SERVICES = [Service.API, Service.PROJECTOR, Service.WORKER]


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_can_use_the_log(
    own_nats_server: NatsServer, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Appending, loading, reading, following and checking the streams work with the permissions of each service."""
    await empty_streams(own_nats_server)
    async with connected(own_nats_server, service) as client:
        await check_streams(client, 1, STREAMS_OF[service])
    async with open_stores(own_nats_server, service) as stores:
        job_id = await given_job(stores.log, commits=3)
        await given_jobs(stores.log, 40)
        assert await stores.log.load(job_id) is not None
        assert len([recorded async for recorded in stores.log.history(job_id)]) == 3
        assert len(await all_of(stores.log.read(0))) == 43
        assert len(await anext(aiter(stores.log.follow(3)))) == 40
        if service is not Service.WORKER:
            assert await stores.keys.get_many([job_id]) == {}
            assert await stores.keys.get(job_id) is None
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_only_the_api_creates_and_erases_keys(
    own_nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The projector reads keys; its attempts to create or erase one fail."""
    await empty_streams(own_nats_server)
    job_id, key = job_name(), new_key()
    async with (
        open_stores(own_nats_server, Service.API) as api,
        open_stores(own_nats_server, Service.PROJECTOR, retry_timeout_seconds=0.1) as other,
    ):
        await api.keys.create({job_id: key})
        assert await other.keys.get(job_id) == key
        answers = await asyncio.gather(
            other.keys.create({job_name(): key}), other.keys.erase(job_id), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [LogUnavailable] * 2
        assert await api.keys.get(job_id) == key
    assert "permissions violation" in caplog.text
    assert key.hex() not in caplog.text


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "subject",
    [
        "$JS.API.STREAM.DELETE.EVENTS",
        "$JS.API.STREAM.UPDATE.EVENTS",
        "$JS.API.STREAM.PURGE.EVENTS",
        "$JS.API.STREAM.MSG.DELETE.EVENTS",
        "$JS.API.STREAM.CREATE.OTHER",
        "$JS.API.STREAM.SNAPSHOT.EVENTS",
        "live.evt.job.forged",
        "live.access.key.forged",
        f"{inbox_prefix(Service.ADMIN)}.forged",
    ],
)
async def test_only_the_administrator_may_change_the_log(
    nats_server: NatsServer, service: Service, subject: str, errors: ErrorLog
) -> None:
    """A service that tries an administrator's request is refused, and the refusal is logged as an error."""
    async with connected(nats_server, service) as client:
        await client.publish(subject, b"{}")
        async with asyncio.timeout(WAIT_SECONDS):
            error = await errors.messages.get()
    assert subject.lower() in error
    assert service.value in error


@pytest.mark.parametrize(
    ("service", "subject"),
    [
        (Service.PROJECTOR, "access.key.abcdefghijkl"),
        (Service.PROJECTOR, "access.key.queue-all"),
        (Service.WORKER, "access.key.verifications"),
    ],
)
async def test_facts_are_stored_by_those_who_decide_them(
    nats_server: NatsServer, service: Service, subject: str, errors: ErrorLog
) -> None:
    """The projector stores the results of its comparisons, and no fact about a key or a pause."""
    async with connected(nats_server, service) as client:
        await client.publish(subject, b"{}")
        async with asyncio.timeout(WAIT_SECONDS):
            assert subject in await errors.messages.get()


@pytest.mark.parametrize("request_of", ["DIRECT.GET", "STREAM.MSG.GET", "CONSUMER.CREATE", "STREAM.INFO"])
async def test_workers_do_not_read_the_bucket_of_keys(
    nats_server: NatsServer, request_of: str, errors: ErrorLog
) -> None:
    """Neither one key nor all: a worker asks for the key of a job that it may render."""
    async with connected(nats_server, Service.WORKER) as client:
        await client.publish(f"$JS.API.{request_of}.{KEYS_STREAM}", b"{}")
        async with asyncio.timeout(WAIT_SECONDS):
            assert "permissions violation" in await errors.messages.get()


async def test_no_service_receives_the_replies_to_another(nats_server: NatsServer, errors: ErrorLog) -> None:
    """Subscribing to another service's inbox is refused."""
    async with connected(nats_server, Service.WORKER) as client:
        await client.subscribe(f"{inbox_prefix(Service.API)}.>")
        async with asyncio.timeout(WAIT_SECONDS):
            assert "permissions violation for subscription" in await errors.messages.get()


async def test_a_wrong_password_is_reported_at_once(own_nats_server: NatsServer) -> None:
    """A user that the server refuses gets an error that names the user and no password."""
    settings = LogSettings.model_validate(
        settings_of(own_nats_server, Service.API).model_dump() | {"nats_password": "guessed"}
    )
    with pytest.raises(LogUnavailable, match=r"as api.*Authorization") as refused:
        await connect(settings, Service.API)
    assert "guessed" not in str(refused.value)


async def test_an_unreachable_server_is_reported_in_time() -> None:
    """Connecting fails if no server answers in the given time."""
    settings = LogSettings.model_validate({"nats_url": "nats://127.0.0.1:1"})
    with pytest.raises(LogUnavailable, match=r"no answer in 0.2 s"):
        await connect(settings, Service.API, connect_seconds=0.2)
