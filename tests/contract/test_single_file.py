"""The denoiser of a pipeline from a single file: it draws what the folder's own weights draw."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model, load_pipeline
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import LoadedFacts, ModelSource, RenderFailed
from safetensors.torch import load_file, save_file

from kinolog.models.catalogue import ModelEntry, load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.memory.placement import WeightPlacement
from kinolog.models.memory.weight_file import file_size
from kinolog.models.memory.weights import WeightsUnreadable
from kinolog.models.model_folder import hub_model
from kinolog.process.settings import CatalogueSettings
from tests.builders.drawn_frames import SMALL_SCENE, rendered
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.fixtures.tiny_folders import tiny_folder
from tests.renderers.tiny.families import TINY_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

WEIGHTS = "diffusion_pytorch_model.safetensors"
REQUEST = replace(SMALL_SCENE, prompt="a fox", seed=5)
"""What the few weights that are quantised change shows in its frames."""


@pytest.fixture(scope="module")
def whole() -> Path:
    """The folder of a Wan with its own weights."""
    return tiny_folder("wan21")


@pytest.fixture(scope="module")
def base(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder without the weights of the denoiser."""
    base = shutil.copytree(whole, tmp_path_factory.mktemp("single") / "base")
    (base / "transformer" / WEIGHTS).rename(base.with_name("wan.safetensors"))
    return base


@pytest.fixture(scope="module")
def quantised(base: Path) -> Path:
    """A GGUF file of the denoiser, with weights of 8 bits where their rows allow it."""
    gguf = pytest.importorskip("gguf")
    path = base.with_name("wan.gguf")
    writer = gguf.GGUFWriter(path, "wan")
    for name, tensor in load_file(base.with_name("wan.safetensors")).items():
        values = tensor.float().numpy()
        if values.ndim == 2 and values.shape[-1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _drawn(source: ModelSource) -> tuple[Any, LoadedFacts]:
    renderer = DiffusersRenderer()
    facts = renderer.load(source, "cpu")
    frames = rendered(renderer, REQUEST)
    renderer.close()
    return frames, facts


def _refusal(folder: Path, weights: Path) -> RenderFailed:
    with pytest.raises(RenderFailed) as refusal:
        load_pipeline(checked_model(ModelSource("wan", str(folder), weights=weights), "cpu"))
    assert not refusal.value.retryable
    return refusal.value


def test_a_file_of_weights_draws_what_its_folder_draws(whole: Path, base: Path) -> None:
    """The record says which file it was."""
    expected, _ = _drawn(ModelSource("wan", str(whole)))
    drawn, facts = _drawn(ModelSource("wan", str(base), weights=base.with_name("wan.safetensors")))
    assert np.array_equal(drawn, expected)
    file, _, folder = facts.revision.partition(" on ")
    assert file.startswith("sha256:")
    assert folder.startswith("sha256:")
    assert facts.size_bytes == sum(path.stat().st_size for path in whole.rglob("*.safetensors"))


def test_quantised_weights_draw_nearly_the_same(whole: Path, base: Path, quantised: Path) -> None:
    """They stay as they are in memory, so that they take less of it, and are not moved while the model draws."""
    expected, _ = _drawn(ModelSource("wan", str(whole)))
    drawn, _ = _drawn(ModelSource("wan", str(base), weights=quantised))
    assert drawn.shape == expected.shape
    assert not np.array_equal(drawn, expected)
    assert np.abs(drawn.astype(int) - expected.astype(int)).mean() < 3
    memory = checked_model(ModelSource("wan", str(base), weights=quantised), "cpu").memory
    assert memory.quantised
    assert memory.least_bytes() == memory.least_bytes(WeightPlacement.TEXT_OFFLOAD)
    assert file_size(quantised, 4).elements < file_size(base.with_name("wan.safetensors"), 4).elements


def test_a_file_of_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    """diffusers would leave the weights that it lacks without values."""
    weights = load_file(base.with_name("wan.safetensors"))
    save_file({name: weights[name] for name in sorted(weights)[1:]}, tmp_path / "other.safetensors")
    refusal = _refusal(base, tmp_path / "other.safetensors")
    assert refusal.code == "MODEL_DAMAGED"
    assert "other.safetensors lacks weights that WanTransformer3DModel has" in refusal.message
    assert _refusal(base, tmp_path / "missing.safetensors").code == "MODEL_NOT_FOUND"
    (tmp_path / "cut.gguf").write_bytes(b"GGUF")
    with pytest.raises(WeightsUnreadable):
        file_size(tmp_path / "cut.gguf", 2)


@pytest.mark.parametrize("name", ["cogvideox_2b", "hunyuan15", "echo"])
def test_a_class_that_takes_no_file_is_refused(name: str, tmp_path: Path, base: Path) -> None:
    TINY_FAMILIES[name](tmp_path / name)
    refusal = _refusal(tmp_path / name, base.with_name("wan.safetensors"))
    assert refusal.code == "MODEL_UNSUPPORTED"


def test_an_entry_names_the_pipeline_of_its_file(tmp_path: Path) -> None:
    """A folder, a hub name, or a well-known model, of which everything but the denoiser is downloaded."""
    file = tmp_path / "models.toml"
    file.write_text('[[models]]\nname = "small"\nknown = "wan-2.1-14b"\nsource = "/models/wan-Q4.gguf"\n')
    entry = load_catalogue(CatalogueSettings(catalogue=file)).default
    assert (entry.base, entry.pipeline) == ("Wan-AI/Wan2.1-T2V-14B-Diffusers", "WanPipeline")
    model = hub_model(entry)
    assert model is not None
    assert (model.name, model.without) == (entry.base, ("transformer",))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"source": "/models/wan.gguf"}, "name with `base` the folder or hub name"),
        ({"source": "/models/wan.SafeTensors", "base": "/models/wan"}, "ending has to be in lower case"),
        ({"source": "/models/wan.ckpt", "base": "/models/wan"}, "may hold pickled code"),
        (
            {"source": "/models/wan.gguf", "base": "/models/wan", "options": {"placement": "float8"}},
            "have no placement float8",
        ),
        ({"source": "/models/wan", "base": "/models/wan"}, "belongs to a source that is a file"),
    ],
)
def test_an_entry_that_cannot_be_loaded_says_why(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelEntry.model_validate({"name": "wan", **entry})


def test_one_setting_names_no_file_without_its_pipeline(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"KINOLOG_MODEL: .*source: .*name with `base`"):
        load_catalogue(CatalogueSettings(model="/models/wan.gguf"))
