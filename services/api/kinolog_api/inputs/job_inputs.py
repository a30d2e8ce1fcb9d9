"""Copies of uploads for jobs: sealed under the key of the job, in its folder.

A job never needs its uploads again, and erasing it deletes its copies with everything else of it (decision 35). A copy
stays staged as well until the job is in the log. So what an interrupted submit leaves is found: it is staged, and its
job is not in the log (kinolog_api.inputs.store_sweep).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias
from weakref import WeakValueDictionary

from grpc import StatusCode

from kinolog.codec.enums import ROLE_FROM_PROTO
from kinolog.job.values import Artifact, ArtifactKind, InputFacts, JobInput
from kinolog.models.input_roles import InputRole
from kinolog.ports.artifacts import (
    ArtifactStore,
    ArtifactsUnavailable,
    StagedContent,
    StoredArtifact,
    commit_or_discard,
    job_folder,
)
from kinolog.privacy.sealed_fields import input_content, seal_input_facts
from kinolog.privacy.sealer import Sealer
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.dependencies import InputLimits
from kinolog_api.inputs.checked_content import CheckedContent
from kinolog_api.inputs.uploads import SUFFIX, UNREADABLE, OpenUpload, Uploads, UploadUnknown
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument

logger = logging.getLogger(__name__)

SEALED_TYPE = "application/octet-stream"
"""Media type of a sealed file."""

CONCURRENT_COPIES = 4
"""Jobs of a tenant whose inputs are copied at the same time. A batch of one delays nobody else."""

_UNKNOWN = "is no upload of yours, or it has expired; upload the file again"


@dataclass(frozen=True, slots=True)
class EarlierInput:
    """Input `index` of an earlier job, which `sealer` unseals."""

    input: JobInput
    facts: InputFacts
    sealer: Sealer
    index: int


InputSource: TypeAlias = pb.InputReference | EarlierInput
"""What an input is copied from: an upload, or the copy of an earlier job."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """The copy of one upload, or of one input of an earlier job."""

    staged: StagedContent
    stored: StoredArtifact
    input: JobInput
    facts: InputFacts


@dataclass(frozen=True, slots=True)
class CopiedInputs:
    """The inputs of a job that is being submitted."""

    copies: tuple[_Copy, ...] = ()

    @property
    def inputs(self) -> tuple[JobInput, ...]:
        """The inputs as the log names them."""
        return tuple(copy.input for copy in self.copies)

    @property
    def facts(self) -> tuple[InputFacts, ...]:
        """What identifies them, unsealed."""
        return tuple(copy.facts for copy in self.copies)


NO_INPUTS = CopiedInputs()


class JobInputs:
    """Copies uploads for jobs."""

    def __init__(self, uploads: Uploads, artifacts: ArtifactStore, limits: InputLimits) -> None:
        self._uploads = uploads
        self._artifacts = artifacts
        self._limits = limits
        self._copying: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def copied(self, sources: Sequence[InputSource], tenant: str, sealer: Sealer) -> CopiedInputs:
        """Copy the uploads that a request names, or inputs of an earlier job. Keep or drop the copies afterwards.

        Raises INVALID_ARGUMENT for an upload that cannot be used, FAILED_PRECONDITION for an earlier input that is
        lost, `ArtifactsUnavailable`, `LogUnavailable`.
        """
        if not sources:
            return NO_INPUTS
        copies: list[_Copy] = []
        async with self._copying.setdefault(tenant, asyncio.Semaphore(CONCURRENT_COPIES)):
            uploads = iter(await self._found(_uploaded(sources), tenant))
            try:
                for index, source in enumerate(sources):
                    if isinstance(source, EarlierInput):
                        copies.append(await self._copy_again(source, tenant, sealer, index))
                    else:
                        copies.append(await self._copy(source, next(uploads), tenant, sealer, index))
            except BaseException:
                await self.drop(CopiedInputs(tuple(copies)))
                raise
        return CopiedInputs(tuple(copies))

    async def check(self, sources: Sequence[InputSource], tenant: str) -> None:
        """Raise INVALID_ARGUMENT for an upload that cannot be used. Copies nothing."""
        await self._found(_uploaded(sources), tenant)

    async def keep(self, copied: CopiedInputs) -> None:
        """Note that the job is in the log."""
        for copy in copied.copies:
            try:
                await self._artifacts.discard(copy.staged)
            except ArtifactsUnavailable as error:
                logger.warning("a staged file stays until it is swept: %s", error)

    async def drop(self, copied: CopiedInputs) -> None:
        """Delete the copies: no commit names them. What cannot be deleted now is swept later."""
        for copy in copied.copies:
            try:
                await self._artifacts.delete(copy.stored.key)
                await self._artifacts.discard(copy.staged)
            except ArtifactsUnavailable as error:
                logger.warning("a copy of an upload stays until it is swept: %s", error)

    async def _found(self, references: Sequence[pb.InputReference], tenant: str) -> list[OpenUpload]:
        """Return the uploads that a request names. Raises INVALID_ARGUMENT with one violation for each wrong one."""
        found: list[OpenUpload] = []
        unknown: list[RequestViolation] = []
        wrong: list[RequestViolation] = []
        for index, reference in enumerate(references):
            at = f"inputs[{index}]"
            try:
                upload = await self._uploads.open(tenant, reference.upload_id)
            except UploadUnknown:
                unknown.append(RequestViolation(f"{at}.upload_id", _UNKNOWN))
                continue
            found.append(upload)
            role = InputRole(ROLE_FROM_PROTO[reference.role])
            if upload.media_type not in role.media_types:
                problem = (
                    f"{role} takes {' or '.join(role.media_types)}, and the upload is {upload.media_type}"
                )
                wrong.append(RequestViolation(f"{at}.role", problem))
        if unknown:
            raise invalid_argument([*unknown, *wrong], "UPLOAD_UNKNOWN")
        if wrong:
            raise invalid_argument(wrong, "INPUT_UNSUITABLE")
        return found

    async def _copy(
        self, reference: pb.InputReference, upload: OpenUpload, tenant: str, sealer: Sealer, index: int
    ) -> _Copy:
        try:
            staged, checked = await self._staged(upload, reference.upload_id, tenant, sealer, index)
        except UploadUnknown as error:
            violation = RequestViolation(f"inputs[{index}].upload_id", _UNKNOWN)
            raise invalid_argument([violation], "UPLOAD_UNKNOWN") from error
        stored = await self._committed(staged)
        copied = JobInput(
            role=ROLE_FROM_PROTO[reference.role],
            media_type=checked.media_type,
            size_bytes=checked.size_bytes,
            file=_sealed_file(stored),
            facts=seal_input_facts(checked.facts, sealer, index),
        )
        return _Copy(staged, stored, copied, checked.facts)

    async def _copy_again(self, source: EarlierInput, tenant: str, sealer: Sealer, index: int) -> _Copy:
        """Copy an input of an earlier job. Raises FAILED_PRECONDITION if it is lost."""
        earlier = source.input
        content = input_content(source.sealer, source.index).unseal(self._artifacts.read(earlier.file.key))
        try:
            staged = await self._artifacts.stage(
                input_content(sealer, index).seal(content), job_folder(tenant, sealer.job_id)
            )
        except UNREADABLE as error:
            message = f"input {source.index + 1} of job {source.sealer.job_id} is lost or damaged"
            raise RpcError(StatusCode.FAILED_PRECONDITION, "INPUT_LOST", message) from error
        stored = await self._committed(staged)
        facts = seal_input_facts(source.facts, sealer, index)
        return _Copy(staged, stored, replace(earlier, file=_sealed_file(stored), facts=facts), source.facts)

    async def _committed(self, staged: StagedContent) -> StoredArtifact:
        """Move a staged copy to its address. It stays staged as well."""
        return await commit_or_discard(self._artifacts, staged, SUFFIX, keep_staged=True)

    async def _staged(
        self, upload: OpenUpload, upload_id: str, tenant: str, sealer: Sealer, index: int
    ) -> tuple[StagedContent, CheckedContent]:
        """Stage a copy of an upload. One that was replaced meanwhile is copied from its new file.

        Raises `UploadUnknown`.
        """
        while True:
            checked = CheckedContent(self._limits)
            content = input_content(sealer, index).seal(checked.pieces(self._uploads.read(upload)))
            try:
                folder = job_folder(tenant, sealer.job_id)
                return await self._artifacts.stage(content, folder), checked
            except UNREADABLE as error:
                newer = await self._uploads.open(tenant, upload_id)
                if newer.stat.key == upload.stat.key:
                    logger.warning("an upload cannot be read: %s", error, extra=fields("upload_unreadable"))
                    raise UploadUnknown(upload_id) from error
                upload = newer


def _sealed_file(stored: StoredArtifact) -> Artifact:
    return Artifact(
        kind=ArtifactKind.INPUT,
        key=stored.key,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        media_type=SEALED_TYPE,
    )


def _uploaded(sources: Sequence[InputSource]) -> list[pb.InputReference]:
    return [source for source in sources if isinstance(source, pb.InputReference)]
