"""The inputs of jobs, unsealed for their owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from grpc import StatusCode

from kinolog.counts import counted
from kinolog.job.state import Job
from kinolog.job.values import Artifact
from kinolog.ports.artifacts import ArtifactStore
from kinolog.privacy.sealed_content import CHUNK_BYTES, SEALED_CHUNK_BYTES, ContentSealer, sealed_range
from kinolog.privacy.sealed_fields import input_content, unseal_job
from kinolog.privacy.sealer import Sealer
from kinolog_api.rpc.errors import RpcError, job_erased


@dataclass(frozen=True, slots=True)
class InputContent:
    """One input. `artifact` describes its content; its key is that of the sealed file."""

    artifact: Artifact
    sealed_bytes: int
    sealer: ContentSealer
    store: ArtifactStore

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield bytes `start` to `end` (excluded). Raises `UnsealFailed`, `ArtifactMissing`, `ArtifactDamaged`."""
        first, after = sealed_range(start, end, self.artifact.size_bytes)
        whole = after * SEALED_CHUNK_BYTES >= self.sealed_bytes
        sealed = self.store.read(self.artifact.key, first * SEALED_CHUNK_BYTES, after * SEALED_CHUNK_BYTES)
        at = first * CHUNK_BYTES
        async for piece in self.sealer.unseal(sealed, first=first, whole=whole):
            if wanted := piece[max(0, start - at) : max(0, end - at)]:
                yield wanted
            at += len(piece)


def open_input(job: Job, index: int, key: bytes | None, store: ArtifactStore) -> InputContent:
    """Return an input of a job, whose key is None if it is erased. Raises JOB_ERASED, NOT_FOUND, `UnsealFailed`."""
    if key is None:
        raise job_erased(job.id)
    inputs = job.spec.inputs
    if index >= len(inputs):
        message = f"job {job.id} has {counted(len(inputs), 'input')}, and none with index {index}"
        metadata = {"job_id": job.id}
        raise RpcError(StatusCode.NOT_FOUND, "NO_SUCH_ARTIFACT", message, metadata=metadata)
    facts, found = unseal_job(job, key).inputs[index], inputs[index]
    described = replace(
        found.file, sha256=facts.sha256, size_bytes=found.size_bytes, media_type=found.media_type
    )
    sealer = input_content(Sealer(job.id, key), index)
    return InputContent(described, found.file.size_bytes, sealer, store)
