"""A small scene, and the frames that a renderer draws of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, Renderer, SceneRequest

from kinolog.models.memory.placement_page import figures_of_card

SMALL_SCENE = SceneRequest(
    prompt="a red ball",
    negative_prompt="",
    width=32,
    height=32,
    frames=5,
    fps=8,
    steps=2,
    guidance=3.0,
    seed=7,
)


def rendered(renderer: Renderer, request: SceneRequest = SMALL_SCENE) -> Frames:
    """Return the frames of a scene whose text is encoded or not."""
    return np.concatenate(list(renderer.render(request, lambda report: None, lambda: False)))


def encoded_and_rendered(renderer: Renderer, request: SceneRequest = SMALL_SCENE) -> Frames:
    """Encode the text of a scene and return its frames, as a worker does it."""
    renderer.encode_prompt(request)
    return rendered(renderer, request)


def renderer_on_a_card(folder: Path, dtype: str = "auto", **options: object) -> DiffusersRenderer:
    """Load a folder on the CPU, planned for a card of 80 GiB: the CPU itself has no placements."""
    renderer = DiffusersRenderer(figures=lambda device: figures_of_card(80))
    renderer.load(ModelSource("tiny", str(folder), dtype=dtype, options=options), "cpu")
    return renderer
