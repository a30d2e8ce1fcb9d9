"""A log that has lost commits without saying so: the archive answers for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import grpc
import pytest
from kinolog_api.alarms.log_watch import LogWatch
from kinolog_api.jobs import archive_check
from kinolog_api.jobs.archive_check import PAUSE_SECONDS, ArchiveCheck
from kinolog_api.rpc.tenants import ABSENT_SECONDS, UNREADABLE_SECONDS, TenantLookup

from kinolog.access.key_text import key_digest
from kinolog.ids import new_request_id
from kinolog.job.commit import RecordedCommit
from kinolog.ports.alarms import LOG_DAMAGED, LOG_DAMAGED_TEXT, Alarm, AlarmSeverity
from kinolog.ports.event_store import DamagedLog, LoadedJob
from kinolog.ports.raw_log import LogExtent
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_service_pb2 as pb
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.adapters.memory.read_model import MemoryReadModel
from tests.builders.call_metadata import bearer
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.fixtures.waits import WAIT_SECONDS

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ORDER = pb.SubmitJobRequest(prompt=PROMPT, request_id="order-1")


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningApi]:
    """An api over memory, which waits for its archive on a busy machine too."""
    monkeypatch.setattr(archive_check, "ANSWER_SECONDS", WAIT_SECONDS)
    async with running_api() as running:
        yield running


async def given_lost_job(api: RunningApi) -> str:
    """Submit a job that the log loses. Return its id."""
    submitted = await api.jobs.SubmitJob(ORDER)
    api.store.lose_tail(submitted.job.id)
    return submitted.job.id


def damage_log(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the log read no job any more."""

    async def load(job_id: str) -> None:
        raise DamagedLog("position 1: the bytes in the log are not a commit")

    async def history(job_id: str) -> AsyncIterator[RecordedCommit]:
        raise DamagedLog("position 1: the bytes in the log are not a commit")
        yield

    monkeypatch.setattr(api.store, "load", load)
    monkeypatch.setattr(api.store, "history", history)


async def test_a_lost_job_is_not_submitted_again(api: RunningApi) -> None:
    """The request id of a job that the archive knows is refused, and nothing enters the log."""
    job_id = await given_lost_job(api)
    problem = await refused(api.jobs.SubmitJob(ORDER))
    assert (problem.code, problem.reason) == (grpc.StatusCode.DATA_LOSS, "DATA_DAMAGED")
    assert f"the log has lost position 1 of job {job_id}" in problem.message
    assert "kinolog restore" in problem.message
    assert await api.store.last_position() == 1


async def test_a_lost_job_of_a_batch_is_refused_alone(api: RunningApi) -> None:
    """The other jobs of the batch are stored, each result at its place."""
    await given_lost_job(api)
    new = pb.SubmitJobRequest(prompt=PROMPT, request_id="order-2")
    batch = pb.BatchSubmitJobsRequest(requests=[new, ORDER, pb.SubmitJobRequest(prompt=PROMPT)])
    first, lost, last = (await api.jobs.BatchSubmitJobs(batch)).results
    assert (first.created, last.created, lost.job_id) == (True, True, "")
    assert lost.error.code == grpc.StatusCode.DATA_LOSS.value[0]
    assert await api.store.last_position() == 3


async def test_a_lost_job_is_not_unknown(api: RunningApi) -> None:
    """Reads and commands of a lost job are DATA_LOSS; an unknown job is still NOT_FOUND."""
    job_id = await given_lost_job(api)
    assert (await refused(api.jobs.GetJob(pb.GetJobRequest(job_id=job_id)))).code is grpc.StatusCode.DATA_LOSS
    problem = await refused(api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id)))
    assert problem.code is grpc.StatusCode.DATA_LOSS
    unknown = await refused(api.jobs.GetJob(pb.GetJobRequest(job_id="a" * 26)))
    assert unknown.code is grpc.StatusCode.NOT_FOUND


async def test_a_lost_job_of_another_tenant_stays_unknown(api: RunningApi) -> None:
    """A caller learns nothing about jobs of others."""
    job_id = await given_lost_job(api)
    check = ArchiveCheck(api.store, api.read_model, api.clock)
    await check.check_lost("another", job_id)
    with pytest.raises(DamagedLog):
        await check.check_lost("default", job_id)


async def test_a_damaged_job_of_another_tenant_stays_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its owner learns that a job cannot be read; without the archive, which knows the owner, all do."""
    keys = {key_digest(tenant * 32): KeyHolder(tenant=tenant, actor="a") for tenant in "ab"}
    owner, other = (bearer(tenant * 32) for tenant in "ab")
    async with running_api(keys) as api:
        job_id = (await api.jobs.SubmitJob(ORDER, metadata=owner)).job.id
        damage_log(api, monkeypatch)
        for metadata, code in (
            (owner, grpc.StatusCode.DATA_LOSS),
            (other, grpc.StatusCode.NOT_FOUND),
        ):
            for call in (
                api.jobs.GetJob(pb.GetJobRequest(job_id=job_id), metadata=metadata),
                api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id), metadata=metadata),
                api.audit.GetHistory(audit.GetHistoryRequest(job_id=job_id), metadata=metadata),
            ):
                assert (await refused(call)).code is code
        api.read_model.unavailable = True
        unsure = await refused(api.jobs.GetJob(pb.GetJobRequest(job_id=job_id), metadata=other))
        assert unsure.code is grpc.StatusCode.DATA_LOSS


async def test_a_damaged_job_has_no_known_tenant(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """So one job takes neither the list of workers nor the live updates from all tenants."""
    job_id = await api.submit()
    damage_log(api, monkeypatch)
    assert await TenantLookup(api.store).tenant_of(job_id) is None


async def test_a_job_without_a_known_tenant_is_read_rarely(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Progress of a damaged job comes several times a second: the log is read now and then, and named once."""
    damaged, absent, now, loaded = await api.submit(), "a" * 26, 1000.0, list[str]()
    whole = api.store.load

    async def load(job_id: str) -> LoadedJob | None:
        loaded.append(job_id)
        if job_id == damaged:
            raise DamagedLog("position 1: the bytes in the log are not a commit")
        return await whole(job_id)

    monkeypatch.setattr(api.store, "load", load)
    tenants = TenantLookup(api.store, lambda: now)
    for seconds, expected in (
        (0.0, [damaged, absent]),
        (ABSENT_SECONDS, [absent]),
        (UNREADABLE_SECONDS, [damaged, absent]),
    ):
        now += seconds
        loaded.clear()
        for _ in range(3):
            assert [await tenants.tenant_of(job_id) for job_id in (damaged, absent)] == [None, None]
        assert loaded == expected
    assert [record.levelname for record in caplog.records if "tenant of a job" in record.message] == ["ERROR"]
    tenants.remember(absent, "default")
    assert await tenants.tenant_of(absent) == "default"
    monkeypatch.setattr(api.store, "load", whole)
    now += UNREADABLE_SECONDS
    assert await tenants.tenant_of(damaged) == "default"


async def test_a_command_does_not_build_on_an_earlier_tail(api: RunningApi) -> None:
    """If the last commit of a job is lost, a command is refused: it would fork the history."""
    job_id = (await api.jobs.SubmitJob(ORDER)).job.id
    await api.jobs.PrefetchJob(pb.PrefetchJobRequest(job_id=job_id))
    api.store.lose_tail(job_id)
    problem = await refused(api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id)))
    assert problem.code is grpc.StatusCode.DATA_LOSS
    assert "position 2" in problem.message
    assert await api.store.last_position() == 2


async def test_a_job_that_changes_meanwhile_is_not_damaged(api: RunningApi) -> None:
    """A commit that is stored and archived after the caller read the log is no loss."""
    job_id = (await api.jobs.SubmitJob(ORDER)).job.id
    loaded = await api.store.load(job_id)
    assert loaded is not None
    await api.jobs.PrefetchJob(pb.PrefetchJobRequest(job_id=job_id))
    check = ArchiveCheck(api.store, api.read_model, api.clock)
    await check.check_tail(job_id, loaded.position)
    await check.check_lost("default", job_id)


async def test_reads_compare_tails_while_the_log_is_known_to_be_damaged(api: RunningApi) -> None:
    """Once the alarm stands, a job is not shown as it was before the lost commit."""
    job_id = (await api.jobs.SubmitJob(ORDER)).job.id
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    intact = await api.submit()
    api.store.lose_tail(job_id)
    alarm = Alarm(
        name=LOG_DAMAGED, severity=AlarmSeverity.REFUSE_WRITES, text="damaged", source="projector", since=AT
    )
    await api.alarms.of_another_process().raise_alarm(alarm)
    assert (await refused(api.jobs.GetJob(pb.GetJobRequest(job_id=job_id)))).code is grpc.StatusCode.DATA_LOSS
    assert (await api.jobs.GetJob(pb.GetJobRequest(job_id=intact))).job.id == intact


class CountedReadModel(MemoryReadModel):
    """A read model that counts lookups of archived jobs."""

    def __init__(self, api: RunningApi) -> None:
        super().__init__(api.store, api.keys)
        self.looked_up: list[str] = []

    async def archived_tails(self, job_ids: Sequence[str]) -> dict[str, int]:
        self.looked_up += job_ids
        return await super().archived_tails(job_ids)


async def test_only_ids_that_may_be_old_are_looked_up(api: RunningApi) -> None:
    """An id that was made a moment ago costs no read of the archive."""
    model = CountedReadModel(api)
    check = ArchiveCheck(api.store, model, lambda: AT)
    assert await check.check_new_jobs({"new": new_request_id(AT), "old": "order-1"}) == {}
    assert await check.check_new_jobs({"new": new_request_id(AT)}) == {}
    assert model.looked_up == ["old"]


@pytest.mark.task_order
async def test_concurrent_lookups_share_reads(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked up during a read is answered by one more, and each job gets its own answer."""
    lost = await given_lost_job(api)
    model, reads = CountedReadModel(api), list[list[str]]()

    async def slow(job_ids: Sequence[str]) -> dict[str, int]:
        reads.append(list(job_ids))
        await asyncio.sleep(0)
        return await api.read_model.archived_tails(job_ids)

    monkeypatch.setattr(model, "archived_tails", slow)
    check = ArchiveCheck(api.store, model, lambda: AT)
    job_ids = ["a", "b", lost, "c"]
    answers = await asyncio.gather(*(check.check_new_jobs({job_id: "order"}) for job_id in job_ids))
    assert reads == [["a"], ["b", lost, "c"]]
    assert [set(answer) for answer in answers] == [set(), set(), {lost}, set()]


async def test_without_the_archive_jobs_are_accepted(api: RunningApi) -> None:
    """An archive that does not answer refuses nothing, and is left alone for a while."""
    now = 0.0
    model = CountedReadModel(api)
    check = ArchiveCheck(api.store, model, lambda: AT, lambda: now)
    model.unavailable = True
    assert await check.check_new_jobs({"a": "order-1"}) == {}
    assert await check.check_new_jobs({"b": "order-2"}) == {}
    assert model.looked_up == ["a"]
    now, model.unavailable = PAUSE_SECONDS, False
    assert await check.check_new_jobs({"c": "order-3"}) == {}
    assert model.looked_up == ["a", "c"]
    assert (await api.jobs.SubmitJob(ORDER)).created


async def test_a_driver_that_does_not_give_up_delays_no_job(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled read that first asks a frozen server to cancel it, as psycopg does, holds up no submit."""
    model, release = CountedReadModel(api), asyncio.Event()
    check = ArchiveCheck(api.store, model, lambda: AT)

    async def deaf(job_ids: Sequence[str]) -> dict[str, int]:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
        return {}

    monkeypatch.setattr(model, "archived_tails", deaf)
    monkeypatch.setattr(archive_check, "ANSWER_SECONDS", 0.05)
    assert await check.check_new_jobs({"a": "order-1"}) == {}
    assert not release.is_set()
    release.set()


class ShrunkLog(MemoryRawLog):
    """A log that states another extent."""

    def __init__(self, store: MemoryEventStore) -> None:
        super().__init__(store)
        self.states: LogExtent | None = None

    async def extent(self) -> LogExtent:
        return self.states or await super().extent()


@pytest.mark.parametrize(
    ("states", "text"),
    [
        (LogExtent(1, 1, 1), "ends at position 1, but commits up to 2 were archived"),
        (LogExtent(1, 2, 1), "holds 1 commit from position 1 to 2: commits are missing"),
    ],
)
async def test_a_log_that_shrinks_is_an_alarm(api: RunningApi, states: LogExtent, text: str) -> None:
    """The numbers that the server states are compared with the archive; the alarm ends with its cause."""
    await api.submit()
    await api.submit()
    log = ShrunkLog(api.store)
    alarms = api.alarms.of_another_process()  # the api watches its own log, which is whole
    watch = LogWatch(log, api.read_model, alarms, api.clock)
    await watch.check()
    assert await api.alarms.current() == ()
    log.states = states
    await watch.check()
    (alarm,) = await api.alarms.current()
    assert (alarm.name, alarm.severity) == (LOG_DAMAGED, AlarmSeverity.REFUSE_WRITES)
    assert text in alarm.details
    assert (alarm.text, "position" in alarm.text) == (LOG_DAMAGED_TEXT, False)
    assert (await refused(api.jobs.SubmitJob(ORDER))).reason == "LOG_DAMAGED"
    log.states = None
    await watch.check()
    assert await api.alarms.current() == ()
