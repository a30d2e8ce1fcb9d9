"""Several loaded models in one process: tiny pipelines, and stubs of the free memory of device and host."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from kinolog_worker.inference import model_cache
from kinolog_worker.inference.model_cache import ModelCache
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model
from kinolog_worker.renderers.diffusers.placement import placed_model, shared_memory
from kinolog_worker.renderers.diffusers.placement.ladder import FailedRungs
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import (
    LoadedFacts,
    ModelSource,
    RenderAgain,
    Renderer,
    RenderFailed,
    SceneRequest,
)

from kinolog.models.memory.needs import GIB, DrawnSize, ModelMemory
from kinolog.models.memory.placement import LADDER
from kinolog.models.memory.planner import MemoryFigures
from tests.builders.drawn_frames import SMALL_SCENE, encoded_and_rendered
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.fixtures.tiny_folders import tiny_folder
from tests.renderers.testcard import TestcardRenderer

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

PLENTY = 1 << 50
REQUEST = replace(SMALL_SCENE, negative_prompt="green", steps=1, guidance=5.0)
ModelNamed = Callable[[str], ModelSource]


class Machine:
    """The free memory that the renderers of a test see; `device` is None for a CPU."""

    def __init__(self) -> None:
        self.device: MemoryFigures | None = None
        self.host_free = PLENTY


@pytest.fixture(scope="module")
def folder() -> Path:
    """A folder with a tiny pipeline, which all models of this module are."""
    return tiny_folder("wan21")


@pytest.fixture
def named(folder: Path) -> ModelNamed:
    """Makes models of that folder."""
    return lambda name: ModelSource(name, str(folder), dtype="bfloat16")


@pytest.fixture
def memory(named: ModelNamed) -> ModelMemory:
    """What each of them needs."""
    return checked_model(named("any"), "cpu").memory


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose memory is set by the test."""
    made = Machine()

    def renderer(name: str) -> Renderer:
        if name == "testcard":
            return TestcardRenderer()
        if name == "unmeasured":
            return cast(Renderer, UnmeasuredRenderer())
        drawn = DiffusersRenderer(figures=lambda device: made.device)
        drawn.failed_rungs = FailedRungs()
        return drawn

    monkeypatch.setattr(model_cache, "renderer_named", renderer)
    monkeypatch.setattr(shared_memory, "host_free_bytes", lambda: made.host_free)
    return made


class UnmeasuredRenderer:
    """A renderer of another package: nobody knows what its model holds."""

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        return TestcardRenderer().load(model, device)

    def close(self) -> None:
        """Hold nothing."""


class Loaded:
    """The names of the models that a cache has loaded, the one used last first."""

    def __init__(self, cache: ModelCache) -> None:
        self.names: list[str] = []
        cache.on_change = self._change

    def _change(self, names: tuple[str, ...]) -> None:
        self.names = list(names)


def _draw(renderer: Renderer, request: SceneRequest = REQUEST) -> Frames:
    while True:
        try:
            return encoded_and_rendered(renderer, request)
        except RenderAgain:
            continue


def _network(renderer: Renderer) -> torch.nn.Module:
    pipe: Any = renderer._loaded.pipe  # type: ignore[attr-defined]
    network: torch.nn.Module = pipe.transformer
    return network


def _native_need(memory: ModelMemory) -> int:
    return memory.need(LADDER[0], DrawnSize(width=832, height=480, frames=81)).device_bytes


def test_the_model_used_longest_ago_is_freed_before_another_is_loaded(
    machine: Machine, named: ModelNamed, memory: ModelMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU their weights have a budget together. A model that was used again stays."""
    cache = ModelCache("cpu", 2 * memory.resident_bytes(LADDER[0]))
    loaded = Loaded(cache)
    first, second = cache.load(named("first")).renderer, cache.load(named("second")).renderer
    assert loaded.names == ["second", "first"]
    again = cache.load(named("first"))
    assert (again.renderer, again.cached) == (first, True)
    freed = weakref.ref(_network(second))
    load_pipeline: Any = vars(placed_model)["load_pipeline"]
    alive: list[bool] = []

    def load(*arguments: Any) -> Any:
        alive.append(freed() is not None)
        return load_pipeline(*arguments)

    monkeypatch.setattr(placed_model, "load_pipeline", load)
    cache.load(named("third"))
    assert alive == [False]
    assert loaded.names == ["third", "first"]
    assert cache.load(named("first")).cached


def test_a_model_larger_than_the_budget_is_loaded_alone(
    machine: Machine, named: ModelNamed, memory: ModelMemory
) -> None:
    cache = ModelCache("cpu", memory.resident_bytes(LADDER[0]) - 1)
    loaded = Loaded(cache)
    cache.load(named("first"))
    frames = _draw(cache.load(named("second")).renderer)
    assert len(frames) == REQUEST.frames
    assert loaded.names == ["second"]


def test_a_scene_makes_others_go_if_the_host_has_no_room_for_it(machine: Machine, named: ModelNamed) -> None:
    """The budget is a limit, and no promise: other programs use the memory too."""
    cache = ModelCache("cpu", PLENTY)
    loaded = Loaded(cache)
    cache.load(named("first"))
    model = cache.load(named("second"))
    _draw(model.renderer)
    assert loaded.names == ["second", "first"]
    machine.host_free = 3 * GIB
    _draw(model.renderer)
    assert loaded.names == ["second"]


def test_a_model_on_a_gpu_is_placed_as_if_it_were_alone(
    machine: Machine, named: ModelNamed, memory: ModelMemory
) -> None:
    """Models that wait never make one that draws slower: they go, if there is no room beside them."""
    held = memory.resident_bytes(LADDER[0])
    room = _native_need(memory) + held
    machine.device = MemoryFigures(total=room, free=room, host_free=PLENTY)
    cache = ModelCache("cpu", PLENTY)
    loaded = Loaded(cache)
    for name in ("first", "second", "third"):
        assert cache.load(named(name)).facts.placement == "device"
    assert loaded.names == ["third", "second"]
    machine.device = MemoryFigures(total=room, free=room - 1, host_free=PLENTY)
    assert cache.load(named("fourth")).facts.placement == "device"
    assert loaded.names == ["fourth"]


def test_weights_of_offloaded_models_wait_in_the_memory_of_the_host(
    machine: Machine, folder: Path, named: ModelNamed, memory: ModelMemory
) -> None:
    """There they have the budget together, beside what they keep on the device."""
    machine.device = MemoryFigures(total=80 * GIB, free=80 * GIB, host_free=PLENTY)
    offloaded = next(rung for rung in LADDER if str(rung) == "group-offload")
    hosted = memory.need(offloaded, DrawnSize(width=16, height=16, frames=1)).host_bytes
    cache = ModelCache("cpu", 2 * hosted)
    loaded = Loaded(cache)
    for name in ("first", "second", "third"):
        options = {"placement": "group-offload"}
        cache.load(ModelSource(name, str(folder), dtype="bfloat16", options=options))
    assert loaded.names == ["third", "second"]
    cache.load(named("on the device"))
    assert loaded.names == ["on the device", "third", "second"]


@pytest.mark.parametrize("part", ["transformer", "vae.decoder"])
def test_memory_that_runs_out_makes_others_go_before_the_model_is_placed_lower(
    part: str, machine: Machine, named: ModelNamed
) -> None:
    machine.device = MemoryFigures(total=80 * GIB, free=80 * GIB, host_free=PLENTY)
    cache = ModelCache("cpu", PLENTY)
    loaded = Loaded(cache)
    drawn = _draw(cache.load(named("first")).renderer)
    renderer = cache.load(named("second")).renderer
    failures = iter([True])

    def starve(*_: object) -> None:
        if next(failures, False):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    pipe: Any = renderer._loaded.pipe  # type: ignore[attr-defined]
    network: torch.nn.Module = pipe.vae.decoder if part == "vae.decoder" else pipe.transformer
    network.register_forward_pre_hook(starve)
    assert np.array_equal(_draw(renderer), drawn)
    assert loaded.names == ["second"]
    assert renderer.current_facts().placement == "device"  # type: ignore[attr-defined]


def test_a_model_that_nobody_can_measure_is_alone(machine: Machine, named: ModelNamed) -> None:
    """So is every model without a budget."""
    cache = ModelCache("cpu", PLENTY)
    loaded = Loaded(cache)
    cache.load(named("first"))
    cache.load(ModelSource("card", "here", renderer="testcard"))
    cache.load(ModelSource("unmeasured", "here", renderer="unmeasured"))
    assert loaded.names == ["unmeasured"]
    cache.load(named("first"))
    assert loaded.names == ["first"]
    single = ModelCache("cpu")
    loaded = Loaded(single)
    for name in ("first", "second"):
        single.load(ModelSource(name, "here", renderer="testcard"))
    assert loaded.names == ["second"]


def test_a_model_that_cannot_be_loaded_leaves_the_others(machine: Machine, named: ModelNamed) -> None:
    cache = ModelCache("cpu", PLENTY)
    loaded = Loaded(cache)
    cache.load(named("first"))
    with pytest.raises(RenderFailed, match="there is no folder"):
        cache.load(ModelSource("second", "/nowhere/at/all"))
    assert loaded.names == ["first"]
    gc.collect()
    assert cache.load(named("first")).cached
