"""Families in the dtypes that they have on a GPU: networks in bfloat16, the autoencoder in the dtype of the table."""

from __future__ import annotations

import pytest
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource

from kinolog.models.families import GuidanceKind, families
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, REQUEST, TEXT_FAMILIES, drawn_family
from tests.fixtures.tiny_folders import tiny_folder

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)


@pytest.mark.parametrize("name", TEXT_FAMILIES)
def test_a_family_draws_in_the_dtypes_of_a_gpu(name: str) -> None:
    """Frames, size and steps are right, a cancelled scene ends within one step, and seed, text and guidance matter."""
    with drawn_family(name, "bfloat16") as family:
        assert family.frames.shape == family.shape
        assert family.frames.std() > 5
        steps = [report for report in family.reports if report.stage == "denoise"]
        assert [report.step for report in steps] == list(range(1, steps[-1].steps + 1))
        assert family.steps_until_cancelled() == 1
        row = families()[family.pipeline]
        changes = {
            "seed": family.draw(seed=12),
            "text": family.draw(prompt="green grass " * 100),
            "guidance": family.draw(guidance=2.0),
            "negative prompt": family.draw(negative_prompt="blue " * 160),
        }
        matter = {name for name, frames in changes.items() if (frames != family.frames).any()}
        without = {"guidance"} if row.guidance is GuidanceKind.NONE else set()
        assert matter == set(changes) - without - (set() if row.negative_prompt else {"negative prompt"})


@pytest.mark.parametrize("name", ["cogvideox_5b", "mochi", "ltx_097"])
@pytest.mark.parametrize("vae_dtype", ["float32", "bfloat16"])
def test_the_autoencoder_may_have_another_dtype(name: str, vae_dtype: str) -> None:
    """These pipelines pass latents of the network's dtype: the seam casts them, instead of a crash at the end."""
    renderer = DiffusersRenderer()
    source = ModelSource(name, str(tiny_folder(name)), dtype="bfloat16", options={"vae_dtype": vae_dtype})
    renderer.load(source, "cpu")
    runs = list(renderer.render(REQUEST, lambda report: None, lambda: False))
    assert sum(map(len, runs)) == REQUEST.frames
