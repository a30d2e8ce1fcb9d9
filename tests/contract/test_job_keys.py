"""How workers get the keys of jobs: one at a time, of jobs that have not ended, and for themselves alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from kinolog.adapters.jetstream import key_requests, subjects
from kinolog.adapters.jetstream.key_requests import API_SUBSCRIPTIONS, KeyRequests, RequestedJobKeys
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.subjects import Service, inbox_prefix
from kinolog.job.commands import Prefetch
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.keys import JobKeys
from kinolog.privacy.job_keys import StoredJobKeys
from kinolog.privacy.key_envelope import EnvelopeReceiver, EnvelopeUnreadable, envelope_for
from kinolog.v1 import key_request_pb2 as pb
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.job_keys import MemoryJobKeys
from tests.adapters.memory.keys import MemoryKeyStore
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.log import connected, empty_streams, first_commit
from tests.fixtures.waits import WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class KeysCase:
    """Jobs, and their keys as two workers get them."""

    jobs: MemoryJobs
    keys: JobKeys
    others: JobKeys

    async def started(self, *, by: JobKeys | None = None) -> str:
        """A job that a worker runs: the first one, if no other is named."""
        job_id = await self.jobs.submit()
        await self.jobs.start(job_id, worker_key=(by or self.keys).public_key)
        return job_id


@pytest.fixture(params=["stored", "requested"])
async def case(request: pytest.FixtureRequest, nats_server: NatsServer) -> AsyncIterator[KeysCase]:
    """Each way in which the keys of jobs are got."""
    jobs = MemoryJobs()
    stored = StoredJobKeys(jobs.store, jobs.keys)
    if request.param == "stored":
        yield KeysCase(jobs, MemoryJobKeys(stored), MemoryJobKeys(stored, b"another worker"))
        return
    async with AsyncExitStack() as stack:
        answering = KeyRequests(await stack.enter_async_context(connected(nats_server, Service.API)), stored)
        await answering.open()
        stack.push_async_callback(answering.close)
        worker = await stack.enter_async_context(connected(nats_server, Service.WORKER))
        yield KeysCase(jobs, RequestedJobKeys(worker), RequestedJobKeys(worker))


async def test_the_key_of_a_job_that_a_worker_runs(case: KeysCase) -> None:
    """The worker of an attempt gets the key, as often as it asks. A key that is not stored is none."""
    running, lost = await case.started(), await case.started()
    for _ in range(2):
        assert await case.keys.of_attempt(running, 1) == await case.jobs.keys.get(running)
    assert await case.keys.is_stored(lost)
    await case.jobs.keys.discard([lost])
    assert not await case.keys.is_stored(lost)
    assert await case.keys.of_attempt(lost, 1) is None


async def test_a_worker_without_the_lease_gets_no_key(case: KeysCase) -> None:
    """The log says who runs which attempt: no other worker, no other attempt, and none of a job that waits."""
    queued, running = await case.jobs.submit(), await case.started()
    unnamed = await case.jobs.submit()
    await case.jobs.start(unnamed, worker_key=b"")
    refused = [
        (case.others, running, 1),
        (case.keys, running, 2),
        (case.keys, queued, 0),
        (case.keys, unnamed, 1),
    ]
    for keys, job_id, attempt in refused:
        with pytest.raises(LogUnavailable, match="no key is given"):
            await keys.of_attempt(job_id, attempt)
    await case.jobs.start(running, "worker-2", worker_key=case.others.public_key)
    assert await case.others.of_attempt(running, 2) == await case.jobs.keys.get(running)
    with pytest.raises(LogUnavailable, match="no key is given"):
        await case.keys.of_attempt(running, 1)


async def test_a_prefetch_has_the_key_while_it_is_requested(case: KeysCase) -> None:
    """No attempt runs: the key is given while the log has the request of the client."""
    job_id = await case.jobs.submit()
    with pytest.raises(LogUnavailable, match="no key is given"):
        await case.keys.of_prefetch(job_id)
    await case.jobs.send(job_id, Prefetch(id="request", actor="client"))
    assert await case.keys.of_prefetch(job_id) == await case.jobs.keys.get(job_id)
    await case.jobs.start(job_id, worker_key=case.keys.public_key)
    with pytest.raises(LogUnavailable, match="no key is given"):
        await case.others.of_prefetch(job_id)


async def test_no_other_key(case: KeysCase) -> None:
    """Keys of ended and erased jobs, and stored secrets that belong to no job, are given to nobody."""
    ended, erased = await case.jobs.submit(), await case.jobs.submit()
    for job_id in (ended, erased):
        await case.jobs.complete(job_id)
    await case.jobs.erase(erased)
    await case.jobs.keys.create({"master-key": bytes(32), "ticket": bytes(32)})
    for name in (ended, erased, "nobody", "master-key", "ticket"):
        for asked in (case.keys.is_stored(name), case.keys.of_attempt(name, 1), case.keys.of_prefetch(name)):
            with pytest.raises(LogUnavailable, match="no worker needs its key"):
                await asked


async def test_no_other_worker_reads_the_answer(nats_server: NatsServer) -> None:
    """All workers are one user of NATS. Who listens to their inboxes gets the answer encrypted."""
    jobs = MemoryJobs()
    job_id = await jobs.submit()
    key = await jobs.keys.get(job_id)
    async with (
        connected(nats_server, Service.PROJECTOR) as projector,
        connected(nats_server, Service.WORKER) as worker,
        connected(nats_server, Service.WORKER) as listener,
    ):
        answering = KeyRequests(projector, StoredJobKeys(jobs.store, jobs.keys))
        await answering.open()
        await projector.flush()
        heard = await listener.subscribe(f"{inbox_prefix(Service.WORKER)}.>")
        await listener.flush()
        keys = RequestedJobKeys(worker)
        await jobs.start(job_id, worker_key=keys.public_key)
        assert await keys.of_attempt(job_id, 1) == key
        message = await heard.next_msg(timeout=WAIT_SECONDS)
        response = pb.KeyResponse.FromString(message.data)
        assert key is not None
        assert key not in message.data
        with pytest.raises(EnvelopeUnreadable):
            EnvelopeReceiver().read(response.encrypted_key, job_id)
        answer = await worker.request(subjects.KEY_REQUESTS, b"\xff nonsense", timeout=WAIT_SECONDS)
        assert "no request" in pb.KeyResponse.FromString(answer.data).problem
        unknown: tuple[Any, ...] = (pb.KEY_PURPOSE_UNSPECIFIED, 9)
        for purpose in unknown:
            request = pb.KeyRequest(job_id=job_id, public_key=keys.public_key, attempt=1, purpose=purpose)
            answer = await worker.request(
                subjects.KEY_REQUESTS, request.SerializeToString(), timeout=WAIT_SECONDS
            )
            assert "another version" in pb.KeyResponse.FromString(answer.data).problem
        await answering.close()


async def test_a_worker_does_not_write_by_what_is_answered(nats_server: NatsServer) -> None:
    """A request whose answer would go to a stream, or change one, has none. Names that are no job's find none."""
    await empty_streams(nats_server, [subjects.EVENTS])
    async with (
        connected(nats_server, Service.API) as api,
        connected(nats_server, Service.WORKER) as worker,
        connected(nats_server, Service.ADMIN) as admin,
    ):
        store = JetStreamEventStore(api)
        await store.append(first_commit("a" * 26))
        answering = KeyRequests(api, StoredJobKeys(store, MemoryKeyStore()))
        await answering.open()
        await api.flush()
        heard = [await admin.subscribe(subject) for subject in ("access.>", "$KV.>", "$JS.API.STREAM.>")]
        await admin.flush()
        for reply in ("access.key.stolen", "$KV.kinolog-keys.stolen", "$JS.API.STREAM.PURGE.EVENTS"):
            await worker.publish(subjects.KEY_REQUESTS, b"\xff", reply=reply)
        for name in ("*", ">", "no job"):
            request = pb.KeyRequest(job_id=name, purpose=pb.KEY_PURPOSE_CHECK)
            answer = await worker.request(
                subjects.KEY_REQUESTS, request.SerializeToString(), timeout=WAIT_SECONDS
            )
            assert pb.KeyResponse.FromString(answer.data).problem
        await admin.flush()
        assert not any(subscription.pending_msgs for subscription in heard)
        await answering.close()
        await store.close()


async def test_without_api_and_projector_the_job_waits(nats_server: NatsServer) -> None:
    """Nobody answers: the worker learns that, and tries the job again later."""
    async with connected(nats_server, Service.WORKER) as worker:
        with pytest.raises(LogUnavailable, match="no api and no projector answers"):
            await RequestedJobKeys(worker, retry_timeout_seconds=0.1).is_stored("a" * 26)


def test_an_envelope_is_for_one_job() -> None:
    """The key of another job cannot be passed off as that of this one."""
    receiver = EnvelopeReceiver()
    envelope = envelope_for(receiver.public_key, b"key", "one")
    assert receiver.read(envelope, "one") == b"key"
    for changed, job_id in ((envelope, "other"), (envelope[:-1], "one"), (b"", "one")):
        with pytest.raises(EnvelopeUnreadable):
            receiver.read(changed, job_id)


async def test_who_has_more_subscriptions_answers_more_often(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request has one answer, whoever gives it. Who closed answers no more."""
    monkeypatch.setattr(key_requests, "ANSWER_SECONDS", WAIT_SECONDS)  # none is sent again
    jobs = MemoryJobs()
    job_id = await jobs.submit()
    async with (
        connected(nats_server, Service.API) as api,
        connected(nats_server, Service.PROJECTOR) as projector,
        connected(nats_server, Service.WORKER) as worker,
    ):
        often, seldom = CountedJobKeys(jobs.store, jobs.keys), CountedJobKeys(jobs.store, jobs.keys)
        answering = KeyRequests(api, often, API_SUBSCRIPTIONS), KeyRequests(projector, seldom)
        for each, client in zip(answering, (api, projector), strict=True):
            await each.open()
            await client.flush()
        keys = RequestedJobKeys(worker)
        for _ in range(100):
            assert await keys.is_stored(job_id)
        assert often.count + seldom.count == 100
        assert often.count > seldom.count
        await answering[0].close()
        await api.flush()
        before = often.count
        for _ in range(20):
            assert await keys.is_stored(job_id)
        assert often.count == before
        await answering[1].close()


class CountedJobKeys(StoredJobKeys):
    """Counts the requests."""

    count = 0

    async def is_stored(self, job_id: str) -> bool:
        self.count += 1
        return await super().is_stored(job_id)
