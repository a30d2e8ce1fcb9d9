"""Upscalers of jobs: listed, recorded, and refused where the catalogue has none or the video would be too large."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kinolog.models.catalogue import TINY, Catalogue, ModelEntry
from kinolog.models.postprocess.upscalers import UpscalerEntry
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api

SHARP = UpscalerEntry(name="sharp-x4", description="Sharp.", source="/models/sharp", licence="mit", scale=4)
WIDE = ModelEntry(name="wide", source="owner/wide", max_pixels=8192 * 8192)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api whose catalogue has an upscaler."""
    async with running_api(catalogue=Catalogue([TINY, WIDE], TINY.name, upscalers=[SHARP])) as running:
        yield running


async def test_an_upscaler_is_listed_and_recorded(api: RunningApi) -> None:
    """A job keeps the size that is drawn, and a codec with a least size takes the enlarged one."""
    (listed,) = (await api.jobs.ListModels(pb.ListModelsRequest())).upscalers
    assert (listed.name, listed.scale, listed.licence) == ("sharp-x4", 4, "mit")
    job_id = await api.submit(upscaler="sharp-x4", width=64, height=64, codec="h264_nvenc")
    spec = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.spec
    assert (spec.upscaler, spec.width, spec.height) == ("sharp-x4", 64, 64)
    loaded = await api.store.load(job_id)
    assert loaded is not None
    assert loaded.job.spec.upscaler == "sharp-x4"


@pytest.mark.parametrize(
    ("name", "width", "message"),
    [
        ("soft", 64, "there is no upscaler soft; there are sharp-x4"),
        (
            "sharp-x4",
            2050,
            "sharp-x4 makes 8200x64 of 2050x16, and a video has sides of at most 8,192 pixels",
        ),
    ],
)
async def test_other_upscalers_are_refused(api: RunningApi, name: str, width: int, message: str) -> None:
    """The field and what to do are named."""
    request = pb.SubmitJobRequest(prompt=PROMPT, model="wide", upscaler=name, width=width, height=16)
    assert message in (await refused(api.jobs.SubmitJob(request))).fields["upscaler"]


async def test_the_codec_has_to_take_the_enlarged_size(api: RunningApi) -> None:
    """The encoder of a GPU for H.264 ends at 4096 pixels: the job would fail after all was drawn."""
    request = pb.SubmitJobRequest(
        prompt=PROMPT, model="wide", upscaler="sharp-x4", width=1026, height=64, codec="h264_nvenc"
    )
    expected = "h264_nvenc encodes sides of at most 4096 pixels, and the video has 4104x256"
    assert (await refused(api.jobs.SubmitJob(request))).fields["codec"] == expected
    await api.submit(model="wide", upscaler="sharp-x4", width=1026, height=64, codec="h265_nvenc")


async def test_a_rate_to_interpolate_to_is_recorded(api: RunningApi) -> None:
    """It is a multiple of what is drawn."""
    job_id = await api.submit(fps=8, interpolate_fps=32)
    spec = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.spec
    assert (spec.fps, spec.interpolate_fps) == (8, 32)
    request = pb.SubmitJobRequest(prompt=PROMPT, model="wide", width=16, height=16, fps=8, interpolate_fps=24)
    found = (await refused(api.jobs.SubmitJob(request))).fields["interpolate_fps"]
    assert found == "must be 16 or 32: 2 or 4 times the 8 that are drawn"
    request = pb.SubmitJobRequest(prompt=PROMPT, model="wide", width=16, height=16, fps=8, interpolate_fps=16)
    found = (await refused(api.jobs.SubmitJob(request))).fields["interpolate_fps"]
    assert found == "needs sides of at least 32 pixels, and not 16x16: leave it out"
