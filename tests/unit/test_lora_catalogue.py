"""LoRAs in the file of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.models.catalogue import Catalogue, load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.process.settings import CatalogueSettings

MODELS = """
[[models]]
name = "wan"
source = "owner/wan"
pipeline = "WanPipeline"

[[models]]
name = "latte"
source = "owner/latte"
pipeline = "LattePipeline"

[[models]]
name = "other"
source = "x"
renderer = "testcard"
"""
INK = '[[loras]]\nname = "ink"\nsource = "/loras/ink"\nlicence = "apache-2.0"\n'


def _read(folder: Path, text: str) -> Catalogue:
    path = folder / "models.toml"
    path.write_text(MODELS + text)
    return load_catalogue(CatalogueSettings(catalogue=path))


def test_a_lora_fits_the_models_of_its_families_and_those_it_names(tmp_path: Path) -> None:
    """A family that it names is enough, and so is the name of a model whose class is not known."""
    more = 'weight = 0.8\ntrigger_words = ["ink wash"]\n'
    catalogue = _read(tmp_path, f'{INK}families = ["WanPipeline"]\nmodels = ["kinolog-tiny"]\n{more}')
    lora = catalogue.loras["ink"]
    assert (lora.weight, lora.trigger_words, lora.network_of("WanPipeline")) == (
        0.8,
        ("ink wash",),
        "transformer",
    )
    fitting = [model.name for model in catalogue if lora in catalogue.loras_of(model)]
    assert fitting == ["kinolog-tiny", "wan"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (INK, "name the families or the models"),
        (INK + 'families = ["NoPipeline"]\n', "there is no family NoPipeline"),
        (INK + 'families = ["LattePipeline"]\n', "LattePipeline takes no LoRA"),
        (INK + 'families = ["LTXPipeline"]\nnetwork = "unet"\n', "of LTXPipeline a LoRA changes transformer"),
        (INK + 'models = ["gone"]\n', "there is no model gone; there are kinolog-tiny, wan, latte, other"),
        (INK + 'models = ["latte"]\n', "latte takes no LoRA"),
        (INK + 'models = ["other"]\n', "other takes no LoRA"),
        (INK + 'models = ["wan"]\nweight = 5.0\n', "weight"),
        (INK + 'models = ["wan"]\nsha256 = "abc"\n', "sha256"),
        (INK + 'models = ["wan"]\nallow_download = true\n', "weight_file: name the file of the hub"),
        (INK + 'models = ["wan"]\nweight_file = "ink.pt"\n', "'ink.pt' is no safetensors file"),
        (INK + 'models = ["wan"]\nweight_file = "../x.safetensors"\n', "is not a path inside the source"),
        ('[[loras]]\nname = "ink"\nsource = "/loras/ink"\nmodels = ["wan"]\n', "licence"),
        ((INK + 'models = ["wan"]\n') * 2, "LoRA ink: there are 2 of this name"),
        ("[loras]\n", "written as [[loras]]"),
    ],
)
def test_a_wrong_entry_is_named(text: str, problem: str, tmp_path: Path) -> None:
    """The error names the LoRA and the setting, and what to do."""
    with pytest.raises(CatalogueError) as caught:
        _read(tmp_path, text)
    assert problem in str(caught.value)
