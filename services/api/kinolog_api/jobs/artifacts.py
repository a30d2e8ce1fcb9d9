"""The bytes of a job's files."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from grpc import StatusCode

from kinolog.codec.enums import KIND_FROM_WIRE
from kinolog.codec.values import artifact_to_proto
from kinolog.job.state import Job
from kinolog.job.values import Artifact, ArtifactKind
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactStore
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.errors import RpcError, job_erased

PIECE_BYTES = 256 * 1024
"""Most bytes in one message."""


class ReadArtifact:
    """ReadArtifact."""

    def __init__(self, reading: JobQueries, artifacts: ArtifactStore) -> None:
        self._reading = reading
        self._artifacts = artifacts

    async def read_artifact(
        self, request: pb.ReadArtifactRequest, call: Call
    ) -> AsyncGenerator[pb.ReadArtifactResponse, None]:
        """ReadArtifact: the facts of the file in the first message, then its bytes."""
        job = (await self._reading.load(call.tenant, request.job_id)).job
        artifact = _wanted(job, KIND_FROM_WIRE[request.kind], request.scene)
        start, end = _range(artifact, request.offset, request.limit)
        wire = pb.ReadArtifactResponse(artifact=artifact_to_proto(artifact))
        sent = 0
        async for chunk in self._artifacts.read(artifact.key, start, end):
            view = memoryview(chunk)
            for begin in range(0, len(view), PIECE_BYTES):
                wire.data = bytes(view[begin : begin + PIECE_BYTES])
                sent += len(wire.data)
                yield wire
                wire = pb.ReadArtifactResponse()
        if sent != end - start:
            raise ArtifactDamaged(
                f"{artifact.key} ends after {start + sent} bytes, not {artifact.size_bytes}"
            )
        if not sent:
            yield wire


def _wanted(job: Job, kind: ArtifactKind, scene: int) -> Artifact:
    if job.erased:
        raise job_erased(job.id)
    if kind is ArtifactKind.SCENE:
        found = next((s.artifact for s in job.scenes if s.index == scene and s.artifact), None)
    else:
        found = next((artifact for artifact in job.artifacts if artifact.kind is kind), None)
    if found is None:
        what = f"{kind} {scene}" if kind is ArtifactKind.SCENE else kind.value
        message = f"job {job.id}, which is {job.status}, has no {what}"
        facts = {"job_id": job.id, "status": job.status.value}
        raise RpcError(StatusCode.NOT_FOUND, "NO_SUCH_ARTIFACT", message, metadata=facts)
    return found


def _range(artifact: Artifact, offset: int, limit: int) -> tuple[int, int]:
    """First byte, and the one behind the last. Raises OUT_OF_RANGE when it begins behind the end of the file."""
    size = artifact.size_bytes
    if offset > size:
        message = f"offset: {offset} is behind the end of the file, which has {size} bytes"
        facts = {"size_bytes": str(size)}
        raise RpcError(StatusCode.OUT_OF_RANGE, "OFFSET_AHEAD", message, metadata=facts)
    return offset, min(size, offset + limit) if limit else size
