"""ReproduceJob: a completed job is rendered again from what is on record, and the worker compares the two videos.

See docs/decisions/0126.
"""

from __future__ import annotations

from grpc import StatusCode

from kinolog.access.api_key import Scope
from kinolog.codec.enums import PRIORITY_FROM_PROTO
from kinolog.codec.public_job import public_job
from kinolog.ids import job_id as derive_job_id
from kinolog.ids import new_request_id
from kinolog.job.state import Job
from kinolog.job.values import Priority, Status
from kinolog.models.catalogue import Catalogue
from kinolog.ports.clock import Clock
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.privacy.sealer import Sealer
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.jobs.submit_job import SubmitJob
from kinolog_api.reproductions.recorded_models import changes_since
from kinolog_api.reproductions.recorded_plan import recorded_submit
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError, job_erased, job_not_completed, scope_missing

METHOD = "ReproduceJob"


class ReproduceJob:
    """ReproduceJob."""

    def __init__(self, submit: SubmitJob, queries: JobQueries, catalogue: Catalogue, clock: Clock) -> None:
        self._submit = submit
        self._queries = queries
        self._catalogue = catalogue
        self._clock = clock

    async def reproduce(self, request: pb.ReproduceJobRequest, call: RpcCall) -> pb.ReproduceJobResponse:
        """ReproduceJob.

        Raises NOT_FOUND for an unknown job, FAILED_PRECONDITION for one that cannot be reproduced, and what a submit
        raises.
        """
        if Scope.READ not in call.scopes:  # the new job shows what the original does
            raise scope_missing(Scope.READ, METHOD)
        original = (await self._queries.load(call.tenant, request.job_id)).job
        self._check(original)
        key = await self._queries.key_of(original)
        if key is None:  # it was erased since it was loaded
            raise job_erased(original.id)
        request_id = request.request_id or new_request_id(self._clock())
        item = recorded_submit(
            original,
            unseal_job(original, key),
            Sealer(original.id, key),
            job_id=derive_job_id(call.tenant, request_id),
            request_id=request_id,
            priority=PRIORITY_FROM_PROTO.get(request.priority, Priority.LOW),
            body=request.SerializeToString(deterministic=True),
        )
        accepted = await self._submit.submit_planned(item, call)
        return pb.ReproduceJobResponse(
            job=public_job(accepted.job, accepted.position, accepted.unsealed),
            position=accepted.position,
            created=accepted.created,
        )

    def _check(self, original: Job) -> None:
        """Raise FAILED_PRECONDITION if the job has no video to compare with, or cannot be rendered as it was."""
        if original.erased:
            raise job_erased(original.id)
        if original.status is not Status.COMPLETED or original.media is None:
            raise job_not_completed(original.id, original.status, "it can be reproduced once it is completed")
        changes = changes_since(original, self._catalogue)
        if changes:
            message = f"job {original.id} cannot be reproduced: {'; '.join(changes)}"
            metadata = {"job_id": original.id}
            raise RpcError(StatusCode.FAILED_PRECONDITION, "NOT_REPRODUCIBLE", message, metadata=metadata)
