"""VerifyJob: a job's record at one moment, read from the log, the archive, the keys and the files, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinolog.codec.commits import DamagedCommit, decode_commit
from kinolog.job.commit import Recorded
from kinolog.job.state import Job
from kinolog.job.values import Artifact
from kinolog.ports.artifacts import ArtifactMissing, ArtifactStore, content_facts, digest_in
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.read_model import ReadModel
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.privacy.sealer import UnsealFailed
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.audit import checks as verify
from kinolog_api.audit.checks import RecordCheck
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.errors import job_not_found

TRIES = 5
"""How often a job that moves on while it is checked is checked anew."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What is kept of a job. `damage` says why the log could not be read to the job's end; empty when it could."""

    history: Sequence[Recorded]
    damage: str
    archive: Mapping[int, bytes]
    archived_up_to: int

    @property
    def tail(self) -> int:
        """Position of the last commit that could be read; 0 when none could."""
        return self.history[-1].position if self.history else 0


class VerifyJob:
    """VerifyJob."""

    def __init__(
        self, store: EventStore, keys: KeyStore, read_model: ReadModel, artifacts: ArtifactStore
    ) -> None:
        self._store = store
        self._keys = keys
        self._read_model = read_model
        self._artifacts = artifacts

    async def verify_job(self, request: pb.VerifyJobRequest, call: Call) -> pb.VerifyJobResponse:
        """VerifyJob. What cannot be reached is an error; what does not hold is an answer.

        A job may move on while it is checked: erased, its key and files go. Then it is checked anew.
        """
        record = await self._record(request.job_id, call)
        checks = await self._checks(record)
        for _ in range(TRIES - 1):
            if all(check.holds for check in checks):
                break
            before, record = record, await self._record(request.job_id, call)
            if record.tail == before.tail:
                break
            checks = await self._checks(record)
        return pb.VerifyJobResponse(
            valid=all(check.holds for check in checks),
            checks=[pb.Check(name=check.name, holds=check.holds, detail=check.detail) for check in checks],
        )

    async def _record(self, job_id: str, call: Call) -> JobRecord:
        """What is kept of the job. The archive follows the log, so it is read first."""
        reached = await self._read_model.position()
        archive = {a.position: a.raw for a in await self._read_model.archived_commits(job_id)}
        history, damage = list[Recorded](), ""
        try:
            async for recorded in self._store.history(job_id):
                history.append(recorded)
        except DamagedLog as error:
            damage = str(error)
        record = JobRecord(history, damage, archive, reached)
        if not (history or damage or archive) or _tenant(record) not in (None, call.tenant):
            raise job_not_found(job_id)
        return record

    async def _checks(self, record: JobRecord) -> list[RecordCheck]:
        history = record.history
        if record.damage:
            return [verify.check_log(history, record.damage)]
        archive = verify.check_archive(history, record.archive, record.archived_up_to)
        if not history:
            return [archive]
        job = verify.state_of(history)
        return [
            verify.check_hashes(history),
            verify.check_chain(history),
            verify.check_fold(history),
            verify.check_endings(history),
            archive,
            await self._check_seals(job),
            await (self._check_erased(job, history) if job.erased else self._check_files(job)),
        ]

    async def _check_seals(self, job: Job) -> RecordCheck:
        """Prompts open under the job's key, or are gone with it."""
        key = await self._keys.get(job.sealing_key_id)
        if job.erased and key is None:
            return RecordCheck("seals", True, "erased; the key is gone, so nobody can read the prompts")
        if job.erased:
            return RecordCheck("seals", False, "erased, but its key is still there; erase it again to finish")
        if key is None:
            return RecordCheck("seals", False, "the key is gone although the job is not erased")
        try:
            unseal_job(job, key)
        except UnsealFailed as error:
            return RecordCheck("seals", False, str(error))
        return RecordCheck(
            "seals", True, f"the prompt and those of {verify.scenes_of(job)} open with the job's key"
        )

    async def _check_files(self, job: Job) -> RecordCheck:
        """The files that the job lists are stored, and their bytes are what the log says."""
        files = verify.files_of(job)
        wrong = [words for artifact in files if (words := await self._wrong_with(artifact))]
        return verify.check_files(files, wrong, ended=job.status.terminal)

    async def _wrong_with(self, artifact: Artifact) -> str:
        """What is wrong with a file, in words; empty when nothing is."""
        name = verify.name_of(artifact)
        try:
            if digest_in(artifact.key) != artifact.sha256:
                return f"{name} lies under another hash than the log says"
            found = await content_facts(self._artifacts, artifact.key)
        except ValueError:
            return f"{name} has a key that no file can have"
        except ArtifactMissing:
            return f"{name} is not stored"
        if found.size_bytes != artifact.size_bytes:
            return f"{name} was changed: {found.size_bytes} bytes instead of {artifact.size_bytes}"
        if found.sha256 != artifact.sha256:
            return f"{name} was changed: its SHA-256 is now {found.sha256}"
        return ""

    async def _check_erased(self, job: Job, history: Sequence[Recorded]) -> RecordCheck:
        """The files that an erased job made are gone, but for those that another job made too."""
        files = verify.files_ever(history)
        there = [artifact for artifact in files if await self._is_stored(artifact.key)]
        shared = set[str]()
        if there:
            shared = await self._read_model.artifacts_in_use([artifact.key for artifact in there], job.id)
        left = [verify.name_of(artifact) for artifact in there if artifact.key not in shared]
        return verify.check_erased_files(files, left, len(there) - len(left))

    async def _is_stored(self, key: str) -> bool:
        try:
            return await self._artifacts.head(key) is not None
        except ValueError:  # a key that no file can have
            return False


def _tenant(record: JobRecord) -> str | None:
    """Whose job it is; None when nothing that tells it can be read."""
    if record.history:
        return record.history[-1].commit.state.tenant
    for position, raw in record.archive.items():
        try:
            return decode_commit(position, raw).commit.state.tenant
        except DamagedCommit:
            continue
    return None
