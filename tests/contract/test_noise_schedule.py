"""Noise levels and flow shifts that a job states, in the diffusers renderer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, RenderFailed, SceneRequest, StepReport

from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.renderers.tiny.families import TINY_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

REQUEST = SceneRequest(
    prompt="a red ball",
    negative_prompt="green",
    width=32,
    height=32,
    frames=5,
    fps=8,
    steps=3,
    guidance=3.0,
    seed=7,
)


def _renderer(folder: Path, name: str, **options: object) -> DiffusersRenderer:
    if not folder.is_dir():
        TINY_FAMILIES[name](folder)
    renderer = DiffusersRenderer()
    renderer.load(ModelSource(name, str(folder), options=options), "cpu")
    return renderer


def _draw(
    renderer: DiffusersRenderer, request: SceneRequest, reports: list[StepReport] | None = None
) -> Frames:
    renderer.encode_prompt(request)
    seen = [] if reports is None else reports
    return np.concatenate(list(renderer.render(request, seen.append, lambda: False)))


@pytest.mark.parametrize("name", ["wan21", "ltx", "hunyuan"])
def test_steps_have_the_stated_levels(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly those: nothing shifts them. A job without any draws as before afterwards."""
    renderer = _renderer(tmp_path / name, name)
    before = _draw(renderer, REQUEST)
    assert renderer._loaded is not None
    transformer: Any = renderer._loaded.pipe.transformer
    times: list[float] = []

    def see(_: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        times.append(float(named["timestep"].flatten()[0]))

    hook = transformer.register_forward_pre_hook(see, with_kwargs=True)
    reports: list[StepReport] = []
    stated = _draw(renderer, replace(REQUEST, steps=2, sigmas=(0.9, 0.4)), reports)
    hook.remove()
    assert sorted({round(time) for time in times}, reverse=True) == [900, 400]
    steps = [(report.step, report.steps) for report in reports if report.stage == "denoise"]
    assert steps == [(1, 2), (2, 2)]
    assert not np.array_equal(stated, before)
    assert np.array_equal(_draw(renderer, REQUEST), before)


def test_a_flow_shift_is_that_of_the_job(tmp_path: Path) -> None:
    """It draws what a model with that option draws, and the next job has the shift of the model again."""
    renderer = _renderer(tmp_path / "wan", "wan21")
    before = _draw(renderer, REQUEST)
    shifted = _draw(renderer, replace(REQUEST, flow_shift=8.0))
    assert not np.array_equal(shifted, before)
    assert np.array_equal(shifted, _draw(_renderer(tmp_path / "wan", "wan21", flow_shift=8.0), REQUEST))
    assert np.array_equal(_draw(renderer, REQUEST), before)


def test_a_family_without_levels_refuses_them(tmp_path: Path) -> None:
    """Its scheduler would take them for something else."""
    renderer = _renderer(tmp_path / "cogvideox", "cogvideox_2b")
    with pytest.raises(RenderFailed, match="takes no list of noise levels"):
        _draw(renderer, replace(REQUEST, sigmas=(0.9, 0.4)))
