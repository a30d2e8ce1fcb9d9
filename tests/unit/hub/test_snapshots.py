"""Models of the hub on this machine: whether they are whole, and what their removal frees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from kinolog.models.hub.hub_model import HubModel, default_cache, is_hub_name
from kinolog.models.hub.integrity import folder_problems
from kinolog.models.hub.snapshots import (
    folder_files,
    is_whole,
    local_commits,
    local_snapshot,
    occupied_bytes,
    pin,
    pinned_models,
    remove,
)
from tests.builders.model_folder import INDEX, LOADED

A, B = "a" * 40, "b" * 40


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """A whole model with what lies beside it, and no code."""
    folder = shutil.copytree(published, tmp_path / "folder")
    (folder / "pipeline.py").unlink()
    return folder


def _cached(model: HubModel, published: Path, commit: str, **changed: bytes) -> Path:
    """Put the loaded files of a model into the cache, as the library of the hub does."""
    snapshot = model.folder / "snapshots" / commit
    for path in LOADED:
        content = changed.get(path.partition("/")[0], (published / path).read_bytes())
        blob = model.folder / "blobs" / f"{hash(content):x}"
        link = snapshot / path
        for place in (blob, link):
            place.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link.symlink_to(blob)
    return snapshot


def test_the_folder_of_downloads_is_that_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_cache() == Path(constants.HF_HUB_CACHE)
    assert default_cache({"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}) == Path("/h/hub")
    assert default_cache({"XDG_CACHE_HOME": "/x"}) == Path("/x/huggingface/hub")
    assert default_cache({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}) == Path("/c")


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("a/b", True),
        ("Wan-AI/Wan2.1-T2V", True),
        ("/a/b", False),
        ("a", False),
        ("a/b/c", False),
        ("./a", False),
    ],
)
def test_names_of_the_hub_are_told_from_folders(source: str, named: bool) -> None:
    assert is_hub_name(source) is named


def test_a_folder_has_what_is_loaded_once(folder: Path) -> None:
    assert folder_files(folder).paths == LOADED
    assert is_whole(folder)


@pytest.mark.parametrize(
    "lost",
    [
        "model_index.json",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "text_encoder/model-00001-of-00002.safetensors",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_folder_that_lacks_something_is_not_whole(folder: Path, lost: str) -> None:
    """A download that was interrupted leaves such a folder."""
    (folder / lost).unlink()
    assert not is_whole(folder)
    assert list(folder_problems(folder))


def test_what_is_wrong_with_a_folder_is_named(folder: Path) -> None:
    """A header that is cut off, a file that is too short, a pickle alone, an index that leads elsewhere."""
    assert list(folder_problems(folder)) == []
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    size = len(whole)
    assert list(folder_problems(folder)) == [
        f"vae/{weights.name} has {size - 1} bytes and not the {size} that its header states"
    ]
    weights.write_bytes(b"\x08")
    assert list(folder_problems(folder)) == [f"vae/{weights.name} has a damaged header"]
    weights.rename(weights.with_suffix(".bin"))
    assert "may hold pickled code" in next(folder_problems(folder))


def test_a_part_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    """The index of a modular pipeline names places."""
    part = {"type_hint": ["diffusers", "AutoencoderKL"], "subfolder": "../other"}
    index = {"_class_name": "WanModularPipeline", "vae": ["diffusers", "AutoencoderKL", part]}
    (tmp_path / "modular_model_index.json").write_text(json.dumps(index))
    assert list(folder_problems(tmp_path)) == ["the part vae is outside of the model's own folder"]


def test_the_pinned_commit_comes_before_that_of_the_branch(model: HubModel, published: Path) -> None:
    """A commit that is named is that one. What is not whole is none."""
    assert local_snapshot(model) is None
    first, second = (_cached(model, published, commit) for commit in (A, B))
    (model.folder / "refs").mkdir()
    (model.folder / "refs" / "main").write_text(A)
    assert local_snapshot(model) == first
    pin(model, B)
    assert local_snapshot(model) == second
    assert list(pinned_models(model.cache)) == [model]
    assert local_snapshot(HubModel(name=model.name, revision=A, cache=model.cache)) == first
    (second / "vae" / "config.json").unlink()
    assert local_snapshot(model) is None


def test_a_folder_that_cannot_be_looked_into_has_no_model(tmp_path: Path) -> None:
    """The api starts all the same where only workers may read the folder of downloads."""
    unreadable = HubModel(name="someone/wan", revision="c" * 40, cache=tmp_path / ("x" * 300))
    assert local_snapshot(unreadable) is None


def test_a_ref_leads_to_a_commit_alone(tmp_path: Path) -> None:
    """Another program may leave anything there. Nothing outside of the snapshots is deleted."""
    model = HubModel(name="someone/wan", cache=tmp_path / "cache")
    pins = model.folder / "refs" / "kinolog"
    pins.mkdir(parents=True)
    (pins / "main").write_text("../../../kept")
    (model.folder / "snapshots").mkdir()
    (tmp_path / "kept").mkdir()
    assert local_commits(model) == []
    remove(model)
    assert (tmp_path / "kept").is_dir()


def test_removal_frees_what_no_other_commit_uses(model: HubModel, published: Path) -> None:
    _cached(model, published, A)
    _cached(model, published, B, transformer=b"{}" * 500)
    pin(model, B)
    before = occupied_bytes(model.folder)
    partial = model.folder / "blobs" / "abc.kinolog.incomplete"
    partial.write_bytes(b"x" * 10)
    freed = remove(model)
    assert before - occupied_bytes(model.folder) == freed - 10 > 1_000
    kept = HubModel(name=model.name, revision=A, cache=model.cache)
    assert local_snapshot(kept) is not None
    assert not partial.exists()
    remove(kept)
    assert not model.folder.exists()


def test_weights_of_another_precision_alone_are_not_taken(folder: Path) -> None:
    """Their names have to be asked for, which kinolog does not."""
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    vae.rename(vae.with_suffix(".fp16.safetensors"))
    assert folder_files(folder).missing == (
        "weights in vae that are no variant, as vae/diffusion_pytorch_model.fp16.safetensors is",
    )


def test_a_guardrail_of_its_own_package_needs_no_folder(folder: Path) -> None:
    index = INDEX | {"safety_checker": ["cosmos_guardrail", "CosmosSafetyChecker"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    assert is_whole(folder)


def test_an_upscaler_is_its_configuration_and_its_weights(tmp_path: Path) -> None:
    """Pickles and pictures beside them are not loaded. A model of transformers of another kind is refused."""
    (tmp_path / "config.json").write_text('{"model_type": "swin2sr"}')
    (tmp_path / "pytorch_model.bin").touch()
    assert folder_files(tmp_path).missing == ("the weights model.safetensors",)
    (tmp_path / "model.safetensors").touch()
    assert folder_files(tmp_path).paths == {"config.json", "model.safetensors"}
    assert is_whole(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert not is_whole(tmp_path)
