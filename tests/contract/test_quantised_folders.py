"""Folders whose weights are quantised already: they are loaded as they are, or refused before that."""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model
from kinolog_worker.renderers.diffusers.quantisation import packages
from kinolog_worker.renderers.renderer import LoraSource, ModelSource, RenderFailed

from kinolog.models.families import families
from kinolog.models.memory.needs import folder_memory
from kinolog.models.memory.placement import WeightPlacement
from tests.builders.drawn_frames import encoded_and_rendered, renderer_on_a_card
from tests.builders.weight_files import write_weights
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.fixtures.tiny_folders import tiny_folder
from tests.gpu.stages.figures import psnr
from tests.renderers.loras import write_lora

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

_library: Any = diffusers  # untyped in part


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Wan whose denoiser torchao has quantised, saved as people do it."""
    packages.imported("torchao", "this test")
    packages.lend("torchao")
    library: Any = import_module("torchao.quantization")
    settings: Any = import_module("diffusers.quantizers.quantization_config")
    plain = tiny_folder("wan21")
    network = _library.WanTransformer3DModel.from_pretrained(
        plain,
        subfolder="transformer",
        dtype=torch.bfloat16,
        quantization_config=settings.TorchAoConfig(library.Int8WeightOnlyConfig()),
    )
    made = tmp_path_factory.mktemp("quantised") / "wan"
    shutil.copytree(plain, made, ignore=shutil.ignore_patterns("transformer"))
    network.save_pretrained(made / "transformer")
    return made


def _refusal(folder: Path) -> RenderFailed:
    with pytest.raises(RenderFailed) as failed:
        checked_model(ModelSource("tiny", str(folder)), "cpu")
    assert not failed.value.retryable
    return failed.value


def test_a_quantised_folder_draws_nearly_what_the_plain_one_draws(folder: Path, tmp_path: Path) -> None:
    """A LoRA changes it. Its weights stay on the device, so no placement moves or quantises them."""
    renderer = renderer_on_a_card(folder, "bfloat16", placement="text-offload")
    frames = encoded_and_rendered(renderer)
    plain = encoded_and_rendered(renderer_on_a_card(tiny_folder("wan21"), "bfloat16"))
    likeness = psnr(torch.from_numpy(frames), torch.from_numpy(plain), 255.0)
    assert likeness is not None
    assert likeness > 40
    facts = renderer.current_facts()
    assert facts.libraries["torchao"] == packages.package_version("torchao")
    lora = write_lora(tiny_folder("wan21"), tmp_path)
    renderer.use_loras(
        [LoraSource(name="ink", location=str(lora), weight=1.0, network="transformer", licence="")]
    )
    assert not np.array_equal(encoded_and_rendered(renderer), frames)
    renderer.use_loras([])
    assert np.array_equal(encoded_and_rendered(renderer), frames)
    memory = checked_model(ModelSource("tiny", str(folder)), "cpu").memory
    moved = ("group-offload", "float8", "int8", "nf4")
    assert not any(memory.has_placement(WeightPlacement(name)) for name in moved)
    with pytest.raises(
        RenderFailed, match="no placement group-offload: its weights are quantised in their files"
    ):
        renderer_on_a_card(folder, "bfloat16", placement="group-offload")


def test_a_quantised_folder_is_measured_by_its_bytes(tmp_path: Path, folder: Path) -> None:
    """Weights of 4 bits are stored as one long column, which says nothing of the width of the network."""
    plain = folder_memory(tiny_folder("wan21"), families()["WanPipeline"]).networks["transformer"]
    stored = folder_memory(folder, families()["WanPipeline"]).networks["transformer"]
    assert stored.width == plain.width
    assert stored.elements < plain.elements
    shapes = {"blocks.0.to_q.weight": [800, 1], "blocks.0.to_q.bias": [40], "blocks.0.norm.weight": [40]}
    write_weights(tmp_path / "transformer" / "model.safetensors", shapes)
    (tmp_path / "transformer" / "config.json").write_text('{"quantization_config": {"load_in_4bit": true}}')
    packed = folder_memory(tmp_path, families()["WanPipeline"])
    assert packed.networks["transformer"].width == 40
    assert packed.has_quantised_denoiser


def test_a_quantised_text_encoder_stays_on_the_device(tmp_path: Path) -> None:
    for part in ("text_encoder", "text_encoder_2", "transformer"):
        write_weights(tmp_path / part / "model.safetensors", {"blocks.0.weight": [8, 8]})
    config = '{"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": true}}'
    (tmp_path / "text_encoder" / "config.json").write_text(config)
    memory = folder_memory(tmp_path, families()["WanPipeline"])
    assert memory.quantised == {"text_encoder"}
    assert not memory.has_quantised_denoiser
    one = memory.networks["text_encoder_2"].elements * memory.weight_bytes
    assert memory.hosted_bytes(WeightPlacement.TEXT_OFFLOAD) == one


def test_a_folder_is_refused_where_its_weights_cannot_be_loaded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the extra, or the GPU that is needed."""
    other = shutil.copytree(folder, tmp_path / "other")
    config = other / "transformer" / "config.json"
    config.write_text(json.dumps({"quantization_config": {"quant_method": "bitsandbytes"}}))
    refusal = _refusal(other)
    assert refusal.code == "MODEL_UNSUPPORTED"
    assert "quantised by bitsandbytes, which are loaded on a GPU only" in refusal.message
    monkeypatch.setattr(packages, "is_installed", lambda name: False)
    refusal = _refusal(folder)
    assert refusal.code == "PACKAGE_MISSING"
    assert "needs the package torchao; install kinolog[quantised]" in refusal.message
