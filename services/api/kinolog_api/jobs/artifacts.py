"""ReadArtifact: streams the bytes of a job's files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from grpc import StatusCode

from kinolog.codec.enums import KIND_FROM_PROTO
from kinolog.codec.values import artifact_to_proto
from kinolog.counts import counted
from kinolog.job.state import Job
from kinolog.job.values import Artifact, ArtifactKind
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactStore
from kinolog.privacy.sealer import UnsealFailed
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.inputs.input_contents import open_input
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError, job_erased

MAX_CHUNK_BYTES = 256 * 1024
"""Bytes of the file in one message."""

OF_A_SCENE = (ArtifactKind.SCENE, ArtifactKind.SCENE_THUMBNAIL)


class ReadArtifact:
    """ReadArtifact."""

    def __init__(self, queries: JobQueries, artifacts: ArtifactStore) -> None:
        self._queries = queries
        self._artifacts = artifacts

    async def read_artifact(
        self, request: pb.ReadArtifactRequest, call: RpcCall
    ) -> AsyncGenerator[pb.ReadArtifactResponse, None]:
        """ReadArtifact: yield the description of the file in the first message, and its bytes in all.

        A file that is missing or damaged is refused before the first byte, also if the range is empty.
        """
        job = (await self._queries.load(call.tenant, request.job_id)).job
        kind = KIND_FROM_PROTO[request.kind]
        if kind is ArtifactKind.INPUT:
            content = open_input(job, request.input, await self._queries.key_of(job), self._artifacts)
            artifact = content.artifact
        else:
            content = None
            artifact = find_artifact(job, kind, request.scene)
        start, end = _byte_range(artifact, request.offset, request.limit)
        pieces = content.read(start, end) if content else self._artifacts.read(artifact.key, start, end)
        try:
            async for message in self._messages(artifact, pieces, end - start):
                yield message
        except (ArtifactMissing, ArtifactDamaged, UnsealFailed) as error:
            raise unusable_artifact(job, artifact, error) from error

    async def _messages(
        self, artifact: Artifact, pieces: AsyncIterator[bytes], expected: int
    ) -> AsyncGenerator[pb.ReadArtifactResponse, None]:
        wire = pb.ReadArtifactResponse(artifact=artifact_to_proto(artifact))
        sent = 0
        async for content in pieces:
            view = memoryview(content)
            for begin in range(0, len(view), MAX_CHUNK_BYTES):
                wire.data = bytes(view[begin : begin + MAX_CHUNK_BYTES])
                sent += len(wire.data)
                yield wire
                wire = pb.ReadArtifactResponse()
        if sent != expected:
            raise ArtifactDamaged(artifact.key)
        if not sent:
            yield wire


def find_artifact(job: Job, kind: ArtifactKind, scene: int) -> Artifact:
    """Return a file of a job; `scene` is the index of a scene's. Raises `RpcError` if it has none."""
    if job.erased:
        raise job_erased(job.id)
    if kind is ArtifactKind.SCENE:
        found = next((s.artifact for s in job.scenes if s.index == scene), None)
    elif kind is ArtifactKind.SCENE_THUMBNAIL:
        found = next((s.thumbnail for s in job.scenes if s.index == scene), None)
    else:
        found = next((artifact for artifact in job.artifacts if artifact.kind is kind), None)
    if found is None:
        name = f"{kind} {scene}" if kind in OF_A_SCENE else kind.value
        message = f"job {job.id}, which is {job.status}, has no {name}"
        metadata = {"job_id": job.id, "status": job.status.value}
        raise RpcError(StatusCode.NOT_FOUND, "NO_SUCH_ARTIFACT", message, metadata=metadata)
    return found


def unusable_artifact(job: Job, artifact: Artifact, error: Exception) -> RpcError:
    """Return the error for a file that the job lists but that is not stored, or not as it was."""
    missing = isinstance(error, ArtifactMissing)
    state = "is no longer stored" if missing else "is damaged: its bytes are not those that were recorded"
    message = (
        f"the {artifact.kind} of job {job.id} {state}; put {artifact.key} back into the artifact store from a backup, "
        "or submit the request again"
    )
    metadata = {"job_id": job.id, "key": artifact.key}
    if missing:
        return RpcError(StatusCode.NOT_FOUND, "ARTIFACT_MISSING", message, metadata=metadata)
    return RpcError(StatusCode.DATA_LOSS, "ARTIFACT_DAMAGED", message, metadata=metadata)


def _byte_range(artifact: Artifact, offset: int, limit: int) -> tuple[int, int]:
    """Return the range of bytes to read, its end excluded. Raises OUT_OF_RANGE if it starts after the file's end."""
    size = artifact.size_bytes
    if offset > size:
        message = f"offset: {offset} is after the end of the file, which has {counted(size, 'byte')}"
        raise RpcError(StatusCode.OUT_OF_RANGE, "OFFSET_AHEAD", message, metadata={"size_bytes": str(size)})
    return offset, min(size, offset + limit) if limit else size
