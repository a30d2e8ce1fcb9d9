"""The rows of modular classes against the installed diffusers: none is missing, and none names what a class lacks."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import pytest
from kinolog_worker.renderers.diffusers.modular.modular_loader import _PICTURE_PROCESSOR, used_folders

from kinolog.models.families import Family, GuidanceKind, StepReports, families
from tests.fixtures.drawn_families import LIBRARY_WARNINGS

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

_library: Any = diffusers  # untyped in part
PACKAGE = Path(diffusers.__file__).parent
ROWS = [family for family in families().values() if family.modular]


@cache
def _listed() -> frozenset[str]:
    """Return the modular classes that diffusers exports and whose decoders return videos, from their sources."""
    exported = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    found = set()
    for module in (PACKAGE / "modular_pipelines").glob("*/modular_pipeline.py"):
        decoders = module.with_name("decoders.py")
        if decoders.is_file() and "block_state.videos" in decoders.read_text(encoding="utf-8"):
            nodes = ast.parse(module.read_text(encoding="utf-8")).body
            found |= {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    return frozenset(name for name in found if f'"{name}"' in exported)


def test_every_modular_class_that_makes_video_has_a_row() -> None:
    """A class of diffusers that makes video is in the table, driven or with the reason why it is not."""
    assert len(_listed()) >= 18, "the classes were not found"
    assert _listed() == {family.pipeline for family in ROWS}


@pytest.mark.parametrize("family", ROWS, ids=lambda family: family.pipeline)
def test_a_row_names_what_the_blocks_take(family: Family) -> None:
    """Parameters, lengths of prompts, guiders and the place of the steps are those of the blocks."""
    blocks = getattr(_library, getattr(_library, family.pipeline).default_blocks_name)()
    defaults = {parameter.name: parameter.default for parameter in blocks.inputs}
    named = {
        family.frames_parameter,
        family.fps_parameter,
        family.steps_parameter,
        *family.arguments,
        *(taken.parameter for taken in family.inputs.values()),
    }
    scale = family.guidance is GuidanceKind.SCALE
    assert named | ({family.guidance_parameter} if scale else set()) <= {*defaults, ""}
    assert {"prompt", "generator", "output_type", "height", "width"} <= set(defaults)
    assert (family.prompt_tokens or None) == defaults.get("max_sequence_length")
    assert (not family.negative_prompt) or "negative_prompt" in defaults
    guided = "guider" in {part.name for part in blocks.expected_components}
    assert (family.guidance is GuidanceKind.GUIDER) <= guided
    assert (family.step_reports is StepReports.SCHEDULER) == (family.chunk_frames > 0)
    if family.sigmas:
        assert tuple(defaults[family.steps_parameter]) == family.sigmas
        assert len(family.sigmas) - 1 == (family.native and family.native.steps)


@pytest.mark.parametrize("family", ROWS, ids=lambda family: family.pipeline)
def test_parts_that_no_job_needs_are_those_that_are_not_loaded(family: Family) -> None:
    """They are not downloaded. A folder with an autoencoder needs no diffusion decoder."""
    blocks = getattr(_library, getattr(_library, family.pipeline).default_blocks_name)()
    pretrained = {
        part.name for part in blocks.expected_components if part.default_creation_method == "from_pretrained"
    }
    for has_autoencoder in {True, not family.replaced_parts}:
        loaded = used_folders(family, {}, has_autoencoder=has_autoencoder) - {_PICTURE_PROCESSOR}
        unused = {*family.unused_parts, *(family.replaced_parts if has_autoencoder else ())}
        assert unused == pretrained - loaded - (set() if has_autoencoder else {"vae"})
