"""PlanJob: what a job would be. It is validated like one that is submitted, and nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from kinolog.codec.enums import PRIORITY_TO_PROTO
from kinolog.codec.plain_fields import plain_fields
from kinolog.codec.values import lora_to_proto
from kinolog.models.catalogue import Catalogue
from kinolog.storyboard.planner import PlannedScene
from kinolog.storyboard.prompt_vocabulary import PromptVocabulary, VocabularyMatch
from kinolog.storyboard.render_times import RenderSize
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.inputs.job_inputs import JobInputs
from kinolog_api.jobs.job_plan import JobPlan
from kinolog_api.jobs.sealed_submit import PlannedSubmit
from kinolog_api.jobs.submit_job import SubmitJob
from kinolog_api.jobs.worker_limits import NewJobChecks
from kinolog_api.plans.run_estimates import RunEstimates
from kinolog_api.prompts.written_scenes import WriteScenes, wants_writer
from kinolog_api.rpc.calls import RpcCall

KNOWN_VOCABULARIES = 16


class PlanJob:
    """Plans jobs that are not submitted.

    What depends on the moment of a submit is left to it: full disks, places in the queue, and earlier jobs with the
    same request id. No language model is asked, because it may write other scenes for the submitted job.
    """

    def __init__(
        self,
        submit: SubmitJob,
        checks: NewJobChecks,
        inputs: JobInputs,
        scene_writer: WriteScenes,
        catalogue: Catalogue,
        estimates: RunEstimates,
    ) -> None:
        self._submit = submit
        self._checks = checks
        self._inputs = inputs
        self._scene_writer = scene_writer
        self._catalogue = catalogue
        self._estimates = estimates

    async def checked(self, job: pb.SubmitJobRequest, call: RpcCall) -> PlannedSubmit:
        """Return a job as a submit would plan it now. Raises `RpcError` for one that would be refused."""
        item = self._submit.validated(job, call)
        if wants_writer(job):
            self._scene_writer.check_present()
        await self._inputs.check(item.inputs, call.tenant)
        await self._checks.check(item)
        return item

    async def plan(self, request: pb.PlanJobRequest, call: RpcCall) -> pb.PlanJobResponse:
        """PlanJob."""
        job = request.job
        item = await self.checked(job, call)
        plan = item.plan
        size = RenderSize(plan.width * plan.height, plan.frames, plan.steps)
        estimate = await self._estimates.estimate(call.tenant, plan.model, size)
        model = self._catalogue.get(plan.model)
        words = model.vocabulary if model is not None else ()
        # Words that are similar to known ones are looked for in a thread: a long prompt has many.
        matches = await asyncio.to_thread(_matches, words, item.scenes)
        draws_seed = not job.HasField("seed")
        variants = max(1, job.variants)
        return pb.PlanJobResponse(
            spec=_spec(plan, draws_seed=draws_seed),
            priority=PRIORITY_TO_PROTO[plan.priority],
            scenes=[
                _scene(scene, match, has_seed=not draws_seed)
                for scene, match in zip(item.scenes, matches, strict=True)
            ],
            duration_seconds=sum(scene.duration_seconds for scene in item.scenes),
            draws_seed=draws_seed,
            writes_prompts=wants_writer(job),
            estimated_seconds=estimate.seconds if estimate is not None else None,
            estimated_from_jobs=estimate.jobs if estimate is not None else 0,
            cost=item.cost,
            variants=variants,
            total_cost=variants * item.cost,
            total_estimated_seconds=variants * estimate.seconds if estimate is not None else None,
        )


def _spec(plan: JobPlan, *, draws_seed: bool) -> job_pb2.JobSpec:
    spec = job_pb2.JobSpec(
        **plain_fields(job_pb2.JobSpec, plan),
        webhook_events=plan.webhook_events,
        loras=map(lora_to_proto, plan.loras),
        sigmas=plan.sigmas,
    )
    if draws_seed:
        spec.seed = 0
    return spec


def _scene(scene: PlannedScene, match: VocabularyMatch, *, has_seed: bool) -> pb.ScenePlan:
    return pb.ScenePlan(
        index=scene.index,
        prompt=scene.prompt,
        start_seconds=scene.start_seconds,
        duration_seconds=scene.duration_seconds,
        frames=scene.frames,
        camera=scene.camera.value,
        transition=scene.transition.value,
        seed=scene.seed if has_seed else None,
        ignored_words=match.dropped,
        replaced_words=[pb.ReplacedWord(word=word, known=known) for word, known in match.replaced],
    )


def _matches(words: tuple[str, ...], scenes: Sequence[PlannedScene]) -> list[VocabularyMatch]:
    """Return what a model does not know of each scene. A model without a list of words takes any."""
    if not words:
        return [VocabularyMatch()] * len(scenes)
    vocabulary = _vocabulary(words)
    return [vocabulary.rewrite(scene.prompt)[1] for scene in scenes]


@lru_cache(maxsize=KNOWN_VOCABULARIES)
def _vocabulary(words: tuple[str, ...]) -> PromptVocabulary:
    return PromptVocabulary(words)
