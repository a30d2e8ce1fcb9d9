"""SubmitJob with variants: one request makes jobs that differ in their seeds only.

See docs/decisions/0132.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from kinolog.ids import job_id as derive_job_id
from kinolog.storyboard.recorded_scenes import recorded_scenes
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.sealed_submit import PlannedSubmit
from kinolog_api.jobs.submit_job import AcceptedJob, SubmitJob
from kinolog_api.jobs.worker_limits import NewJobChecks
from kinolog_api.limits.queue_limits import QueueLimits
from kinolog_api.rpc.calls import RpcCall


class SubmitVariants:
    """SubmitJob. A request for one job is passed on."""

    def __init__(self, submit: SubmitJob, checks: NewJobChecks, queue_limits: QueueLimits) -> None:
        self._submit = submit
        self._checks = checks
        self._queue_limits = queue_limits

    async def submit(self, request: pb.SubmitJobRequest, call: RpcCall) -> pb.SubmitJobResponse:
        """Store all variants, or none if one is refused. A repeated request finds those that are stored.

        Raises what the submit of a single job raises. If the log becomes unavailable meanwhile, the variants that it
        lacks are stored when the request is repeated.
        """
        if request.variants < 2:
            return await self._submit.submit(request, call)
        prepared = await self._submit.prepared(request, call)
        first = replace(prepared, variant_of=prepared.job_id, variant=1)
        others = [_numbered(first, number, call) for number in range(2, request.variants + 1)]
        for error in (await self._checks.refused(others)).values():
            raise error
        with await self._queue_limits.places(call.tenant, [first, *others]) as places:
            for error in places.refused.values():
                raise error
            accepted = [await self._submit.stored(first, call)]
            places.keep(first.job_id, accepted[0].position)
            for other in await self._stored([_following(one, accepted[0]) for one in others], call):
                places.keep(other.job.id, other.position)
                accepted.append(other)
        return pb.SubmitJobResponse(
            job=accepted[0].public,
            position=max(one.position for one in accepted),
            created=accepted[0].created,
            variants=[one.public for one in accepted],
        )

    async def _stored(self, items: list[PlannedSubmit], call: RpcCall) -> list[AcceptedJob]:
        """Store jobs together. Raises the first error once none of them is being stored."""
        outcomes = await asyncio.gather(
            *(self._submit.stored(item, call) for item in items), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [outcome for outcome in outcomes if isinstance(outcome, AcceptedJob)]


def _numbered(first: PlannedSubmit, number: int, call: RpcCall) -> PlannedSubmit:
    """Return a variant, still with the seeds of the first one. Its request id derives from that of the request."""
    request_id = f"{first.request_id}:variant-{number}"
    return replace(
        first, request_id=request_id, job_id=derive_job_id(call.tenant, request_id), variant=number
    )


def _following(variant: PlannedSubmit, first: AcceptedJob) -> PlannedSubmit:
    """Return the variant with its seeds, which follow those of the first one as it is in the log.

    An earlier request may have stored that with a seed and with scenes of its own.
    """
    spec, further = first.job.spec, variant.variant - 1
    plan = replace(
        variant.plan,
        seed=spec.seed + further,
        prompt_writer=spec.prompt_writer,
        prompt_writer_trouble=spec.prompt_writer_trouble,
    )
    scenes = recorded_scenes(first.job, first.unsealed.prompt, first.unsealed.scenes)
    return replace(
        variant, plan=plan, scenes=tuple(replace(scene, seed=scene.seed + further) for scene in scenes)
    )
