"""VerifyJob over a real connection: the results for intact, changing, erased and damaged records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest

from kinolog.codec.commits import decode_commit, encode_commit
from kinolog.job import commands as c
from kinolog.ports.artifacts import ArtifactsUnavailable, ContentFacts
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, refused, running_api

NAMES = ["hashes", "chain", "fold", "endings", "archive", "tree", "lists", "seals", "artifacts"]


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def check_results(api: RunningApi, job_id: str) -> dict[str, tuple[bool, str]]:
    """Return the results of the checks of a job, by name."""
    answer = await api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id))
    assert answer.valid == all(check.holds for check in answer.checks)
    return {check.name: (check.holds, check.detail) for check in answer.checks}


async def failed_checks(api: RunningApi, job_id: str) -> dict[str, str]:
    """Return the failed checks with their details."""
    return {name: detail for name, (holds, detail) in (await check_results(api, job_id)).items() if not holds}


async def test_a_completed_job_holds(api: RunningApi) -> None:
    """Every check of an intact job holds and gives details."""
    job_id = await api.submit()
    await api.complete(job_id)
    found = await check_results(api, job_id)
    assert list(found) == NAMES
    assert all(holds for holds, _ in found.values())
    details = {name: detail for name, (_, detail) in found.items()}
    assert details == {
        "hashes": "3 commits whose bytes have the hash stored with them",
        "chain": "3 commits, 5 events; each names the hash of the previous one",
        "fold": "3 states as folded from the events",
        "endings": "it ended once and was never retried",
        "archive": "the database holds 3 of 3 with the same bytes",
        "tree": "no head of the tree over all commits is signed",
        "lists": "lists show the job as its history makes it",
        "seals": "the prompt and those of 1 scene unseal under the job's key",
        "artifacts": "1 file read to the end; each matches the log",
    }


async def test_a_running_job_holds(api: RunningApi) -> None:
    """A running job has not ended and has no files yet. A commit that is not archived yet does not count as lost."""
    job_id = await api.submit()
    api.read_model.held_at = 1
    await api.start_attempt(job_id)
    found = await check_results(api, job_id)
    assert all(holds for holds, _ in found.values())
    assert found["endings"][1] == "it has not ended yet and was never retried"
    assert found["archive"][1] == "the database holds 1 of 2 with the same bytes; 1 not archived yet"
    assert found["artifacts"][1] == "the job lists no files yet"


async def test_a_job_that_changes_during_the_check(api: RunningApi) -> None:
    """A commit that is stored and archived between two reads does not count as lost."""
    job_id = await api.submit()
    archived_commits = api.read_model.archived_commits

    async def after_a_start(job_id: str) -> object:
        api.read_model.archived_commits = archived_commits  # type: ignore[method-assign]  # once
        await api.start_attempt(job_id)
        return await archived_commits(job_id)

    api.read_model.archived_commits = after_a_start  # type: ignore[method-assign,assignment]
    assert await failed_checks(api, job_id) == {}


async def test_a_job_that_is_erased_during_the_check(api: RunningApi) -> None:
    """A job whose key and files are deleted between two reads is checked again, as an erased job."""
    job_id = await api.submit()
    await api.complete(job_id)
    get = api.keys.get

    async def after_an_erasure(key_id: str) -> bytes | None:
        api.keys.get = get  # type: ignore[method-assign]  # once
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
        return await get(key_id)

    api.keys.get = after_an_erasure  # type: ignore[method-assign]
    found = await check_results(api, job_id)
    assert all(holds for holds, _ in found.values())
    assert found["seals"][1].startswith("erased;")


async def test_an_erased_job_holds_without_its_files(api: RunningApi) -> None:
    """The key and the files of an erased job are deleted. A file that is stored all the same is named."""
    job_id, twin = await api.submit(), await api.submit()
    artifact = await api.complete(job_id)
    await api.complete(twin)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    found = await check_results(api, job_id)
    assert all(holds for holds, _ in found.values())
    assert found["seals"][1] == "erased; the key is deleted, so the prompts cannot be read"
    assert found["artifacts"][1] == "erased; no file of the job is stored"
    await api.stored(job_id, b"video bytes")
    assert await failed_checks(api, job_id) == {"artifacts": f"erased, but still stored: {artifact.key}"}


async def test_the_audit_of_an_erased_job_does_not_speak_of_others(api: RunningApi) -> None:
    """A file of an earlier version that another job lists stays, and the audit reads as if there were none."""
    first, second = await api.submit(), await api.submit()
    for job_id in (first, second):
        await api.complete_with(job_id, api.shared_file(b"the same bytes"))
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=first))
    assert (await check_results(api, first))["artifacts"] == (True, "erased; no file of the job is stored")


async def test_an_unfinished_erasure(api: RunningApi) -> None:
    """For an erased job whose key still exists the details name what to do."""
    job_id = await api.submit()
    await api.fail(job_id)
    await api.work(job_id, c.Erase(id="e1", actor="ada"))
    assert await failed_checks(api, job_id) == {
        "seals": "erased, but its key still exists; erase the job again to finish"
    }


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"other bytes", "was changed: its SHA-256 is now "),
        (b"video", "was changed: 5 bytes instead of 11"),
        (None, "is not stored"),
    ],
    ids=["altered", "truncated", "deleted"],
)
async def test_a_changed_file_is_named(api: RunningApi, content: bytes | None, detail: str) -> None:
    """A file whose bytes were altered, truncated or deleted fails the check of artifacts only."""
    job_id = await api.submit()
    artifact = await api.complete(job_id)
    api.artifacts.replace(artifact.key, content)
    found = await failed_checks(api, job_id)
    assert list(found) == ["artifacts"]
    assert found["artifacts"].startswith(f"video {artifact.key} {detail}")


async def test_a_rewritten_commit_is_found(api: RunningApi) -> None:
    """A commit that is rewritten in the log with a new hash breaks the chain and differs from the archive."""
    job_id = await api.submit()
    await api.complete(job_id)
    archived = await api.read_model.archived_commits(job_id)
    recorded = decode_commit(1, api.store._log[0])
    forged = replace(recorded.commit, command=replace(recorded.commit.command, actor="mallory"))
    api.store._log[0] = encode_commit(forged).raw
    hold_archive(api, archived)
    found = await failed_checks(api, job_id)
    assert found == {
        "chain": "position 2 does not follow position 1",
        "archive": "position 1 differs between log and archive",
    }


async def test_a_history_that_the_log_has_lost_is_found(api: RunningApi) -> None:
    """A job that is missing from the log is still known from the archive, to its tenant only."""
    job_id = await api.submit()
    archived = await api.read_model.archived_commits(job_id)
    del api.store._positions[job_id]
    hold_archive(api, archived)
    assert await failed_checks(api, job_id) == {
        "archive": "the log has lost position 1, which the archive holds"
    }
    problem = await refused(
        api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id), metadata=(("x-kinolog-tenant", "other"),))
    )
    assert problem.code is grpc.StatusCode.NOT_FOUND


async def test_a_flipped_byte_is_found(api: RunningApi) -> None:
    """A flipped byte in the log is a response that names the position, not an error."""
    job_id = await api.submit()
    await api.complete(job_id)
    archived = await api.read_model.archived_commits(job_id)
    raw = bytearray(api.store._log[1])
    raw[len(raw) // 2] ^= 1
    api.store._log[1] = bytes(raw)
    hold_archive(api, archived)
    found = await check_results(api, job_id)
    assert found.keys() == {"log"}
    holds, detail = found["log"]
    assert not holds
    assert detail.startswith("position 2: ")
    assert detail.endswith("; 1 commit before it could be read")


async def test_a_forged_state_is_found(api: RunningApi) -> None:
    """A commit with a forged state fails the check of the fold."""
    job_id = await api.submit()
    recorded = decode_commit(1, api.store._log[0])
    state = replace(recorded.commit.state, max_attempts=9)
    api.store._log[0] = encode_commit(replace(recorded.commit, state=state)).raw
    assert await failed_checks(api, job_id) == {
        "fold": "position 1 holds a state that differs from the folded events"
    }


async def test_a_lost_key_is_found(api: RunningApi) -> None:
    """A job that is not erased but has no key fails the check of seals."""
    job_id = await api.submit()
    await api.keys.erase(await api.key_id(job_id))
    assert await failed_checks(api, job_id) == {"seals": "the key is missing although the job is not erased"}


async def test_verifying_without_the_archive(api: RunningApi) -> None:
    """While the archive is unavailable the check is UNAVAILABLE, never a wrong result."""
    job_id = await api.submit()
    api.read_model.unavailable = True
    problem = await refused(api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id)))
    assert problem.code is grpc.StatusCode.UNAVAILABLE


async def test_verifying_without_the_files(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the artifact store is unavailable the check is UNAVAILABLE, never a missing or changed file."""
    job_id = await api.submit()
    await api.complete(job_id)

    async def fails(key: str) -> ContentFacts:
        raise ArtifactsUnavailable("permission denied")

    monkeypatch.setattr(api.artifacts, "measure", fails)
    problem = await refused(api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "ARTIFACTS_UNAVAILABLE")


def hold_archive(api: RunningApi, archived: object) -> None:
    """Make the archive return these commits, independently of the log."""

    async def held(job_id: str) -> object:
        return archived

    api.read_model.archived_commits = held  # type: ignore[method-assign,assignment]  # as it was before
