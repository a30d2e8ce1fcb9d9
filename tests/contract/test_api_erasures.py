"""Certificates of erasure over a real connection: who reads which, and the check of an erased job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from kinolog_api.audit import erasures

from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.merkle.signed_note import NoteKey
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.commit_tree import KEY
from tests.builders.erasure_certificates import ERASURE, certify
from tests.builders.running_api import RunningApi, refused, running_api
from tests.contract.test_api_side_channels import KEYS, OURS, THEIRS
from tests.contract.test_api_verify import check_results


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def ended(api: RunningApi) -> str:
    """Return a job that was completed."""
    job_id = await api.submit()
    await api.complete(job_id)
    return job_id


async def erasure_check(api: RunningApi, job_id: str) -> tuple[bool, str]:
    """Return the result of the check of the erasure."""
    return (await check_results(api, job_id))["erasure"]


async def test_an_erasure_is_recorded_with_what_was_deleted(api: RunningApi) -> None:
    """Jobs of one request are one erasure. The hashes are those of the files."""
    first, second = await ended(api), await ended(api)
    selection = pb.JobSelection(job_ids=[first, second])
    done = await api.jobs.BulkEraseJobs(pb.BulkEraseJobsRequest(selection=selection, erasure_id=ERASURE))
    assert [result.HasField("error") for result in done.results] == [False, False]
    for job_id in (first, second):
        history = [recorded.commit async for recorded in api.store.history(job_id)]
        made = {
            event.artifacts[0].sha256
            for one in history
            for event in one.events
            if isinstance(event, e.Completed)
        }
        (erased,), (finished,) = history[-2].events, history[-1].events
        assert isinstance(erased, e.Erased)
        assert erased.erasure_id == ERASURE
        assert isinstance(finished, e.ErasureFinished)
        assert made <= set(finished.sha256)
        assert finished.files == len(finished.sha256)
        assert history[-1].state.erasure_finished
        assert done.position >= history[-1].previous_position


async def test_a_dry_run_erases_nothing(api: RunningApi) -> None:
    job_id = await ended(api)
    selection = pb.JobSelection(job_ids=[job_id, job_id])
    answer = await api.jobs.BulkEraseJobs(pb.BulkEraseJobsRequest(selection=selection, dry_run=True))
    assert (answer.remaining, len(answer.results)) == (1, 0)
    assert not (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.erased


async def test_verify_names_the_certificate(api: RunningApi) -> None:
    """Before, it says what the certificate waits for."""
    job_id = await ended(api)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    position = await api.store.last_position()
    done = f"finished at position {position}"
    assert await erasure_check(api, job_id) == (
        True,
        f"{done}; its certificate follows the next signed head of the tree",
    )
    await certify(api, job_id)
    assert await erasure_check(api, job_id) == (
        True,
        f"{done}; certificate 1, signed 2026-11-28 12:00:00 UTC under head 1",
    )


async def test_a_job_that_is_not_erased_has_no_such_check(api: RunningApi) -> None:
    assert "erasure" not in await check_results(api, await ended(api))


async def test_verify_finds_certificates_that_do_not_hold(api: RunningApi) -> None:
    """One of another commit, and one under a head that is not stored."""
    job_id, other = await ended(api), await ended(api)
    for each in (job_id, other):
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=each))
    signed = await certify(api, job_id, other)
    stated = signed.certificate
    named = f"certificate {signed.number}"
    done = f"finished at position {next(job.position for job in stated.jobs if job.job_id == job_id)}"
    first, second = stated.jobs
    swapped = (replace(first, job_id=second.job_id), replace(second, job_id=first.job_id))
    for wrong, detail in (
        (replace(stated, jobs=swapped), f"{done}, but {named} names another commit"),
        (replace(stated, head_number=9), f"{named} names a head 9 of another tree"),
    ):
        api.read_model.certificates = [replace(signed, note=wrong.signed([KEY]))]
        assert await erasure_check(api, job_id) == (False, detail)


async def test_an_erasure_that_was_interrupted_is_not_finished(api: RunningApi) -> None:
    """An erasure of an earlier version, whose event has no id, is told apart."""
    job_id, old = await ended(api), await ended(api)
    await api.work(job_id, c.Erase(id="e1", actor="ada", erasure_id=ERASURE))
    holds, detail = await erasure_check(api, job_id)
    assert (holds, detail) == (
        False,
        "the erasure is not recorded to its end; erase the job again to finish",
    )
    await api.work(old, c.Erase(id="e2", actor="ada"))
    holds, detail = await erasure_check(api, old)
    assert holds
    assert "erased by an earlier version" in detail
    for each in (job_id, old):
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=each))
        assert (await erasure_check(api, each))[0]
        assert [commit.command.name for commit in await history(api, each)][-2:] == [
            "erase",
            "finish_erasure",
        ]


async def history(api: RunningApi, job_id: str) -> list[au.RecordedCommit]:
    """Return the commits of a job."""
    answer = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id))
    return list(answer.commits)


async def test_the_end_is_recorded_after_the_data_is_deleted(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is away nothing says that the files are deleted. The next try records the files that it named."""
    job_id = await ended(api)
    delete_all = api.artifacts.delete_all

    async def away(folder: str) -> int:
        raise ArtifactsUnavailable("away")

    monkeypatch.setattr(api.artifacts, "delete_all", away)
    await refused(api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id)))
    assert (await history(api, job_id))[-1].command.name == "erase"
    monkeypatch.setattr(api.artifacts, "delete_all", delete_all)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    finished = (await history(api, job_id))[-1].events[0].erasure_finished
    assert finished.files == len(finished.sha256) >= 1


async def test_certificates_are_listed_and_read(api: RunningApi) -> None:
    first, second = await ended(api), await ended(api)
    for each in (first, second):
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=each))
    one, two = await certify(api, first), await certify(api, second)
    listed = (await api.audit.ListErasures(au.ListErasuresRequest())).certificates
    assert [(each.number, each.jobs, each.note, each.head_number) for each in listed] == [
        (1, 1, "", 1),
        (2, 1, "", 2),
    ]
    assert (listed[0].actor, listed[0].erasure_id, listed[0].key_id) == ("ann", ERASURE, one.key.id)
    assert listed[0].first_erased_at == listed[0].last_erased_at
    only = await api.audit.ListErasures(au.ListErasuresRequest(named_job_id=second))
    assert [each.number for each in only.certificates] == [2]
    assert not (await api.audit.ListErasures(au.ListErasuresRequest(erasure_id="f" * 26))).certificates
    after = await api.audit.ListErasures(au.ListErasuresRequest(after=1, page_size=1))
    assert [each.number for each in after.certificates] == [2]
    read = (await api.audit.GetErasure(au.GetErasureRequest(number=2))).certificate
    assert (read.note, bytes.fromhex(read.key)) == (two.note, two.key.public)
    problem = await refused(api.audit.GetErasure(au.GetErasureRequest(number=3)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "ERASURE_NOT_FOUND")


async def test_a_page_ends_with_so_many_jobs(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates of many jobs take long to check. The next page goes on after the last one, until one is empty."""
    monkeypatch.setattr(erasures, "JOBS_PER_PAGE", 2)
    monkeypatch.setattr(erasures, "CERTIFICATES_PER_READ", 1)
    made = [await ended(api) for _ in range(5)]
    for each in made:
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=each))
    await certify(api, made[0])
    await certify(api, *made[1:4])
    await certify(api, made[4])
    pages, after = list[list[int]](), 0
    while True:
        answer = await api.audit.ListErasures(au.ListErasuresRequest(after=after))
        pages.append([one.number for one in answer.certificates])
        if not pages[-1]:
            break
        after = pages[-1][-1]
    assert pages == [[1, 2], [3], []]


async def test_another_tenant_reads_none_of_them() -> None:
    """A certificate of another tenant is answered as one that does not exist."""
    async with running_api(KEYS) as api:
        made = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="a kite"), metadata=OURS)
        await api.jobs.CancelJob(pb.CancelJobRequest(job_id=made.job.id), metadata=OURS)
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=made.job.id), metadata=OURS)
        await certify(api, made.job.id, tenant="ours")
        for key, numbers in ((OURS, [1]), (THEIRS, [])):
            listed = await api.audit.ListErasures(au.ListErasuresRequest(), metadata=key)
            assert [one.number for one in listed.certificates] == numbers
        assert (
            await api.audit.GetErasure(au.GetErasureRequest(number=1), metadata=OURS)
        ).certificate.jobs == 1
        problem = await refused(api.audit.GetErasure(au.GetErasureRequest(number=1), metadata=THEIRS))
        assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "ERASURE_NOT_FOUND")


async def test_a_changed_certificate_is_named_and_keeps_back_no_other(api: RunningApi) -> None:
    made = [await ended(api) for _ in range(3)]
    for each in made:
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=each))
        await certify(api, each)
    stored = list(api.read_model.certificates)
    stored[1] = SignedCertificate(number=2, key=NoteKey(bytes(32)), note=stored[1].note)

    async def changed(*_: object, after: int = 0, **__: object) -> list[SignedCertificate]:
        return [one for one in stored if one.number > after]

    api.read_model.erasure_certificates = changed  # type: ignore[method-assign]
    listed = (await api.audit.ListErasures(au.ListErasuresRequest())).certificates
    assert [(one.number, one.jobs, bool(one.problem)) for one in listed] == [
        (1, 1, False),
        (2, 0, True),
        (3, 1, False),
    ]
    assert listed[1].problem.startswith("the certificate 2 of an erasure was changed")


async def test_a_changed_certificate_is_not_shown(api: RunningApi) -> None:
    job_id = await ended(api)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    signed = await certify(api, job_id)
    other = SignedCertificate(number=1, key=NoteKey(bytes(32)), note=signed.note)

    async def changed(*_: object, **__: object) -> list[SignedCertificate]:
        return [other]

    api.read_model.erasure_certificates = changed  # type: ignore[method-assign]
    problem = await refused(api.audit.GetErasure(au.GetErasureRequest(number=1)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.DATA_LOSS, "DATA_DAMAGED")
    holds, detail = await erasure_check(api, job_id)
    assert not holds
    assert detail.startswith("certificate 1 of the erasure was changed")
