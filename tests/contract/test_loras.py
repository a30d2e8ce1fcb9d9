"""LoRAs in the diffusers renderer: what they change, what they leave as it is, and which files are refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.content_hash import hash_of_file
from kinolog_worker.renderers.diffusers.pipeline_loader import load_pipeline
from kinolog_worker.renderers.diffusers.placement import placed_model
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import LoraSource, ModelSource, RenderFailed

from kinolog.models.families import families
from kinolog.models.model_index import pipeline_class
from tests.builders.drawn_frames import SMALL_SCENE, encoded_and_rendered, renderer_on_a_card
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.fixtures.tiny_folders import tiny_folder
from tests.renderers.loras import FILE, write_lora

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

REQUEST = replace(SMALL_SCENE, negative_prompt="green")
NETWORKS = {"wan21": "", "ltx": "", "cogvideox_2b": "", "wan22": "transformer_2", "animatediff_sdxl": ""}
"""Tiny pipelines, each with the network that its LoRA changes: the usual one if empty."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loras")


@pytest.fixture(scope="module")
def wan() -> DiffusersRenderer:
    return _renderer(tiny_folder("wan21"))


@pytest.fixture(scope="module")
def plain(wan: DiffusersRenderer) -> Frames:
    """What the model draws before any LoRA."""
    return _draw(wan)


@pytest.fixture(scope="module")
def ink(root: Path) -> LoraSource:
    return _source(write_lora(tiny_folder("wan21"), root / "ink"), "ink")


@pytest.fixture(scope="module")
def oil(root: Path) -> LoraSource:
    return _source(write_lora(tiny_folder("wan21"), root / "oil", rank=2, weights_seed=2), "oil.v1")


def _renderer(folder: Path, **options: object) -> DiffusersRenderer:
    renderer = DiffusersRenderer()
    renderer.load(ModelSource("tiny", str(folder), options=options), "cpu")
    return renderer


def _source(path: Path, name: str = "ink", weight: float = 1.0, **more: Any) -> LoraSource:
    stated = {"network": "transformer", "licence": "apache-2.0"} | more
    return LoraSource(name=name, location=str(path), weight=weight, **stated)


def _draw(renderer: DiffusersRenderer, loras: Sequence[LoraSource] = ()) -> Frames:
    renderer.use_loras(loras)
    return encoded_and_rendered(renderer, REQUEST)


def _error(renderer: DiffusersRenderer, lora: LoraSource) -> RenderFailed:
    with pytest.raises(RenderFailed) as caught:
        _draw(renderer, [lora])
    assert not caught.value.retryable
    return caught.value


@pytest.mark.parametrize("name", NETWORKS)
def test_a_lora_changes_the_picture_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    """More weight changes more; afterwards the model draws what it drew before, to the bit."""
    folder = tiny_folder(name)
    network = NETWORKS[name] or families()[str(pipeline_class(str(folder)))].loras[0]
    lora = _source(write_lora(folder, tmp_path, network=network), network=network)
    renderer = _renderer(folder)
    before = _draw(renderer)
    whole = _draw(renderer, [lora])
    half = _draw(renderer, [replace(lora, weight=0.5)])
    assert not np.array_equal(whole, before)
    assert not np.array_equal(half, before)
    assert not np.array_equal(half, whole)
    assert np.array_equal(_draw(renderer), before)
    assert np.array_equal(_draw(renderer, [lora]), whole)
    renderer.close()


def test_a_weight_of_zero_is_none(wan: DiffusersRenderer, plain: Frames, ink: LoraSource) -> None:
    """It changes no bit, and its file is not even looked for."""
    nowhere = _source(Path("/nowhere"), weight=0.0)
    assert np.array_equal(_draw(wan, [replace(ink, weight=0.0), nowhere]), plain)
    assert wan.current_facts().loras == ()


def test_two_change_the_model_together(
    wan: DiffusersRenderer, plain: Frames, ink: LoraSource, oil: LoraSource
) -> None:
    """Both have an effect, and taking one of them away leaves what the other does."""
    first, second = _draw(wan, [ink]), _draw(wan, [oil])
    both = _draw(wan, [ink, replace(oil, weight=-0.5)])
    assert not any(np.array_equal(both, other) for other in (plain, first, second))
    assert np.array_equal(_draw(wan, [ink]), first)
    assert np.array_equal(_draw(wan), plain)


def test_the_model_is_loaded_once(ink: LoraSource, oil: LoraSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs with other LoRAs, with other weights of them and without any have the same pipeline."""
    loads: list[object] = []

    def counted(*arguments: Any) -> Any:
        loads.append(arguments)
        return load_pipeline(*arguments)

    monkeypatch.setattr(placed_model, "load_pipeline", counted)
    renderer = _renderer(tiny_folder("wan21"))
    for loras in ([ink], [replace(ink, weight=0.3), oil], [oil], []):
        _draw(renderer, loras)
    assert len(loads) == 1


def test_the_facts_name_what_was_used(wan: DiffusersRenderer, ink: LoraSource) -> None:
    """The history of a job gets name, weight, hash and licence."""
    (used,) = wan.use_loras([replace(ink, weight=0.7)])
    assert (used.name, used.weight, used.licence) == ("ink", 0.7, "apache-2.0")
    assert used.sha256 == hash_of_file(Path(ink.location))
    assert wan.current_facts().loras == (used,)
    assert wan.use_loras(()) == ()


@pytest.mark.parametrize("placement", ["text-offload", "group-offload", "float8", "int8", "nf4"])
def test_a_lora_goes_with_every_placement(placement: str, wan: DiffusersRenderer, ink: LoraSource) -> None:
    """It draws what it draws with all of the model on the device; weights of fewer bits are its base's alone."""
    renderer = renderer_on_a_card(tiny_folder("wan21"), placement=placement)
    before = _draw(renderer)
    changed = _draw(renderer, [ink])
    assert renderer.current_facts().placement == placement
    assert not np.array_equal(changed, before)
    assert np.array_equal(_draw(renderer), before)
    if placement in ("text-offload", "group-offload"):
        assert np.array_equal(changed, _draw(wan, [ink]))
        return
    _draw(renderer, [ink])
    assert renderer._loaded is not None
    network = renderer._loaded.pipe.transformer
    stored = {weights.dtype for name, weights in network.named_parameters() if ".lora_" in name}
    assert stored == {torch.float32}


def test_a_lora_of_another_family_is_refused(wan: DiffusersRenderer, plain: Frames, tmp_path: Path) -> None:
    """None of its weights has a place. The model draws as before afterwards."""
    error = _error(wan, _source(write_lora(tiny_folder("ltx"), tmp_path)))
    assert error.code == "LORA_UNSUITABLE"
    assert "have no place in transformer" in error.message
    assert np.array_equal(_draw(wan), plain)


def _edited(source: Path, target: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> LoraSource:
    tensors = safetensors.torch.load_file(source)
    edit(tensors)
    safetensors.torch.save_file(tensors, target)
    return _source(target)


def _deeper(tensors: dict[str, torch.Tensor]) -> None:
    """Add a layer that the model does not have."""
    for name in list(tensors):
        if ".blocks.1." in name:
            tensors[name.replace(".blocks.1.", ".blocks.9.")] = tensors[name].clone()


def _wider(tensors: dict[str, torch.Tensor]) -> None:
    for name in tensors:
        side = 1 if ".lora_A." in name else 0
        tensors[name] = torch.cat([tensors[name]] * 2, dim=side)


def _unnamed(tensors: dict[str, torch.Tensor]) -> None:
    """Leave out the name of the network, as in files of other programs."""
    for name in list(tensors):
        tensors[name.removeprefix("transformer.")] = tensors.pop(name)


def _encoder(tensors: dict[str, torch.Tensor]) -> None:
    for name in list(tensors)[:2]:
        tensors[name.replace("transformer.", "text_encoder.")] = tensors.pop(name)


def _dora(tensors: dict[str, torch.Tensor]) -> None:
    tensors["transformer.blocks.0.attn1.to_q.dora_scale"] = torch.ones(1)


def _halved(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["transformer.blocks.0.attn1.to_q.lora_B.weight"]


def _misnamed(tensors: dict[str, torch.Tensor]) -> None:
    """Give one weight a name of another program, from which a converter of diffusers cannot make one."""
    name = next(iter(tensors))
    tensors[f"lora_unet_{name.replace('.', '_')}"] = tensors.pop(name)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (_halved, "1 layer of transformer with half of a pair, such as blocks.0.attn1.to_q"),
        (_misnamed, "is no LoRA of this pipeline"),
        (_deeper, "16 of its 48 weights have no place in transformer, such as transformer.blocks.9."),
        (_wider, "of another size"),
        (_unnamed, "32 of its 32 weights belong to no network of WanPipeline"),
        (_encoder, "changes text_encoder"),
        (_dora, "is a DoRA"),
        (dict.clear, "holds no weights"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    edit: Callable[[dict[str, torch.Tensor]], None],
    words: str,
    wan: DiffusersRenderer,
    plain: Frames,
    ink: LoraSource,
    tmp_path: Path,
) -> None:
    """One weight without a place is enough, and the model draws as before afterwards."""
    error = _error(wan, _edited(Path(ink.location), tmp_path / FILE, edit))
    assert error.code == "LORA_UNSUITABLE"
    assert words in error.message
    assert np.array_equal(_draw(wan), plain)


def test_a_file_that_is_cut_is_refused(wan: DiffusersRenderer, ink: LoraSource, tmp_path: Path) -> None:
    damaged = tmp_path / FILE
    damaged.write_bytes(Path(ink.location).read_bytes()[:-100])
    assert "is damaged" in _error(wan, _source(damaged)).message


def test_a_pickle_is_never_read(wan: DiffusersRenderer, tmp_path: Path) -> None:
    """Neither as the file that is named nor as the only one of a folder."""
    for name in ("lora.bin", "lora.pt"):
        (tmp_path / name).write_bytes(pickle.dumps({"weight": 1}))
        assert _error(wan, _source(tmp_path / name)).code == "LORA_UNSAFE"
    assert _error(wan, _source(tmp_path)).code == "LORA_UNSAFE"


def test_the_file_of_a_folder_is_named_or_the_only_one(
    wan: DiffusersRenderer, ink: LoraSource, tmp_path: Path
) -> None:
    """A second file is no reason to guess."""
    content = Path(ink.location).read_bytes()
    (tmp_path / "high.safetensors").write_bytes(content)
    (used,) = wan.use_loras([_source(tmp_path)])
    (tmp_path / "low.safetensors").write_bytes(content)
    assert "name one with `weight_file`" in _error(wan, _source(tmp_path)).message
    assert wan.use_loras([_source(tmp_path, weight_file="low.safetensors")]) == (used,)
    assert _error(wan, _source(tmp_path / "no" / "such")).code == "LORA_NOT_FOUND"
    assert (
        "of a hub name its entry in the catalogue needs `weight_file`"
        in _error(wan, _source(Path("owner/ink"))).message
    )


def test_another_content_than_the_catalogue_states_is_refused(
    wan: DiffusersRenderer, ink: LoraSource
) -> None:
    stated = hash_of_file(Path(ink.location))
    wan.use_loras([replace(ink, sha256=stated)])
    error = _error(wan, replace(ink, sha256="0" * 64))
    assert error.code == "LORA_CHANGED"
    assert stated in error.message


def test_a_network_that_the_family_has_not_is_refused(wan: DiffusersRenderer, ink: LoraSource) -> None:
    """The pipeline has it not, or its class."""
    second = _error(wan, replace(ink, network="transformer_2"))
    assert "belong to no network of WanPipeline" in second.message
    assert "a LoRA changes transformer or transformer_2" in _error(wan, replace(ink, network="unet")).message
