"""ListModels and ListWorkers: the models of the catalogue and the workers that serve them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kinolog.codec.enums import ROLE_TO_PROTO
from kinolog.codec.rendering.profile import cache_to_proto
from kinolog.codec.values import lora_to_proto
from kinolog.codec.workers import worker_to_proto
from kinolog.job.rendering.profile import EXACT
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.input_roles import InputRole
from kinolog.models.servers.video_server import FirstPicture, first_picture
from kinolog.ports.workers import WorkerRegistry, WorkerReport
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.choices.job_profile import profile_loras
from kinolog_api.jobs.worker_limits import offered_codecs
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.tenants import TenantLookup


class ListCatalogue:
    """ListModels and ListWorkers."""

    def __init__(
        self, catalogue: Catalogue, workers: WorkerRegistry, tenants: TenantLookup, prompt_writer: str = ""
    ) -> None:
        """`prompt_writer` is the name of the language model that writes prompts; empty without one."""
        self._prompt_writer = prompt_writer
        self._catalogue = catalogue
        self._workers = workers
        self._tenants = tenants

    async def list_models(self, request: pb.ListModelsRequest, call: RpcCall) -> pb.ListModelsResponse:
        """ListModels."""
        workers = await self._workers.present_workers()
        default = self._catalogue.default.name
        return pb.ListModelsResponse(
            prompt_writer=self._prompt_writer,
            upscalers=[
                job_pb2.Upscaler(
                    name=entry.name, description=entry.description, licence=entry.licence, scale=entry.scale
                )
                for entry in self._catalogue.upscalers.values()
            ],
            loras=map(self._lora_to_proto, self._catalogue.loras.values()),
            models=[
                _model_to_proto(
                    entry,
                    is_default=entry.name == default,
                    workers=workers,
                    loras=self._catalogue.loras,
                )
                for entry in self._catalogue
            ],
        )

    async def list_workers(self, request: pb.ListWorkersRequest, call: RpcCall) -> pb.ListWorkersResponse:
        """ListWorkers. All tenants share the workers; what they do for other tenants is left out of the response."""
        workers = [await self._visible_to(call, w) for w in await self._workers.present_workers()]
        return pb.ListWorkersResponse(workers=map(worker_to_proto, workers))

    def _lora_to_proto(self, entry: LoraEntry) -> job_pb2.Lora:
        return job_pb2.Lora(
            name=entry.name,
            description=entry.description,
            licence=entry.licence,
            families=entry.families,
            models=[model.name for model in self._catalogue if entry in self._catalogue.loras_of(model)],
            default_weight=entry.weight,
            trigger_words=entry.trigger_words,
        )

    async def _visible_to(self, call: RpcCall, report: WorkerReport) -> WorkerReport:
        """Return the report without a job of another tenant, and without what the worker did for all of them.

        Who shares the workers with nobody, and an operator, reads how busy they are (decision 111).
        """
        own = {job_id for job_id in report.job_ids if await self._tenants.tenant_of(job_id) == call.tenant}
        is_own = report.job_id in own
        shown = report if is_own else replace(report, job_id="", attempt=0)
        if report.other_job_id not in own:
            shown = replace(shown, other_job_id="")
        shown = replace(shown, server_job_ids=tuple(filter(own.__contains__, report.server_job_ids)))
        if call.sees_load:
            return shown
        if not is_own:
            shown = replace(shown, stage=None, step=0, steps=0)
        return replace(shown, loaded_models=(), memory_used_bytes=0, jobs_completed=0, attempts_failed=0)


def _inputs_to_proto(entry: ModelEntry) -> Iterator[job_pb2.ModelInput]:
    if (first := first_picture(entry)) is not FirstPicture.NONE:
        role, required = InputRole.FIRST_FRAME, first is FirstPicture.REQUIRED
        yield job_pb2.ModelInput(role=ROLE_TO_PROTO[role], required=required, most=1)
    if entry.family is None:
        return
    for role, taken in entry.family.inputs.items():
        required = not taken.optional and role not in entry.family.alternatives
        yield job_pb2.ModelInput(role=ROLE_TO_PROTO[role], required=required, most=taken.most)


def _profiles_to_proto(entry: ModelEntry, loras: Mapping[str, LoraEntry]) -> Iterator[job_pb2.Profile]:
    defaults = entry.defaults
    yield job_pb2.Profile(
        name=EXACT, description="The model as it is.", steps=defaults.steps, guidance=defaults.guidance
    )
    for name, profile in entry.profiles.items():
        yield job_pb2.Profile(
            name=name,
            description=profile.description,
            steps=profile.made_steps or defaults.steps,
            guidance=defaults.guidance if profile.guidance is None else profile.guidance,
            loras=map(lora_to_proto, profile_loras(profile, (), loras)),
            sigmas=profile.sigmas,
            flow_shift=profile.flow_shift or 0.0,
            cache=cache_to_proto(profile.step_cache),
        )


def _model_to_proto(
    entry: ModelEntry,
    *,
    is_default: bool,
    workers: Sequence[WorkerReport],
    loras: Mapping[str, LoraEntry],
) -> job_pb2.Model:
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
            codec=defaults.codec,
            crf=defaults.crf or defaults.codec.crf_range.usual,
        ),
        sizes=entry.sizes,
        max_frames=entry.max_frames,
        max_steps=entry.max_steps,
        styles=entry.styles,
        vocabulary=entry.vocabulary,
        inputs=_inputs_to_proto(entry),
        profiles=_profiles_to_proto(entry, loras),
        window_frames=entry.window_frames,
        codecs=(defaults.codec,) if entry.files_at_once else offered_codecs(workers, entry.name),
        workers=[report.name for report in workers if entry.name in report.models],
    )
