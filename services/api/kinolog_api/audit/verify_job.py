"""VerifyJob: reads the record of a job from the log, the archive, the keys and the files, and checks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinolog.codec.public_job import UnsealedFields
from kinolog.counts import counted
from kinolog.job.commit import RecordedCommit, artifacts_ever_made
from kinolog.job.state import Job
from kinolog.job.values import Artifact
from kinolog.ports.artifacts import ArtifactMissing, ArtifactStore, digest_in, is_shared, job_folder
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.read_model import JobRow, ReadModel
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.privacy.sealer import UnsealFailed
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.audit import checks
from kinolog_api.audit.checks import RecordCheck
from kinolog_api.audit.erasures import check_erasure
from kinolog_api.audit.job_owners import owners_in
from kinolog_api.audit.list_check import check_listed
from kinolog_api.audit.tree_check import check_tree
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import job_not_found

MAX_TRIES = 5
"""How often a job that changes during the check is checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """The stored record of a job. `damage` is why the log cannot be read to the end of the job; empty if it can."""

    history: Sequence[RecordedCommit]
    damage: str
    archive: Mapping[int, bytes]
    archived_up_to: int
    row: JobRow | None

    @property
    def tail(self) -> int:
        """Position of the last readable commit; 0 if there is none."""
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

    async def verify_job(self, request: pb.VerifyJobRequest, call: RpcCall) -> pb.VerifyJobResponse:
        """VerifyJob. An unreachable source is an error; a failed check is a response.

        A job may change during the check; an erasure deletes its key and files. Then the check runs again.
        """
        record = await self._record(request.job_id, call)
        results = await self._checks(record)
        for _ in range(MAX_TRIES - 1):
            if all(check.holds for check in results):
                break
            previous, record = record, await self._record(request.job_id, call)
            if record.tail == previous.tail:
                break
            results = await self._checks(record)
        return pb.VerifyJobResponse(
            valid=all(check.holds for check in results),
            checks=[pb.Check(name=check.name, holds=check.holds, detail=check.detail) for check in results],
        )

    async def _record(self, job_id: str, call: RpcCall) -> JobRecord:
        """Read the record of the job. The archive follows the log, so it is read first."""
        reached = await self._read_model.position()
        archived = await self._read_model.archived_commits(job_id)
        row = await self._read_model.job_row(call.tenant, job_id)
        history, damage = list[RecordedCommit](), ""
        try:
            async for recorded in self._store.history(job_id):
                history.append(recorded)
        except DamagedLog as error:
            damage = str(error)
        owners = {history[-1].commit.tenant} if history else owners_in(archived)
        if not (history or damage or archived) or (owners and call.tenant not in owners):
            raise job_not_found(job_id)
        archive = {commit.position: commit.raw for commit in archived}
        return JobRecord(history=history, damage=damage, archive=archive, archived_up_to=reached, row=row)

    async def _checks(self, record: JobRecord) -> list[RecordCheck]:
        history = record.history
        if record.damage:
            return [checks.damaged_log(history, record.damage)]
        archive = checks.check_archive(history, record.archive, record.archived_up_to)
        if not history:
            return [archive]
        job = checks.folded_state(history)
        return [
            checks.check_hashes(history),
            checks.check_chain(history),
            checks.check_fold(history),
            checks.check_endings(history),
            archive,
            await check_tree(history, self._read_model),
            check_listed(history, record.row, record.archived_up_to, await self._texts(job)),
            await self._check_seals(job),
            await (self._check_erased(job, history) if job.erased else self._check_files(job)),
            *([await check_erasure(job, history, self._read_model)] if job.erased else []),
        ]

    async def _texts(self, job: Job) -> UnsealedFields | None:
        """Return the unsealed prompts of a job; None if they cannot be read."""
        key = await self._keys.get(job.sealing_key_id)
        if key is None or job.erased:
            return None
        try:
            return unseal_job(job, key)
        except UnsealFailed:
            return None

    async def _check_seals(self, job: Job) -> RecordCheck:
        """Check that the prompts unseal under the job's key, or that the key of an erased job is deleted."""
        key = await self._keys.get(job.sealing_key_id)
        if job.erased and key is None:
            return RecordCheck("seals", True, "erased; the key is deleted, so the prompts cannot be read")
        if job.erased:
            return RecordCheck(
                "seals", False, "erased, but its key still exists; erase the job again to finish"
            )
        if key is None:
            return RecordCheck("seals", False, "the key is missing although the job is not erased")
        try:
            unseal_job(job, key)
        except UnsealFailed as error:
            return RecordCheck("seals", False, str(error))
        return RecordCheck(
            "seals", True, f"the prompt and those of {checks.scene_count(job)} unseal under the job's key"
        )

    async def _check_files(self, job: Job) -> RecordCheck:
        """Check that the files that the job lists are stored, with the bytes that the log describes."""
        files = checks.listed_artifacts(job)
        failures = [failure for artifact in files if (failure := await self._failure_of(artifact))]
        return checks.check_files(files, failures, ended=job.status.terminal)

    async def _failure_of(self, artifact: Artifact) -> str:
        """Return how a file differs from the log; empty if it matches."""
        name = checks.artifact_label(artifact)
        try:
            if digest_in(artifact.key) != artifact.sha256:
                return f"{name} is stored under a hash that differs from the log"
            found = await self._artifacts.measure(artifact.key)
        except ValueError:
            return f"{name} has an invalid key"
        except ArtifactMissing:
            return f"{name} is not stored"
        if found.size_bytes != artifact.size_bytes:
            return f"{name} was changed: {counted(found.size_bytes, 'byte')} instead of {artifact.size_bytes}"
        if found.sha256 != artifact.sha256:
            return f"{name} was changed: its SHA-256 is now {found.sha256}"
        return ""

    async def _check_erased(self, job: Job, history: Sequence[RecordedCommit]) -> RecordCheck:
        """Check that the job's folder is empty, and that no file is left that only this job listed."""
        remaining = await self._artifacts.keys_of(job_folder(job.tenant, job.id))
        files = [a for a in artifacts_ever_made(history) if is_shared(a.key)]
        stored = [artifact.key for artifact in files if await self._is_stored(artifact.key)]
        if stored:
            in_use = await self._read_model.artifacts_in_use(stored, job.id)
            remaining += [key for key in stored if key not in in_use]
        return checks.check_erased_files(remaining)

    async def _is_stored(self, key: str) -> bool:
        try:
            return await self._artifacts.head(key) is not None
        except ValueError:  # an invalid key
            return False
