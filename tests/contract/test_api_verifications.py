"""Comparisons of everything: operators start, watch and cancel them, and nobody else sees them."""

from __future__ import annotations

import asyncio

import grpc
from grpc import aio

from kinolog.access.api_key import AccessCommit
from kinolog.access.key_text import key_digest
from kinolog.access.verification import (
    VERIFICATIONS,
    ComparedPart,
    VerificationBook,
    VerificationEnded,
    VerificationFact,
)
from kinolog.ids import new_id
from kinolog.ports.tree.verification_progress import VerificationProgress
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import access_pb2 as ac
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import audit_service_pb2_grpc
from tests.adapters.memory.access_log import MemoryAccessLog
from tests.builders.call_metadata import bearer
from tests.builders.running_api import RunningApi, refused, running_api
from tests.fixtures.waits import until

OPERATOR, TENANT = "o" * 32, "t" * 32
KEYS = {key_digest(OPERATOR): KeyHolder(actor="ada"), key_digest(TENANT): KeyHolder(tenant="t", actor="bob")}
WRONG = ComparedPart(
    name="lists", count=7, unit="job", holds=False, position=3, job_id="a" * 26, detail="seed"
)


async def book_of(log: MemoryAccessLog) -> VerificationBook:
    """Return what the stream states."""
    book = VerificationBook()
    async for batch in log.read(0):
        for recorded in batch:
            book.apply(recorded)
    return book


async def store(api: RunningApi, fact: VerificationFact) -> None:
    """Store a fact, as the projector does."""
    tail = (await book_of(api.access_log)).tail
    await api.access_log.append(
        AccessCommit(
            key_id=VERIFICATIONS,
            command="end_verification",
            command_id=new_id(),
            actor="projector",
            events=(fact,),
            at=api.clock(),
            previous_position=tail.position if tail else 0,
            previous_hash=tail.hash if tail else b"",
        )
    )


async def read(api: RunningApi, verification_id: str) -> au.Verification:
    """Read a comparison."""
    request = au.GetVerificationRequest(verification_id=verification_id)
    return (await api.audit.GetVerification(request)).verification


async def test_one_is_started_watched_and_read() -> None:
    async with running_api() as api:
        started = (
            await api.audit.StartVerification(au.StartVerificationRequest(files=ac.FILE_CHECK_SIZES))
        ).verification
        assert (started.state, started.files) == (au.VERIFICATION_STATE_RUNNING, ac.FILE_CHECK_SIZES)
        assert not started.HasField("progress")
        assert started.started_by
        named = started.verification_id
        api.read_model.progress = VerificationProgress(
            verification_id="z" * 26, commits=1, all_commits=1, jobs=1
        )
        assert not (await read(api, named)).HasField("progress")  # that of an earlier one
        api.read_model.progress = VerificationProgress(
            verification_id=named, commits=3, all_commits=20, jobs=2
        )
        progress = (await read(api, named)).progress
        assert (progress.commits, progress.all_commits, progress.jobs) == (3, 20, 2)
        await store(api, VerificationEnded(verification_id=named, position=20, seconds=1.5, parts=(WRONG,)))
        ended = await until(
            lambda: read(api, named), "its end", lambda made: made.state != au.VERIFICATION_STATE_RUNNING
        )
        assert (ended.state, ended.position) == (au.VERIFICATION_STATE_DIFFERS, 20)
        assert not ended.HasField("progress")
        (part,) = ended.parts
        assert (part.name, part.position, part.job_id, part.detail) == ("lists", 3, "a" * 26, "seed")
        second = (await api.audit.StartVerification(au.StartVerificationRequest())).verification
        listed = (await api.audit.ListVerifications(au.ListVerificationsRequest())).verifications
        assert [made.verification_id for made in listed] == [second.verification_id, named]
        after = au.ListVerificationsRequest(after=second.verification_id, page_size=1)
        page = (await api.audit.ListVerifications(after)).verifications
        assert [made.verification_id for made in page] == [named]


async def test_one_goes_on_at_a_time() -> None:
    """Also of requests to two apis at once: the stream accepts one."""
    async with running_api() as api, running_api(stores_of=api) as other:
        request = au.StartVerificationRequest()
        outcomes = await asyncio.gather(
            *(each.audit.StartVerification(request) for each in (api, other) for _ in range(3)),
            return_exceptions=True,
        )
        (made,) = [each for each in outcomes if isinstance(each, au.StartVerificationResponse)]
        problem = await refused(other.audit.StartVerification(request))
        assert (problem.code, problem.reason) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "VERIFICATION_RUNNING",
        )
        assert made.verification.verification_id in problem.message
        assert len((await book_of(api.access_log)).newest_first()) == 1


async def test_one_is_cancelled() -> None:
    """Twice is once. One that has ended cannot be cancelled."""
    async with running_api() as api:
        started = (await api.audit.StartVerification(au.StartVerificationRequest())).verification
        cancel = au.CancelVerificationRequest(verification_id=started.verification_id)
        for _ in range(2):
            made = (await api.audit.CancelVerification(cancel)).verification
            assert (made.state, made.cancelled_by) == (au.VERIFICATION_STATE_CANCELLED, started.started_by)
        assert len(api.access_log.stored) == 2
        second = (await api.audit.StartVerification(au.StartVerificationRequest())).verification
        await store(api, VerificationEnded(verification_id=second.verification_id, failure="Postgres: away"))
        late = au.CancelVerificationRequest(verification_id=second.verification_id)
        problem = await refused(api.audit.CancelVerification(late))
        assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "VERIFICATION_ENDED")
        assert (await read(api, second.verification_id)).failure == "Postgres: away"


async def test_an_unknown_one() -> None:
    async with running_api() as api:
        for call in (
            api.audit.GetVerification(au.GetVerificationRequest(verification_id="x" * 26)),
            api.audit.CancelVerification(au.CancelVerificationRequest(verification_id="x" * 26)),
            api.audit.ListVerifications(au.ListVerificationsRequest(after="x" * 26)),
        ):
            assert (await refused(call)).reason == "VERIFICATION_NOT_FOUND"


async def test_tenants_see_none() -> None:
    """Neither with their key, nor an operator on behalf of one: the results name jobs of all tenants."""
    async with running_api(KEYS) as api, aio.insecure_channel(api.target) as channel:
        audit = audit_service_pb2_grpc.AuditServiceStub(channel)
        on_behalf = bearer(OPERATOR, ("x-kinolog-tenant", "t"))
        named = au.GetVerificationRequest(verification_id="x" * 26)
        for key in (bearer(TENANT), on_behalf):
            for call in (
                audit.StartVerification(au.StartVerificationRequest(), metadata=key),
                audit.ListVerifications(au.ListVerificationsRequest(), metadata=key),
                audit.GetVerification(named, metadata=key),
                audit.CancelVerification(
                    au.CancelVerificationRequest(verification_id="x" * 26), metadata=key
                ),
            ):
                problem = await refused(call)
                assert (problem.code, problem.reason) == (
                    grpc.StatusCode.PERMISSION_DENIED,
                    "OPERATORS_ONLY",
                )
        await audit.StartVerification(au.StartVerificationRequest(), metadata=bearer(OPERATOR))
