"""Folders of models that could run code when they are loaded are refused before anything in them is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, RenderFailed

from tests.renderers.pipelines import wan_folder

INDEX = "transformer/diffusion_pytorch_model.safetensors.index.json"


@pytest.fixture(scope="session")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a WanPipeline with random weights."""
    return wan_folder(tmp_path_factory.mktemp("safe") / "model")


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(intact, tmp_path / "model")


def _load(folder: Path) -> None:
    renderer = DiffusersRenderer()
    renderer.load(ModelSource("wan", str(folder)), "cpu")
    renderer.close()


def _refusal(folder: Path) -> RenderFailed:
    with pytest.raises(RenderFailed) as refusal:
        _load(folder)
    assert not refusal.value.retryable
    return refusal.value


def _change(path: Path, change: dict[str, Any]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))


@pytest.mark.parametrize("name", ["scheduler/model.pt", "x.pkl", "a/b.CKPT"])
def test_pickled_weights_are_refused(folder: Path, name: str) -> None:
    """A file that may be a pickle is refused and named, if no safetensors weights lie beside it."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"pickled")
    refusal = _refusal(folder)
    assert refusal.code == "MODEL_UNSAFE"
    assert name in refusal.message
    assert "safetensors" in refusal.message


def test_a_stray_pickle_beside_good_weights_is_left_alone(folder: Path) -> None:
    """Folders of the hub often hold both formats: the pickle is not read."""
    (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"not even a pickle")
    _load(folder)


@pytest.mark.parametrize("shard", ["weights.dat", "weights.bin", "../vae/x.safetensors"])
def test_an_index_leads_to_no_pickle(folder: Path, shard: str) -> None:
    """An index of shards may name safetensors files of its own folder alone: of others the loader makes a pickle."""
    (folder / "transformer" / Path(shard).name).write_bytes(b"pickled")
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": {"weight": shard}}))
    refusal = _refusal(folder)
    assert refusal.code == "MODEL_UNSAFE"
    assert INDEX in refusal.message
    assert shard in refusal.message


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_index_of_shards_is_damage(folder: Path, text: str) -> None:
    """An index that cannot be read is named."""
    (folder / INDEX).write_text(text)
    refusal = _refusal(folder)
    assert refusal.code == "MODEL_DAMAGED"
    assert INDEX in refusal.message


@pytest.mark.parametrize(
    "change",
    [
        {"_attn_implementation": "someone/kernel"},
        {"text_config": {"attn_implementation": {"": "someone/kernel:layer"}}},
    ],
)
def test_an_attention_kernel_of_the_hub_is_refused(folder: Path, change: dict[str, Any]) -> None:
    """The configuration of a component can name an attention kernel, which transformers would download and run."""
    _change(folder / "text_encoder" / "config.json", change)
    refusal = _refusal(folder)
    assert refusal.code == "MODEL_UNSAFE"
    assert "text_encoder/config.json" in refusal.message
    assert "someone/kernel" in refusal.message


def test_attention_of_the_library_is_allowed(folder: Path) -> None:
    """Implementations within the library have no slash."""
    _change(folder / "text_encoder" / "config.json", {"_attn_implementation": "eager"})
    _load(folder)


def test_code_in_a_folder_is_refused(folder: Path) -> None:
    """A folder with code is refused; nothing of it is run."""
    (folder / "pipeline.py").write_text("raise SystemExit('ran')")
    assert _refusal(folder).code == "MODEL_UNSAFE"


@pytest.mark.parametrize(
    "change",
    [
        {"vae": ["os", "system"]},
        {"_class_name": ["pipeline", "Custom"]},
        {"transformer": ["my_module", "Network"]},
    ],
)
def test_an_index_that_names_other_modules_is_refused(folder: Path, change: dict[str, list[str]]) -> None:
    """Components come from diffusers and transformers, whatever the index names."""
    _change(folder / "model_index.json", change)
    assert _refusal(folder).code == "MODEL_UNSAFE"
