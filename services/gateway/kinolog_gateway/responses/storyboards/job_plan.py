"""A job that is not submitted: what it would be."""

from __future__ import annotations

from pydantic import Field

from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import PriorityName, optional_field, priority_name
from kinolog_gateway.responses.job_parts import JobLoraView, ResponseModel


class ReplacedWordView(ResponseModel):
    """A word that the model does not know, and the one that it reads instead."""

    word: str
    known: str


class ScenePlanView(ResponseModel):
    """A scene of a job that is not submitted."""

    index: int = Field(description="Index of the scene, from 0.")
    prompt: str
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: str = Field(examples=["pan left"])
    transition: str = Field(examples=["cut"])
    seed: int | None = Field(description="Null in a job that draws its seed.")
    ignored_words: list[str] = Field(
        description="Words that the model does not know and leaves out; none for a model that takes any words."
    )
    replaced_words: list[ReplacedWordView] = Field(description="Words that it reads as other ones.")


class JobPlanView(ResponseModel):
    """What a job would be, with everything that its model fills in. Nothing is stored."""

    model: str
    priority: PriorityName
    style: str | None
    negative_prompt: str | None
    size: str = Field(description="Width and height in pixels.", examples=["256x256"])
    duration_seconds: float = Field(description="Length of all scenes together.")
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int | None = Field(description="Null if one is drawn when the job is submitted.")
    profile: str = Field(examples=["exact"])
    loras: list[JobLoraView]
    chained: bool
    upscaler: str | None
    interpolate_fps: int | None
    codec: str
    crf: int
    scenes: list[ScenePlanView]
    writes_prompts: bool = Field(
        description="Whether a language model writes the prompts when the job is submitted. It is not asked here: the "
        "scenes are those that the job gets if it does not answer."
    )
    estimated_seconds: float | None = Field(
        description="How long the job will run, from past jobs; null without any of about this size."
    )
    estimated_from_jobs: int = Field(description="Number of past jobs that the estimate is made of.")
    cost: int = Field(
        description="Millions of pixels x frames x steps of one job, which limits of tenants count."
    )
    variants: int = Field(description="Number of jobs that the request makes: 1, or that of its variants.")
    total_cost: int = Field(description="Cost of all these jobs together.")
    total_estimated_seconds: float | None = Field(
        description="How long all these jobs run if one runs after the other; null if estimated_seconds is."
    )


def job_plan_view(plan: jobs.PlanJobResponse) -> JobPlanView:
    """Return the view of a plan."""
    spec = plan.spec
    return JobPlanView(
        model=spec.model,
        priority=priority_name(plan.priority),
        style=spec.style or None,
        negative_prompt=spec.negative_prompt or None,
        size=f"{spec.width}x{spec.height}",
        duration_seconds=plan.duration_seconds,
        frames=spec.frames,
        fps=spec.fps,
        steps=spec.steps,
        guidance=spec.guidance,
        seed=None if plan.draws_seed else spec.seed,
        profile=spec.profile or "exact",
        loras=JobLoraView.all_of(spec.loras),
        chained=spec.chained,
        upscaler=spec.upscaler or None,
        interpolate_fps=spec.interpolate_fps or None,
        codec=spec.codec,
        crf=spec.crf,
        scenes=[_scene(scene) for scene in plan.scenes],
        writes_prompts=plan.writes_prompts,
        estimated_seconds=optional_field(plan, "estimated_seconds"),
        estimated_from_jobs=plan.estimated_from_jobs,
        cost=plan.cost,
        variants=plan.variants,
        total_cost=plan.total_cost,
        total_estimated_seconds=optional_field(plan, "total_estimated_seconds"),
    )


def _scene(scene: jobs.ScenePlan) -> ScenePlanView:
    return ScenePlanView(
        index=scene.index,
        prompt=scene.prompt,
        start_seconds=scene.start_seconds,
        duration_seconds=scene.duration_seconds,
        frames=scene.frames,
        camera=scene.camera,
        transition=scene.transition,
        seed=optional_field(scene, "seed"),
        ignored_words=list(scene.ignored_words),
        replaced_words=[ReplacedWordView(word=one.word, known=one.known) for one in scene.replaced_words],
    )
