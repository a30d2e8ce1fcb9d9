"""Denoisers with weights of 8 and 4 bits: tiny pipelines draw nearly what they draw with their own weights."""

from __future__ import annotations

import sys
from collections import Counter
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers import pipeline_loader
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model, load_pipeline
from kinolog_worker.renderers.diffusers.quantisation import packages
from kinolog_worker.renderers.diffusers.quantisation.layers import is_quantisable
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, RenderFailed

from kinolog.models.memory import placement as placement_module
from kinolog.models.memory import weights
from kinolog.models.memory.placement import LOSSY, QUANTISING_PACKAGES, WeightPlacement, is_installed
from tests.builders.drawn_frames import encoded_and_rendered, renderer_on_a_card
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.fixtures.tiny_folders import tiny_folder
from tests.gpu.stages.figures import psnr

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

INT8, NF4 = WeightPlacement.INT8, WeightPlacement.NF4
FAMILIES = {
    "wan21": 20,
    "ltx": 10,
    "cogvideox_2b": 8,
    "hunyuan": 20,
    "animatediff": 180,
}
"""Tiny pipelines, and the linear layers in the blocks of their denoisers. AnimateDiff names the input of some."""

LEAST_PSNR = {INT8: 40.0, NF4: 30.0}
"""Decibels."""


DRAWN = [
    (name, placement)
    for placement in LEAST_PSNR
    for name in FAMILIES
    if (name, placement) != ("animatediff", INT8)
]


@cache
def _plain(family: str) -> Frames:
    """Return what a tiny pipeline draws with its own weights."""
    return encoded_and_rendered(_renderer(family))


def _renderer(family: str, **options: object) -> DiffusersRenderer:
    return renderer_on_a_card(tiny_folder(family), "bfloat16", **options)


def _denoiser(renderer: DiffusersRenderer) -> Any:
    assert renderer._loaded is not None
    pipe = renderer._loaded.pipe
    return getattr(pipe, "transformer", None) or pipe.unet


def _likeness(frames: Frames, reference: Frames) -> float:
    found = psnr(torch.from_numpy(frames), torch.from_numpy(reference), 255.0)
    assert found is not None, "the frames are equal to the bit: nothing was quantised"
    return found


@pytest.mark.parametrize(("name", "placement"), DRAWN)
def test_quantised_weights_draw_nearly_the_same(name: str, placement: WeightPlacement) -> None:
    """All linear layers in blocks are quantised, and no others. A seed draws the same frames each time."""
    renderer = _renderer(name, placement=placement.value)
    assert not hasattr(_denoiser(renderer), "hf_quantizer")
    frames = encoded_and_rendered(renderer)
    assert _likeness(frames, _plain(name)) > LEAST_PSNR[placement]
    assert np.array_equal(encoded_and_rendered(renderer), frames)
    kinds = Counter(
        type(layer.weight).__name__
        for layer in _denoiser(renderer).modules()
        if isinstance(layer, torch.nn.Linear)
    )
    assert kinds.pop("Int8Tensor" if placement is INT8 else "Params4bit") == FAMILIES[name]
    assert set(kinds) == {"Parameter"}


@pytest.mark.parametrize("placement", LOSSY)
@pytest.mark.parametrize("name", ["wan22", "wan22_modular"])
def test_weights_are_reduced_as_they_are_read(
    name: str, placement: WeightPlacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host never holds a whole denoiser in 16 bits. No layer is left to quantise as it is placed."""
    whole: list[str] = []

    def look(pipe: Any, *_: object) -> None:
        for network in (pipe.transformer, pipe.transformer_2):
            layers = ((each, layer) for each, layer in network.named_modules() if is_quantisable(each, layer))
            whole.extend(each for each, layer in layers if layer.weight.dtype.itemsize > 1)
            assert not network.is_quantized
            assert {weight.device.type for weight in network.parameters()} == {"cpu"}

    monkeypatch.setattr(pipeline_loader, "place", look)
    checked = checked_model(ModelSource("tiny", str(tiny_folder(name)), dtype="bfloat16"), "cpu")
    load_pipeline(checked, placement)
    assert whole == []


@pytest.mark.parametrize("placement", LEAST_PSNR)
def test_the_record_names_placement_and_package(placement: WeightPlacement) -> None:
    """A model in another placement was drawn without the package, which its record does not name."""
    package = QUANTISING_PACKAGES[placement]
    facts = _renderer("wan21", placement=placement.value).current_facts()
    assert facts.placement == placement
    assert package in facts.placement_reason
    assert facts.libraries[package] == packages.package_version(package)
    assert package not in _renderer("wan21", placement="device").current_facts().libraries


@pytest.mark.parametrize("placement", LEAST_PSNR)
def test_a_package_that_is_missing_is_named(
    placement: WeightPlacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planned model does without it."""
    package = QUANTISING_PACKAGES[placement]
    for module in (placement_module, packages):
        monkeypatch.setattr(module, "is_installed", lambda name: name != package)
    with pytest.raises(
        RenderFailed, match=rf"needs the package {package}; install kinolog\[quantised\]"
    ) as failed:
        _renderer("wan21", placement=placement.value)
    assert (failed.value.code, failed.value.retryable) == ("PACKAGE_MISSING", False)
    assert _renderer("wan21").current_facts().placement == "device"


def test_a_model_without_linear_layers_in_blocks_is_not_quantised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "in_top_block", lambda name: False)
    with pytest.raises(
        RenderFailed, match="no placement int8: kinolog quantises no layers of WanPipeline"
    ) as failed:
        _renderer("wan21", placement="int8")
    assert (failed.value.code, failed.value.retryable) == ("MODEL_UNSUPPORTED", False)


@pytest.mark.parametrize("package", QUANTISING_PACKAGES.values())
def test_a_package_is_hidden_until_it_is_needed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries import what they find: a second for each process, and an error for all models if one is damaged."""
    loaded = packages.imported(package, "this test")
    monkeypatch.delitem(sys.modules, package)
    packages.postpone_imports()
    assert find_spec(package) is not None, "diffusers is imported, and counts on what it found"
    for name in ("diffusers", "peft", "transformers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    packages.postpone_imports()
    assert find_spec(package) is None
    assert is_installed(package)
    monkeypatch.undo()
    assert packages.imported(package, "this test") is loaded
