"""Folders of modular pipelines: every part comes from the folder itself, and nothing in it is code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model, load_pipeline
from kinolog_worker.renderers.renderer import ModelSource, RenderFailed

from kinolog.models.families import families
from kinolog.models.hub.snapshots import folder_files
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.renderers.tiny.families import TINY_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

INDEX = "modular_model_index.json"


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an Echo, whose index names the folder that it was saved in."""
    folder = tmp_path_factory.mktemp("modular") / "intact"
    TINY_FAMILIES["echo"](folder)
    return folder


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    """A copy of it: its index names another folder, which is there."""
    return shutil.copytree(intact, tmp_path / "model")


def _load(folder: Path) -> Any:
    return load_pipeline(checked_model(ModelSource("echo", str(folder)), "cpu"))


def _refusal(folder: Path) -> RenderFailed:
    with pytest.raises(RenderFailed) as refusal:
        _load(folder)
    assert not refusal.value.retryable
    return refusal.value


def _change(folder: Path, **changes: Any) -> None:
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index | changes))


def _change_part(folder: Path, part: str, **changes: Any) -> None:
    library, kind, stated = json.loads((folder / INDEX).read_text())[part]
    _change(folder, **{part: [library, kind, stated | changes]})


def test_parts_come_from_the_folder_and_not_from_where_the_index_points(folder: Path) -> None:
    """Copies of folders name the place that they were downloaded from, or another folder."""
    pipe = _load(folder)
    places = {pipe.get_component_spec(name).pretrained_model_name_or_path for name in ("vae", "tokenizer")}
    assert places == {str(folder)}
    shutil.rmtree(folder / "vae")
    refusal = _refusal(folder)
    assert refusal.code == "MODEL_DAMAGED"
    assert "the part vae is missing" in refusal.message


def test_a_part_that_cannot_be_loaded_is_named(folder: Path) -> None:
    """The library only logs it, and would fail at the end of the first job."""
    (weights,) = (folder / "vae").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:200])
    refusal = _refusal(folder)
    assert refusal.code == "MODEL_DAMAGED"
    assert "vae" in refusal.message


def test_a_tokenizer_keeps_no_option_of_loading(folder: Path) -> None:
    """It would keep any, and save it into its configuration."""
    kept = _load(folder).tokenizer.init_kwargs
    assert not {"dtype", "use_safetensors"} & set(kept)


def test_the_blocks_are_those_of_the_class(folder: Path) -> None:
    """An index may name those of another class."""
    _change(folder, _blocks_class_name="WanBlocks")
    assert "sigmas" in _load(folder).accepted


def test_an_ordinary_index_wins(folder: Path) -> None:
    """A folder that has both is that of the ordinary class."""
    (folder / "model_index.json").write_text('{"_class_name": "LTXLatentUpsamplePipeline"}')
    assert "LTXLatentUpsamplePipeline is not supported" in _refusal(folder).message


def test_an_index_of_the_wrong_kind_is_refused(folder: Path) -> None:
    """An ordinary class has no blocks, and a modular one no ordinary parts."""
    _change(folder, _class_name="WanPipeline")
    assert "belongs into model_index.json" in _refusal(folder).message
    (folder / "model_index.json").write_text('{"_class_name": "EchoModularPipeline"}')
    assert "belongs into modular_model_index.json" in _refusal(folder).message


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"type_hint": ["os", "system"]}, "MODEL_UNSAFE", "needs the module os"),
        ({"subfolder": "../intact/vae"}, "MODEL_UNSAFE", "outside the model folder"),
        ({"subfolder": "/models/vae"}, "MODEL_UNSAFE", "outside the model folder"),
        ({"variant": "../x"}, "MODEL_DAMAGED", "variant"),
        ({"type_hint": "AutoencoderKL"}, "MODEL_DAMAGED", "vae has no type_hint"),
        ({"type_hint": [None, None]}, "MODEL_DAMAGED", "vae has no type_hint"),
        ({"trust_remote_code": True}, "MODEL_DAMAGED", "unknown key trust_remote_code"),
    ],
)
def test_a_part_of_another_place_or_module_is_refused(
    folder: Path, changes: dict[str, Any], code: str, message: str
) -> None:
    """Parts are of diffusers and transformers, in the folder, and of known names."""
    _change_part(folder, "vae", **changes)
    refusal = _refusal(folder)
    assert refusal.code == code
    assert message in refusal.message


def test_code_is_refused(folder: Path) -> None:
    """A folder may name blocks of its own, beside it or in another repository."""
    (folder / "modular_config.json").write_text(
        json.dumps({"auto_map": {"Blocks": "owner/code--blocks.Mine"}})
    )
    refusal = _refusal(folder)
    assert refusal.code == "MODEL_UNSAFE"
    assert "modular_config.json" in refusal.message


def test_what_a_text_does_not_need_is_not_loaded(tmp_path: Path) -> None:
    """MiniMax-H3 has a second network for references, LTX-2.5 one that chooses a length. Neither has to be there,
    nor to fit.
    """
    for name, part in (
        ("minimax_h3", "transformer_ref"),
        ("ltx25", "duration_head"),
        ("ltx25", "diffusion_decoder"),
    ):
        folder = tmp_path / part
        TINY_FAMILIES[name](folder)
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir()
        (folder / part / "model.safetensors").write_bytes(b"damaged")
        checked = checked_model(ModelSource(name, str(folder)), "cpu")
        assert part not in checked.memory.networks
        assert load_pipeline(checked).components.get(part) is None


def test_a_model_of_the_hub_has_the_parts_that_are_loaded(intact: Path, tmp_path: Path) -> None:
    """Such a name is that of an ordinary folder or of a modular one, on this machine or downloaded."""
    commit = "0" * 40
    repository = tmp_path / "models--someone--echo"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    snapshot = shutil.copytree(intact, repository / "snapshots" / commit)
    source = ModelSource("echo", "someone/echo", cache_folder=tmp_path)
    assert checked_model(source, "cpu").folder == snapshot
    (snapshot / INDEX).unlink()
    with pytest.raises(RenderFailed, match="not whole on this machine"):
        checked_model(source, "cpu")


def test_only_the_parts_that_are_loaded_are_downloaded(tmp_path: Path) -> None:
    """MiniMax-H3 would be twice as large."""
    TINY_FAMILIES["minimax_h3"](tmp_path)
    needed = folder_files(tmp_path).paths
    assert {"transformer/config.json", INDEX} <= needed
    assert not [path for path in needed if "_ref" in path]


def test_every_modular_family_has_a_modular_class() -> None:
    """The key and the name of the class say the same."""
    named = {name for name in families() if name.endswith("ModularPipeline")}
    assert named == {family.pipeline for family in families().values() if family.modular}
