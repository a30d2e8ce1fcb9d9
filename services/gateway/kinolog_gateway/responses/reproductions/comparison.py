"""How the video of a job compares with that of the job that it reproduces."""

from __future__ import annotations

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.responses.job_parts import ResponseModel


class FrameComparisonView(ResponseModel):
    """How the frames of the two videos differ."""

    psnr_db: float = Field(description="Peak signal-to-noise ratio over all frames, in decibels.")
    ssim: float = Field(description="Mean structural similarity of the frames; 1 for equal ones.")
    first_frame: int = Field(description="The first frame that differs, from 0.")
    different_frames: int = Field(description="Number of frames that differ.")

    @classmethod
    def of(cls, wire: pb.FrameComparison) -> FrameComparisonView:
        """Return the view of a comparison."""
        return cls(
            psnr_db=wire.psnr_db,
            ssim=wire.ssim,
            first_frame=wire.first_frame,
            different_frames=wire.different_frames,
        )


class RuntimeDifferenceView(ResponseModel):
    """One fact that the two jobs ran with differently."""

    name: str = Field(examples=["libraries.torch"])
    original: str | None = Field(description="Its value for the original; null if it had none.")
    reproduction: str | None = Field(description="Its value for this job; null if it had none.")


class ReproductionView(ResponseModel):
    """The comparison of a job with the one that it reproduces, as the log has it."""

    original: str = Field(description="Id of the job that it reproduces.")
    original_frame_hash: str | None = Field(
        description="Frame hash of that job's video; null if its record could not be read."
    )
    identical: bool = Field(description="Whether all frames are equal.")
    frames: FrameComparisonView | None = Field(
        description="How the frames differ; null if they are equal, and if they could not be compared."
    )
    trouble: str | None = Field(description="Why frames that differ could not be compared.")
    differences: list[RuntimeDifferenceView] = Field(
        description="What the two jobs ran with differently: the likely cause of other frames."
    )

    @classmethod
    def of(cls, job: pb.Job) -> ReproductionView | None:
        """Return the comparison of a job, if there is one."""
        if not job.HasField("reproduction"):
            return None
        wire = job.reproduction
        return cls(
            original=wire.original,
            original_frame_hash=wire.original_frame_hash or None,
            identical=wire.identical,
            frames=FrameComparisonView.of(wire.frames) if wire.HasField("frames") else None,
            trouble=wire.trouble or None,
            differences=[
                RuntimeDifferenceView(
                    name=one.name, original=one.original or None, reproduction=one.reproduction or None
                )
                for one in wire.differences
            ],
        )
