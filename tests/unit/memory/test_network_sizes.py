"""Sizes of networks from the headers of weight files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from kinolog.models.families import families
from kinolog.models.memory.autoencoders import UNKNOWN_AUTOENCODER, autoencoders
from kinolog.models.memory.needs import folder_memory
from kinolog.models.memory.weights import WeightsUnreadable, network_sizes
from tests.builders.weight_files import write_weights

SHAPES = {
    "blocks.0.attention.weight": [8, 8],
    "blocks.0.feed_forward.weight": [8, 32],
    "blocks.1.attention.weight": [8, 8],
    "patch.weight": [4, 3, 2, 2],
    "norm.weight": [8],
    "head.projections.0.weight": [4, 4],
}


def test_a_network_is_measured_by_its_headers(tmp_path: Path) -> None:
    write_weights(tmp_path / "transformer" / "diffusion_pytorch_model.safetensors", SHAPES)
    (tmp_path / "scheduler").mkdir()
    (size,) = network_sizes(tmp_path).values()
    assert (size.elements, size.block, size.outside, size.tensor, size.width) == (456, 320, 56, 256, 8)
    assert size.linear == 384  # without what is in a list within a layer that is no block


def test_variants_and_files_that_no_index_names_are_left_out(tmp_path: Path) -> None:
    """Folders of the hub hold weights in several dtypes, of which one is loaded."""
    part = tmp_path / "text_encoder"
    for name in ("model.safetensors", "model.fp16.safetensors", "other.safetensors"):
        write_weights(part / name, {"weight": [2, 2]})
    assert network_sizes(tmp_path)["text_encoder"].elements == 4
    write_weights(part / "model-00001-of-00002.safetensors", {"a": [5]})
    write_weights(part / "model-00002-of-00002.safetensors", {"b": [6]})
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (part / "model.safetensors.index.json").write_text(json.dumps(index))
    (part / "model.safetensors.index.fp16.json").write_text("{}")
    assert network_sizes(tmp_path)["text_encoder"].elements == 11


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 16, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 9) + b'{"a": {}}']
)
def test_a_damaged_header_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "model.safetensors").write_bytes(content)
    with pytest.raises(WeightsUnreadable, match=r"vae/model\.safetensors"):
        network_sizes(tmp_path)


@pytest.mark.parametrize(
    ("text", "named"),
    [("[]", r"vae/model\.safetensors\.index\.json"), ('{"weight_map": {"a": 3}}', "vae/3 ")],
)
def test_a_damaged_index_is_named(tmp_path: Path, text: str, named: str) -> None:
    """A worker starts without such a model: it leaves it out of its report."""
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "model.safetensors.index.json").write_text(text)
    with pytest.raises(WeightsUnreadable, match=named):
        network_sizes(tmp_path)


def test_a_folder_has_the_memory_of_its_parts(tmp_path: Path) -> None:
    """The configuration of a folder decides over its family: Wan 2.2 5B has larger tokens than Wan 2.1."""
    write_weights(tmp_path / "transformer" / "model.safetensors", SHAPES)
    write_weights(tmp_path / "vae" / "model.safetensors", {"weight": [10]})
    vae = {"_class_name": "AutoencoderKLWan", "is_residual": True, "scale_factor_spatial": 16}
    (tmp_path / "vae" / "config.json").write_text(json.dumps(vae))
    (tmp_path / "transformer" / "config.json").write_text(json.dumps({"patch_size": [1, 2, 2]}))
    wan = folder_memory(tmp_path, families()["WanPipeline"])
    assert (wan.token_side, wan.frames_of_latent, wan.passes, wan.streams) == (32, 4, 1, True)
    assert wan.autoencoder == autoencoders()["AutoencoderKLWan, residual"]
    assert (wan.decode_bytes, wan.may_halve) == (4, True)
    stated = folder_memory(tmp_path, families()["WanPipeline"], vae_dtype="float32")
    assert (stated.decode_bytes, stated.may_halve) == (4, False)
    (tmp_path / "vae" / "config.json").write_text("no JSON")
    mochi = folder_memory(tmp_path, families()["MochiPipeline"])
    assert (mochi.token_side, mochi.frames_of_latent, mochi.passes) == (16, 6, 2)
    assert (mochi.autoencoder, mochi.decode_bytes, mochi.may_halve) == (UNKNOWN_AUTOENCODER, 2, False)
