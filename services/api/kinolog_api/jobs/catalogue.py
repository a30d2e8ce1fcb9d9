"""What can run, and where: models and workers."""

from __future__ import annotations

from collections.abc import Sequence

from kinolog.codec.enums import STAGE_TO_WIRE
from kinolog.codec.times import time_to_proto
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.ports.workers import WorkerRegistry, WorkerReport
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.tenants import TenantLookup


class ListCatalogue:
    """ListModels and ListWorkers."""

    def __init__(self, catalogue: Catalogue, workers: WorkerRegistry, tenancy: TenantLookup) -> None:
        self._catalogue = catalogue
        self._workers = workers
        self._tenancy = tenancy

    async def list_models(self, request: pb.ListModelsRequest, call: Call) -> pb.ListModelsResponse:
        """ListModels."""
        present = await self._workers.present_workers()
        default = self._catalogue.default.name
        return pb.ListModelsResponse(
            models=[_put_model(entry, entry.name == default, present) for entry in self._catalogue]
        )

    async def list_workers(self, request: pb.ListWorkersRequest, call: Call) -> pb.ListWorkersResponse:
        """ListWorkers. All tenants share the workers; which job of another tenant one has is left out."""
        workers = []
        for report in await self._workers.present_workers():
            own = bool(report.job_id) and await self._tenancy.tenant_of(report.job_id) == call.tenant
            workers.append(_put_worker(report, own))
        return pb.ListWorkersResponse(workers=workers)


def _put_model(entry: ModelEntry, is_default: bool, present: Sequence[WorkerReport]) -> job_pb2.Model:
    defaults = entry.defaults
    return job_pb2.Model(
        name=entry.name,
        description=entry.description,
        is_default=is_default,
        defaults=job_pb2.JobSpec(
            model=entry.name,
            negative_prompt=defaults.negative_prompt,
            width=defaults.width,
            height=defaults.height,
            frames=defaults.frames,
            fps=defaults.fps,
            steps=defaults.steps,
            guidance=defaults.guidance,
        ),
        sizes=entry.sizes,
        max_frames=entry.max_frames,
        max_steps=entry.max_steps,
        styles=entry.styles,
        workers=[report.name for report in present if entry.name in report.models],
    )


def _put_worker(report: WorkerReport, own_job: bool) -> job_pb2.Worker:
    wire = job_pb2.Worker(
        name=report.name,
        device=report.device,
        hardware=report.hardware,
        models=report.models,
        loaded_models=report.loaded_models,
        job_id=report.job_id if own_job else "",
        attempt=report.attempt if own_job else 0,
        stage=STAGE_TO_WIRE[report.stage] if report.stage else job_pb2.STAGE_UNSPECIFIED,
        step=report.step,
        steps=report.steps,
        memory_used_bytes=report.memory_used_bytes,
        memory_total_bytes=report.memory_total_bytes,
        jobs_completed=report.jobs_completed,
        attempts_failed=report.attempts_failed,
        libraries=dict(report.libraries),
    )
    time_to_proto(wire.started_at, report.started_at)
    time_to_proto(wire.seen_at, report.seen_at)
    return wire
