"""`kinolog models`: its commands for the models of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinolog.models.hub.hub_model import HubModel
from tests.fixtures.kinolog_command import kinolog_here
from tests.fixtures.model_hub import COMMIT, ModelHub, ServedModel
from tests.renderers.installed import PYTHONPATH
from tests.unit.hub.conftest import NAME


@pytest.fixture(autouse=True)
def _downloads(model: HubModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The folder of downloads is that of the test, and the catalogue has nothing else."""
    for name in ("KINOLOG_MODEL", "KINOLOG_CATALOGUE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(model.cache))
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))


def _done(*arguments: str, code: int = 0, **environment: str) -> str:
    done = kinolog_here("models", *arguments, env=environment)
    assert done.exit_code == code, done.output
    return done.output


def _json(*arguments: str, code: int = 0, **environment: str) -> dict[str, Any]:
    found = json.loads(_done(*arguments, "--json", code=code, **environment).splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_a_model_is_pulled_listed_measured_checked_and_removed(hub: ModelHub, model: HubModel) -> None:
    assert "is here: 0.0 GiB, revision ccc" in _done("pull", NAME)
    assert "was here already" in _done("pull", NAME)
    (row,) = [row for row in _json("list", "--card-gib", "24")["models"] if row["source"] == NAME]
    assert (row["state"], row["pipeline"], row["revision"]) == ("here", "WanPipeline", COMMIT)
    assert row["fits"].startswith("device: ")
    assert row["size_bytes"] > 30_000
    measured = _json("measure", NAME, "--card-gib", "24")
    assert [one["weights"] for one in measured["weights"]] == [8_000, 4_000, 4_000]
    assert measured["placements"][0]["placement"] == "device"
    assert "the GPU: device: " in _done("measure", NAME, "--card-gib", "24")
    assert _done("check") == "wan: whole\n"
    assert _json("remove", NAME, "--yes")["freed_bytes"] > 30_000
    assert not model.folder.exists()
    _done("remove", NAME, "--yes", code=3)


def test_a_model_that_a_server_runs_has_no_files_here(tmp_path: Path) -> None:
    """The commands say so, and name the server."""
    file = tmp_path / "models.toml"
    file.write_text(
        '[[models]]\nname = "far"\nsource = "http://gpu-1/v1"\nrenderer = "openai-videos"\ndefaults = { frames = 80 }\n'
    )
    for command in ("check", "measure", "pull"):
        output = _done(command, "far", code=2, KINOLOG_CATALOGUE=str(file))
        assert "far is run by the server at http://gpu-1/v1" in output


def test_damage_is_found_by_the_hash_of_the_hub(hub: ModelHub, model: HubModel) -> None:
    """A bit that flipped leaves header and length as they are. --quick does not read it."""
    _done("pull", NAME)
    blob = (model.folder / "snapshots" / COMMIT / "vae/diffusion_pytorch_model.safetensors").resolve()
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    found = _json("check", NAME, code=1)
    assert found["problems"] == [
        "vae/diffusion_pytorch_model.safetensors is damaged: its bytes are not those that the hub has"
    ]
    assert _json("check", NAME, "--quick")["whole"]


def test_a_model_of_the_catalogue_has_its_own_revision_and_folder(hub: ModelHub, tmp_path: Path) -> None:
    hub.models[NAME].commit = "d" * 40
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(
        f'[[models]]\nname = "mine"\nsource = "{NAME}"\nrevision = "{"d" * 40}"\n'
        f'[models.options]\ncache_folder = "{tmp_path}/elsewhere"\n'
    )
    found = _json("pull", "mine", KINOLOG_CATALOGUE=str(catalogue))
    assert Path(found["folder"]).is_relative_to(tmp_path / "elsewhere")
    assert found["revision"] == "d" * 40
    assert "mine: whole" in _done("check", KINOLOG_CATALOGUE=str(catalogue))


def test_a_lora_of_the_catalogue_is_pulled_and_is_no_model(hub: ModelHub, tmp_path: Path) -> None:
    hub.models["owner/loras"] = ServedModel(
        {"ink.safetensors": b"a" * 3_000, "oil.safetensors": b"b" * 3_000}
    )
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(
        '[[models]]\nname = "mine"\nsource = "/models/mine"\n'
        '[[loras]]\nname = "ink"\nsource = "owner/loras"\nweight_file = "ink.safetensors"\n'
        'licence = "mit"\nmodels = ["mine"]\n'
    )
    here = str(catalogue)
    pulled = _json("pull", "ink", KINOLOG_CATALOGUE=here)
    assert (pulled["name"], pulled["revision"], pulled["size_bytes"]) == ("ink", COMMIT, 3_000)
    assert [path.name for path in Path(pulled["folder"]).iterdir()] == ["ink.safetensors"]
    assert "ink.safetensors of owner/loras was here already" in _done("pull", "ink", KINOLOG_CATALOGUE=here)
    assert "owner/loras" not in [row["source"] for row in _json("list", KINOLOG_CATALOGUE=here)["models"]]


def test_a_single_file_is_checked_with_the_rest_of_its_pipeline(
    hub: ModelHub, tmp_path: Path, published: Path
) -> None:
    """Its base is downloaded without the weights that the file replaces."""
    file, catalogue = tmp_path / "mine.safetensors", tmp_path / "models.toml"
    catalogue.write_text(f'[[models]]\nname = "mine"\nsource = "{file}"\nbase = "{NAME}"\n')
    pulled = _json("pull", "mine", KINOLOG_CATALOGUE=str(catalogue))
    assert not (Path(pulled["folder"]) / "transformer/diffusion_pytorch_model.safetensors").exists()
    assert "there is no file" in _done("check", "mine", code=1, KINOLOG_CATALOGUE=str(catalogue))
    content = (published / "vae/diffusion_pytorch_model.safetensors").read_bytes()
    file.write_bytes(content[:-1])
    assert "mine.safetensors has" in _done("check", "mine", code=1, KINOLOG_CATALOGUE=str(catalogue))
    file.write_bytes(content)
    assert "mine: whole" in _done("check", "mine", KINOLOG_CATALOGUE=str(catalogue))
    measured = _json("measure", "mine", KINOLOG_CATALOGUE=str(catalogue))
    assert {"part": "transformer", "weights": 4_000, "bytes": 8_000} in measured["weights"]


def test_a_question_is_asked_before_a_removal(hub: ModelHub, model: HubModel) -> None:
    _done("pull", NAME)
    assert "give --yes" in _done("remove", NAME, code=2)
    assert model.folder.is_dir()


def test_well_known_models_are_listed_whether_they_are_here_or_not() -> None:
    rows = {row["name"]: row for row in _json("list", "--known")["models"]}
    assert rows["wan-2.1-1.3b"]["licence"] == "Apache-2.0"
    assert rows["wan-2.1-1.3b"]["state"] == "not here"
    assert "wan-2.1-1.3b" not in _done("list")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("pull", "nothing"), 3, "there is no model nothing; write owner/name"),
        (("pull", "kinolog-tiny"), 2, "is no model of the hub"),
        (("pull", "someone/else"), 3, "has no model someone/else"),
        (("measure", NAME), 3, "not here; run `kinolog models pull someone/wan` first"),
        (("check", NAME), 1, "it is not here"),
        (("check", "kinolog-tiny"), 2, "installed with kinolog"),
        (("remove", "kinolog-tiny"), 2, "was not downloaded"),
    ],
)
def test_wrong_names_say_what_to_do(hub: ModelHub, arguments: tuple[str, ...], code: int, text: str) -> None:
    assert text in _done(*arguments, code=code)


def test_a_licence_that_was_not_accepted_is_a_refusal(hub: ModelHub) -> None:
    hub.models[NAME].refusal = (403, "GatedRepo")
    assert "set HF_TOKEN" in _done("pull", NAME, code=6)


def test_names_that_are_none(hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose name cannot be that of an entry, no name at all, and the model that is installed."""
    monkeypatch.chdir(tmp_path)
    assert "it holds no pipeline" in _done("check", ".", code=1)
    assert "there is no model ; write" in _done("check", "", code=3)
    assert "is installed with kinolog" in _done("measure", "kinolog-tiny", code=3)


def test_a_profile_is_measured_by_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips are drawn by a process of its own. What cannot be measured is said with its code."""
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "models.toml"
    file.write_text(
        '[[models]]\nname = "card"\nsource = "/models/card"\nrenderer = "testcard"\nsizes = ["64x48"]\n'
        "defaults = { width = 64, height = 48, frames = 4, steps = 3 }\n[models.profiles.fast]\nsteps = 2\n"
    )
    found = _json("calibrate", "card", "fast", "--clips", "1", KINOLOG_CATALOGUE=str(file))
    assert (found["psnr_db"], found["ssim"], found["clips"], found["steps"]) == (100.0, 1.0, 1, 2)
    assert (tmp_path / "kinolog/calibrations" / f"{found['calibration']}.json").is_file()
    problem = _done("calibrate", "card", "quick", code=1, KINOLOG_CATALOGUE=str(file))
    assert "CALIBRATION_UNSUITABLE: card has no profile quick; it has fast" in problem
