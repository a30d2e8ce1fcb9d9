"""A job's result, its manifest and its storyboard."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import StatusWord, instant, status_name
from kinolog_gateway.responses.job import JobLinks, links
from kinolog_gateway.responses.job_parts import ArtifactView, AttemptView, MediaView, ResponseModel


class ResultView(ResponseModel):
    """The result of a completed job: facts and links."""

    job_id: str
    status: StatusWord
    completed_at: datetime | None
    gpu_seconds: float = Field(description="Device time spent on it.")
    media: MediaView
    artifacts: list[ArtifactView]
    links: JobLinks


class SpecView(ResponseModel):
    """What was asked for, without the prompts."""

    model: str
    size: str
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    style: str | None


class RecordView(ResponseModel):
    """Where the log holds the job's history."""

    commits: int
    events: int
    position: int = Field(description="Position of the last commit.")
    hash: str = Field(
        description="SHA-256 of the last commit, which holds the hash of the one before, and so on."
    )


class ManifestView(ResponseModel):
    """What it takes to check a video against the log, and to make it again. It holds no prompt."""

    job_id: str
    completed_at: datetime | None
    spec: SpecView
    media: MediaView
    artifacts: list[ArtifactView]
    attempts: list[AttemptView]
    record: RecordView


class SceneView(ResponseModel):
    """A part of the video with a prompt of its own."""

    index: int = Field(description="Place in the order, from 0.")
    prompt: str | None = Field(description="What the scene shall show; null once the job is erased.")
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: str = Field(examples=["pan left"])
    transition: str = Field(examples=["cut"])
    seed: int
    status: StatusWord
    video: str | None = Field(description="Link to the rendered scene, once it is rendered.")
    thumbnail: str | None = Field(description="Link to a picture of the scene; null where there is none.")


class StoryboardView(ResponseModel):
    """The scenes of a job."""

    job_id: str
    duration_seconds: float = Field(description="Length of all scenes.")
    scenes: list[SceneView]


def result_view(job_id: str, result: jobs.GetResultResponse) -> ResultView:
    """The result of a completed job."""
    artifacts = [ArtifactView.of(artifact) for artifact in result.artifacts]
    return ResultView(
        job_id=job_id,
        status="completed",
        completed_at=instant(result, "completed_at"),
        gpu_seconds=result.gpu_seconds,
        media=MediaView.of(result.media),
        artifacts=artifacts,
        links=links(job_id, frozenset(artifact.kind for artifact in artifacts), completed=True),
    )


def manifest_view(
    job: pb.Job, result: jobs.GetResultResponse, history: audit.GetHistoryResponse
) -> ManifestView:
    """The manifest of a completed job."""
    spec, last = job.spec, history.commits[-1]
    return ManifestView(
        job_id=job.id,
        completed_at=instant(result, "completed_at"),
        spec=SpecView(
            model=spec.model,
            size=f"{spec.width}x{spec.height}",
            frames=spec.frames,
            fps=spec.fps,
            steps=spec.steps,
            guidance=spec.guidance,
            seed=spec.seed,
            style=spec.style or None,
        ),
        media=MediaView.of(result.media),
        artifacts=[ArtifactView.of(artifact) for artifact in result.artifacts],
        attempts=[AttemptView.of(attempt) for attempt in job.attempts],
        record=RecordView(
            commits=len(history.commits), events=last.version, position=last.position, hash=last.hash
        ),
    )


def storyboard_view(job_id: str, storyboard: jobs.GetStoryboardResponse) -> StoryboardView:
    """The scenes of a job."""
    return StoryboardView(
        job_id=job_id,
        duration_seconds=storyboard.duration_seconds,
        scenes=[_scene(job_id, scene) for scene in storyboard.scenes],
    )


def _scene(job_id: str, scene: pb.Scene) -> SceneView:
    rendered = scene.HasField("artifact")
    return SceneView(
        index=scene.index,
        prompt=scene.prompt or None,
        start_seconds=scene.start_seconds,
        duration_seconds=scene.duration_seconds,
        frames=scene.frames,
        camera=scene.camera,
        transition=scene.transition,
        seed=scene.seed,
        status=status_name(scene.status),
        video=f"/mcp/result/{job_id}/scenes/{scene.index}" if rendered else None,
        thumbnail=None,
    )
