"""A scene that is drawn again because memory ran out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kinolog_worker.inference import job_renderer
from kinolog_worker.inference.job_renderer import JobRenderer
from kinolog_worker.inference.messages import (
    FinishedMessage,
    Message,
    PlacedMessage,
    PreviewMessage,
    StageFinishedMessage,
    StageStartedMessage,
)
from kinolog_worker.inference.model_cache import LoadedModel, ModelCache
from kinolog_worker.inference.postprocess.finish_thread import FinishThread
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.renderer import (
    EncodedPrompt,
    LoadedFacts,
    ModelSource,
    Observe,
    RenderAgain,
    SceneRequest,
    ShouldStop,
    StepReport,
)

from tests.builders.render_jobs import card_job


class StarvedRenderer:
    """Draws grey frames. Memory runs out as often as it is said, after the first frame."""

    def __init__(self, starved: int) -> None:
        self._left = starved
        self.placements = ["device", "text-offload", "group-offload"][-starved - 1 :]

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        raise AssertionError("it is loaded")

    def current_facts(self) -> LoadedFacts:
        return LoadedFacts(
            revision="r1",
            libraries={},
            device="cuda:0",
            hardware="a card",
            dtype="bfloat16",
            seconds=0.0,
            size_bytes=0,
            placement=self.placements[-self._left - 1],
            placement_reason="it fits",
        )

    def encode_prompt(self, request: SceneRequest) -> EncodedPrompt:
        return EncodedPrompt(cached=False)

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        observe(StepReport("denoise", 1, 1))
        grey = np.linspace(0, 255, request.width, dtype=np.uint8)[None, None, :, None]
        yield np.broadcast_to(grey, (1, request.height, request.width, 3))
        if self._left:
            self._left -= 1
            raise RenderAgain
        yield np.broadcast_to(grey, (request.frames - 1, request.height, request.width, 3))

    def close(self) -> None:
        raise AssertionError("it stays")


class HeldModel(ModelCache):
    """Holds one renderer."""

    def __init__(self, renderer: StarvedRenderer) -> None:
        super().__init__("cpu")
        self._renderer = renderer

    def load(self, model: ModelSource) -> LoadedModel:
        return LoadedModel(self._renderer, self._renderer.current_facts(), cached=True)


def test_a_scene_is_drawn_again_from_its_first_frame(tmp_path: Path) -> None:
    """Frames of the tries that failed are in no file, each stage is told once, and each placement when it changes."""
    sent: list[Message] = []
    job = card_job(tmp_path, "a ball", 6)
    model, thread = HeldModel(StarvedRenderer(2)), FinishThread()
    finished = JobRenderer(job, model, sent.append, lambda: False, thread).draw()()
    thread.end()
    assert isinstance(finished, FinishedMessage)
    assert finished.media.frames == 6
    for kind in (StageStartedMessage, StageFinishedMessage):
        stages = [(message.stage, message.scene) for message in sent if isinstance(message, kind)]
        assert stages == [
            ("prefetch", None),
            ("encode_prompt", 0),
            ("denoise", 0),
            ("decode", 0),
            ("assemble", None),
        ]
    placed = [message.facts.placement for message in sent if isinstance(message, PlacedMessage)]
    assert placed == ["device", "text-offload", "group-offload"]


class PreviewedRenderer(StarvedRenderer):
    """Draws four steps of a second with previews, on a device that is far behind. `now` is the time in seconds."""

    now = 0.0

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        for step in range(1, 5):
            self.now += 1
            observe(StepReport("denoise", step, 4, self._preview, self._settle))
        yield from super().render(request, lambda report: None, should_stop)

    def _settle(self) -> None:
        self.now += 100

    def _preview(self) -> bytes:
        self.now += 0.01
        return b"picture"


def test_a_preview_costs_what_it_takes_to_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for fifty times that, not for the time in which the device does the step before."""
    sent: list[Message] = []
    renderer, thread = PreviewedRenderer(0), FinishThread()
    monkeypatch.setattr(job_renderer, "perf_counter", lambda: renderer.now)
    job = replace(card_job(tmp_path, "a ball", 6), preview_interval_seconds=0.0)
    JobRenderer(job, HeldModel(renderer), sent.append, lambda: False, thread).draw()()
    thread.end()
    assert [message.step for message in sent if isinstance(message, PreviewMessage)] == [1, 2, 3]
