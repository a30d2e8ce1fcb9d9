"""How workers get the keys of jobs: one at a time, of jobs that have not ended, and for themselves alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.key_requests import KeyRequests, RequestedJobKeys
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.subjects import Service, inbox_prefix
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.keys import JobKeys
from kinolog.privacy.job_keys import StoredJobKeys
from kinolog.privacy.key_envelope import EnvelopeReceiver, EnvelopeUnreadable, envelope_for
from kinolog.v1 import key_request_pb2 as pb
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.keys import MemoryKeyStore
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.log import connected, empty_streams, first_commit
from tests.fixtures.waits import WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class KeysCase:
    """Jobs, and their keys as a worker gets them."""

    jobs: MemoryJobs
    keys: JobKeys


@pytest.fixture(params=["stored", "requested"])
async def case(request: pytest.FixtureRequest, nats_server: NatsServer) -> AsyncIterator[KeysCase]:
    """Each way in which the keys of jobs are got."""
    jobs = MemoryJobs()
    stored = StoredJobKeys(jobs.store, jobs.keys)
    if request.param == "stored":
        yield KeysCase(jobs, stored)
        return
    async with AsyncExitStack() as stack:
        answering = KeyRequests(await stack.enter_async_context(connected(nats_server, Service.API)), stored)
        await answering.open()
        stack.push_async_callback(answering.close)
        worker = await stack.enter_async_context(connected(nats_server, Service.WORKER))
        yield KeysCase(jobs, RequestedJobKeys(worker))


async def test_the_key_of_a_job_that_has_not_ended(case: KeysCase) -> None:
    """A queued and a running job have the key that seals them; a key that is not stored is none."""
    queued, running, lost = [await case.jobs.submit() for _ in range(3)]
    await case.jobs.start(running)
    for job_id in (queued, running):
        assert await case.keys.of_job(job_id) == await case.jobs.keys.get(job_id)
    await case.jobs.keys.discard([lost])
    assert await case.keys.of_job(lost) is None


async def test_no_other_key(case: KeysCase) -> None:
    """Keys of ended and erased jobs, and stored secrets that belong to no job, are given to nobody."""
    ended, erased = await case.jobs.submit(), await case.jobs.submit()
    for job_id in (ended, erased):
        await case.jobs.complete(job_id)
    await case.jobs.erase(erased)
    await case.jobs.keys.create({"master-key": bytes(32), "ticket": bytes(32)})
    for name in (ended, erased, "nobody", "master-key", "ticket"):
        with pytest.raises(LogUnavailable, match="no worker needs its key"):
            await case.keys.of_job(name)


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
        heard = await listener.subscribe(f"{inbox_prefix(Service.WORKER)}.>")
        await listener.flush()
        assert await RequestedJobKeys(worker).of_job(job_id) == key
        message = await heard.next_msg(timeout=WAIT_SECONDS)
        response = pb.KeyResponse.FromString(message.data)
        assert key is not None
        assert key not in message.data
        with pytest.raises(EnvelopeUnreadable):
            EnvelopeReceiver().read(response.encrypted_key, job_id)
        answer = await worker.request(subjects.KEY_REQUESTS, b"\xff nonsense", timeout=WAIT_SECONDS)
        assert "no request" in pb.KeyResponse.FromString(answer.data).problem
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
        heard = [await admin.subscribe(subject) for subject in ("access.>", "$KV.>", "$JS.API.STREAM.>")]
        await admin.flush()
        for reply in ("access.key.stolen", "$KV.kinolog-keys.stolen", "$JS.API.STREAM.PURGE.EVENTS"):
            await worker.publish(subjects.KEY_REQUESTS, b"\xff", reply=reply)
        for name in ("*", ">", "no job"):
            request = pb.KeyRequest(job_id=name, public_key=EnvelopeReceiver().public_key)
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
            await RequestedJobKeys(worker, retry_timeout_seconds=0.1).of_job("a" * 26)


def test_an_envelope_is_for_one_job() -> None:
    """The key of another job cannot be passed off as that of this one."""
    receiver = EnvelopeReceiver()
    envelope = envelope_for(receiver.public_key, b"key", "one")
    assert receiver.read(envelope, "one") == b"key"
    for changed, job_id in ((envelope, "other"), (envelope[:-1], "one"), (b"", "one")):
        with pytest.raises(EnvelopeUnreadable):
            receiver.read(changed, job_id)
