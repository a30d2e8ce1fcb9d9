"""Codec, title and chapters of a video that the inference process makes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import av
from kinolog_worker.inference.messages import FinishedMessage, Message, RenderJob
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.media.encoder_settings import VideoEncoding
from kinolog_worker.media.video_check import ExpectedMedia, verify_video

from kinolog.models.codecs import VideoCodec
from tests.builders.render_jobs import card_job

SECRET = "a purple unicorn whispers the launch code"


async def _all(process: InferenceProcess, job: RenderJob) -> list[Message]:
    return [message async for message in process.run(job)]


async def test_codec_title_and_chapters_are_those_of_the_job(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """The video has the codec, title, chapters and provenance of its job, no prompt, and again the same bytes."""
    job = replace(
        card_job(tmp_path, prompt=f"Scene 1: {SECRET}. Scene 2: a ring."),
        encoding=VideoEncoding(VideoCodec.AV1, 40),
        tagged=True,
        title="Two shots",
        seed=7,
    )
    ends = [
        (await _all(process, replace(job, job_id=name, folder=tmp_path / name)))[-1] for name in ("a", "b")
    ]
    videos = [
        file for end in ends if isinstance(end, FinishedMessage) for file in end.files if file.kind == "video"
    ]
    assert len({video.sha256 for video in videos}) == 1
    assert "av1" in process.codecs
    path = videos[0].path
    expected = ExpectedMedia(width=64, height=48, fps=8, frames=20, codec=VideoCodec.AV1)
    assert verify_video(path, expected).codec == "av1"
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "Two shots"
        assert re.fullmatch(
            r"AI-generated \(trainedAlgorithmicMedia\) by kinolog \S+: model testcard( \S+)?, seed 7, "
            r"steps 5, guidance 1",
            container.metadata["comment"],
        )
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["Scene 1", "Scene 2"]
    assert b"unicorn" not in path.read_bytes()
