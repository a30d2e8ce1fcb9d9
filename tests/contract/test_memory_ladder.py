"""What the diffusers renderer does when memory is short, with tiny pipelines and a stub of the free memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.placement.ladder import FailedRungs, MemoryLadder
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import (
    ModelSource,
    RenderAgain,
    RenderFailed,
    SceneRequest,
    StepReport,
)

from kinolog.models.memory import needs
from kinolog.models.memory.autoencoders import DecodeMemory
from kinolog.models.memory.needs import CONTEXT_BYTES, GIB
from kinolog.models.memory.placement import LADDER, LOSSY, WeightPlacement
from kinolog.models.memory.placement_page import figures_of_card, known_models
from kinolog.models.memory.planner import MemoryFigures
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.renderers.tiny.families import TINY_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

REQUEST = SceneRequest(
    prompt="a red ball",
    negative_prompt="green",
    width=32,
    height=32,
    frames=9,
    fps=8,
    steps=2,
    guidance=5.0,
    seed=7,
)
LARGE = figures_of_card(80)
_library: Any = diffusers  # untyped in part


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a pipeline whose clips are decoded frame by frame, and of one that decodes them at once."""
    root = tmp_path_factory.mktemp("ladder")
    for name in ("wan21", "text_to_video_sd"):
        TINY_FAMILIES[name](root / name)
    return {path.name: path for path in root.iterdir()}


def _renderer(
    folder: Path, figures: MemoryFigures = LARGE, failed: FailedRungs | None = None, **options: object
) -> DiffusersRenderer:
    renderer = DiffusersRenderer(figures=lambda device: figures)
    renderer.failed_rungs = failed or FailedRungs()
    renderer.load(ModelSource("tiny", str(folder), dtype="bfloat16", options=options), "cpu")
    return renderer


def _draw(
    renderer: DiffusersRenderer, reports: list[StepReport] | None = None, request: SceneRequest = REQUEST
) -> Frames:
    """Draw a scene as a job does: again if the renderer asks for it."""
    seen = [] if reports is None else reports
    while True:
        try:
            renderer.encode_prompt(request)
            return np.concatenate(list(renderer.render(request, seen.append, lambda: False)))
        except RenderAgain:
            continue


def _pipe(renderer: DiffusersRenderer) -> Any:
    assert renderer._loaded is not None
    return renderer._loaded.pipe


def _starve(module: torch.nn.Module, *, call: int = 1) -> None:
    """Let the memory run out in this call of a module."""
    calls: Iterator[int] = iter(range(1, call + 1))

    def starve(*_: object) -> None:
        if next(calls, 0) == call:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    module.register_forward_pre_hook(starve)


@pytest.fixture(scope="module")
def drawn(folders: dict[str, Path]) -> dict[str, Frames]:
    """What each pipeline draws with all of it on the device."""
    return {name: _draw(_renderer(folder)) for name, folder in folders.items()}


@pytest.mark.parametrize("name", ["wan21", "text_to_video_sd"])
@pytest.mark.parametrize("placement", list(WeightPlacement))
def test_a_placement_changes_nothing_but_weights_of_fewer_bits(
    placement: WeightPlacement, name: str, folders: dict[str, Path], drawn: dict[str, Frames]
) -> None:
    renderer = _renderer(folders[name], placement=placement.value)
    frames = _draw(renderer)
    assert renderer.current_facts().placement == placement
    assert np.array_equal(frames, drawn[name]) != (placement in LOSSY)


def test_memory_that_runs_out_in_a_step_leads_one_rung_down(
    folders: dict[str, Path], drawn: dict[str, Frames]
) -> None:
    """The scene is drawn again from weights in host memory. Nothing of the first pipeline is left in memory."""
    renderer = _renderer(folders["wan21"])
    assert renderer.current_facts().placement == "device"
    network = weakref.ref(_pipe(renderer).transformer)
    _starve(_pipe(renderer).transformer, call=3)
    renderer.encode_prompt(REQUEST)
    steps: list[int] = []
    with pytest.raises(RenderAgain):
        list(renderer.render(REQUEST, lambda report: steps.append(report.step), lambda: False))
    gc.collect()
    assert network() is None
    assert steps == [1]
    assert np.array_equal(_draw(renderer), drawn["wan21"])
    facts = renderer.current_facts()
    assert facts.placement == "text-offload"
    assert "memory ran out before" in facts.placement_reason


def test_memory_that_runs_out_in_the_text_encoder_leads_down_too(
    folders: dict[str, Path], drawn: dict[str, Frames]
) -> None:
    renderer = _renderer(folders["wan21"])
    _starve(_pipe(renderer).text_encoder)
    assert np.array_equal(_draw(renderer), drawn["wan21"])
    assert renderer.current_facts().placement == "text-offload"


@pytest.mark.parametrize("name", ["wan21", "text_to_video_sd"])
def test_no_step_is_drawn_twice_if_memory_runs_out_in_the_decoder(
    name: str, folders: dict[str, Path], drawn: dict[str, Frames]
) -> None:
    """Latents are kept. Where frames were handed out already, all of them are decoded again."""
    renderer = _renderer(folders[name], placement="text-offload")
    _starve(_pipe(renderer).vae.decoder, call=2 if name == "wan21" else 1)
    reports: list[StepReport] = []
    frames = _draw(renderer, reports)
    assert [report.step for report in reports if report.stage == "denoise"] == [1, 2]
    assert renderer.current_facts().placement.startswith("text-offload, ")
    assert frames.shape == drawn[name].shape
    assert np.abs(frames.astype(int) - drawn[name]).mean() < 3
    small = _draw(renderer, request=replace(REQUEST, frames=5))
    assert np.array_equal(small, _draw(_renderer(folders[name]), request=replace(REQUEST, frames=5)))


def test_a_network_that_was_copied_in_parts_is_loaded_again(
    folders: dict[str, Path], drawn: dict[str, Frames]
) -> None:
    """An error within it leaves it half-way, also if only the way of decoding changes."""
    renderer = _renderer(folders["wan21"], placement="group-offload")
    before = weakref.ref(_pipe(renderer).transformer)
    _starve(_pipe(renderer).transformer.blocks[1])
    frames = _draw(renderer)
    gc.collect()
    assert before() is None
    assert renderer.current_facts().placement == "group-offload, float16 decode"
    assert np.abs(frames.astype(int) - drawn["wan21"]).mean() < 3


def test_a_model_that_makes_room_is_loaded_again(folders: dict[str, Path], drawn: dict[str, Frames]) -> None:
    """Nothing of it stays while its device is used for something else. The next scene is that of a fresh model."""
    renderer = _renderer(folders["wan21"])
    before = weakref.ref(_pipe(renderer).transformer)
    renderer.release_device()
    gc.collect()
    assert before() is None
    assert np.array_equal(_draw(renderer), drawn["wan21"])


def test_without_a_rung_left_the_job_fails_for_good(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rung was tried once, from the fastest to the smallest, and the message has the figure."""
    tried: list[str] = []
    renderer = _renderer(folders["wan21"])

    def starve(*_: object, **__: object) -> None:
        tried.append(renderer.current_facts().placement)
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")

    monkeypatch.setattr(_library.WanTransformer3DModel, "forward", starve)
    with pytest.raises(RenderFailed, match=r"more than the 79\.4 GiB of device memory") as failed:
        _draw(renderer)
    assert (failed.value.code, failed.value.retryable) == ("OUT_OF_MEMORY", False)
    assert tried[0] == "device"
    assert len(tried) == len(set(tried)) > 2
    assert [str(rung) for rung in LADDER if str(rung) in tried] == tried


def test_the_process_remembers_what_failed_with_a_size(folders: dict[str, Path]) -> None:
    """A model that is loaded again does not start where memory ran out, unless a scene is smaller."""
    failed = FailedRungs()
    first = _renderer(folders["wan21"], failed=failed)
    _starve(_pipe(first).transformer)
    _draw(first)
    again = _renderer(folders["wan21"], failed=failed)
    again.encode_prompt(replace(REQUEST, frames=1))
    again.encode_prompt(replace(REQUEST, frames=5))
    _draw(again)
    assert again.current_facts().placement == "text-offload"


def test_weights_that_wait_on_the_host_do_not_count_against_themselves() -> None:
    """They have taken the host's memory by the time of the next scene, which is planned again."""
    wan = next(known_models())
    figures = figures_of_card(8, host_gib=20)
    left = [figures, replace(figures, host_free=6 * GIB)]
    ladder = MemoryLadder("wan", wan.memory, lambda: left.pop(0), FailedRungs())
    ladder.begin(wan.size)
    assert ladder.weights is WeightPlacement.GROUP_OFFLOAD
    assert not ladder.fit(wan.size)


def test_a_scene_that_fits_nowhere_is_refused_before_it_begins(folders: dict[str, Path]) -> None:
    """The message has the figure. If only others hold the device, another attempt may succeed."""
    tight = MemoryFigures(total=2 * GIB, free=2 * GIB - CONTEXT_BYTES, host_free=8 * GIB)
    renderer = _renderer(folders["wan21"], tight)
    huge = replace(REQUEST, width=8192, height=8192, frames=1001)
    with pytest.raises(
        RenderFailed, match=r"need about [\d.]+ GiB of device memory, and 1\.4 GiB are free"
    ) as refused:
        renderer.encode_prompt(huge)
    assert (refused.value.code, refused.value.retryable) == ("MEMORY_TOO_SMALL", False)
    busy = _renderer(folders["wan21"], replace(LARGE, free=GIB // 2))
    with pytest.raises(RenderFailed, match="other processes use the device") as busy_refused:
        busy.encode_prompt(REQUEST)
    assert busy_refused.value.retryable


@pytest.mark.parametrize("name", ["wan21", "text_to_video_sd"])
def test_numbers_that_float16_cannot_hold_are_decoded_exactly(
    name: str, folders: dict[str, Path], drawn: dict[str, Frames], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No step is drawn twice for that either, and the next clip is not decoded in float16 at all."""
    small_tiles = DecodeMemory(per_pixel=5000, per_pixel_frame=5000, tile=1000)
    monkeypatch.setattr(needs, "decode_memory", lambda config: small_tiles)
    renderer = _renderer(folders[name], placement="text-offload")
    _starve(_pipe(renderer).vae.decoder)
    decoder = type(_pipe(renderer).vae.decoder)
    original = decoder.forward

    def overflow(self: Any, hidden: torch.Tensor, *positional: Any, **named: Any) -> torch.Tensor:
        output: torch.Tensor = original(self, hidden, *positional, **named)
        return output * float("inf") if output.dtype is torch.float16 else output

    monkeypatch.setattr(decoder, "forward", overflow)
    reports: list[StepReport] = []
    frames = _draw(renderer, reports)
    assert [report.step for report in reports if report.stage == "denoise"] == [1, 2]
    assert renderer.current_facts().placement == "text-offload, tiled decode"
    assert np.abs(frames.astype(int) - drawn[name]).mean() < 1
    assert np.array_equal(_draw(renderer), frames)
