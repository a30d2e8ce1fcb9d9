"""ReadArtifact: streams the bytes of a job's files."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from grpc import StatusCode

from kinolog.codec.enums import KIND_FROM_PROTO
from kinolog.codec.values import artifact_to_proto
from kinolog.job.state import Job
from kinolog.job.values import Artifact, ArtifactKind
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactStore
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError, job_erased

MAX_CHUNK_BYTES = 256 * 1024
"""Bytes of the file in one message."""


class ReadArtifact:
    """ReadArtifact."""

    def __init__(self, queries: JobQueries, artifacts: ArtifactStore) -> None:
        self._queries = queries
        self._artifacts = artifacts

    async def read_artifact(
        self, request: pb.ReadArtifactRequest, call: RpcCall
    ) -> AsyncGenerator[pb.ReadArtifactResponse, None]:
        """ReadArtifact: yield the description of the file in the first message, and its bytes in all."""
        job = (await self._queries.load(call.tenant, request.job_id)).job
        artifact = _find_artifact(job, KIND_FROM_PROTO[request.kind], request.scene)
        start, end = _byte_range(artifact, request.offset, request.limit)
        wire = pb.ReadArtifactResponse(artifact=artifact_to_proto(artifact))
        sent = 0
        async for content in self._artifacts.read(artifact.key, start, end):
            view = memoryview(content)
            for begin in range(0, len(view), MAX_CHUNK_BYTES):
                wire.data = bytes(view[begin : begin + MAX_CHUNK_BYTES])
                sent += len(wire.data)
                yield wire
                wire = pb.ReadArtifactResponse()
        if sent != end - start:
            raise ArtifactDamaged(
                f"{artifact.key} ends after {start + sent} bytes, not {artifact.size_bytes}"
            )
        if not sent:
            yield wire


def _find_artifact(job: Job, kind: ArtifactKind, scene: int) -> Artifact:
    if job.erased:
        raise job_erased(job.id)
    if kind is ArtifactKind.SCENE:
        found = next((s.artifact for s in job.scenes if s.index == scene and s.artifact), None)
    else:
        found = next((artifact for artifact in job.artifacts if artifact.kind is kind), None)
    if found is None:
        name = f"{kind} {scene}" if kind is ArtifactKind.SCENE else kind.value
        message = f"job {job.id}, which is {job.status}, has no {name}"
        metadata = {"job_id": job.id, "status": job.status.value}
        raise RpcError(StatusCode.NOT_FOUND, "NO_SUCH_ARTIFACT", message, metadata=metadata)
    return found


def _byte_range(artifact: Artifact, offset: int, limit: int) -> tuple[int, int]:
    """Return the range of bytes to read, its end excluded. Raises OUT_OF_RANGE if it starts after the file's end."""
    size = artifact.size_bytes
    if offset > size:
        message = f"offset: {offset} is after the end of the file, which has {size} bytes"
        raise RpcError(StatusCode.OUT_OF_RANGE, "OFFSET_AHEAD", message, metadata={"size_bytes": str(size)})
    return offset, min(size, offset + limit) if limit else size
