"""The scenes of a job."""

from __future__ import annotations

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import StatusName, status_name
from kinolog_gateway.http.edge.public_path import public_path
from kinolog_gateway.responses.job_parts import ResponseModel


class SceneView(ResponseModel):
    """A part of the video with a prompt of its own."""

    index: int = Field(description="Index of the scene, from 0.")
    prompt: str | None = Field(description="Description of the scene; null once the job is erased.")
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: str = Field(examples=["pan left"])
    transition: str = Field(examples=["cut"])
    seed: int
    status: StatusName
    video: str | None = Field(description="Link to the rendered scene, once it is rendered.")
    thumbnail: str | None = Field(
        description="Link to its middle frame as a small image, once it is rendered; null in jobs of earlier versions."
    )


class StoryboardView(ResponseModel):
    """The scenes of a job."""

    job_id: str
    duration_seconds: float = Field(description="Length of all scenes together.")
    scenes: list[SceneView]


def storyboard_view(job_id: str, storyboard: jobs.GetStoryboardResponse) -> StoryboardView:
    """Return the scenes of a job."""
    return StoryboardView(
        job_id=job_id,
        duration_seconds=storyboard.duration_seconds,
        scenes=[_scene(job_id, scene) for scene in storyboard.scenes],
    )


def scene_path(job_id: str, index: int) -> str:
    """Return the path of a rendered scene."""
    return public_path(f"/api/v1/result/{job_id}/scenes/{index}")


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
        video=scene_path(job_id, scene.index) if rendered else None,
        thumbnail=f"{scene_path(job_id, scene.index)}/thumbnail" if scene.HasField("thumbnail") else None,
    )
