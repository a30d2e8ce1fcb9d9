"""The well-known models, and the entries that name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.models.catalogue import ModelEntry, load_catalogue, with_family
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.hub.hub_model import is_commit, is_hub_name
from kinolog.models.known_models import known_models
from kinolog.process.settings import CatalogueSettings


@pytest.mark.parametrize("name", sorted(known_models()))
def test_every_one_is_an_entry_that_kinolog_drives(name: str) -> None:
    """It has the class of its pipeline, so that requests are checked before it is downloaded, and fits its family."""
    entry = with_family(ModelEntry.model_validate(known_models()[name]))
    assert is_hub_name(entry.source)
    assert entry.licence
    assert entry.family is not None
    assert not entry.family.refusal
    assert entry.revision is None or is_commit(entry.revision)
    assert entry.defaults.frames == entry.family.frames.round_up(entry.defaults.frames)
    assert entry.defaults.width % entry.family.size_multiple == 0


@pytest.mark.parametrize("named", ["wan-2.1-1.3b", "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"])
def test_one_setting_names_one_and_allows_its_download(named: str) -> None:
    entry = load_catalogue(CatalogueSettings(model=named)).default
    assert entry.name == named.rsplit("/", 1)[-1]
    assert (entry.source, entry.pipeline) == ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "WanPipeline")
    assert entry.options["allow_download"] is True
    assert entry.defaults.negative_prompt.startswith("Bright tones")


def test_any_model_of_the_hub_may_be_named() -> None:
    entry = load_catalogue(CatalogueSettings(model="someone/else")).default
    assert (entry.name, entry.source, entry.options) == ("else", "someone/else", {"allow_download": True})


def test_a_folder_is_never_downloaded(tmp_path: Path) -> None:
    assert load_catalogue(CatalogueSettings(model=str(tmp_path))).default.options == {}
    with pytest.raises(
        CatalogueError, match=r"there is no folder nonsense; write owner/name .* wan-2\.1-1\.3b, "
    ):
        load_catalogue(CatalogueSettings(model="nonsense"))


def test_an_entry_changes_what_a_known_model_states(tmp_path: Path) -> None:
    """It names the model, and states what is to be different."""
    file = tmp_path / "models.toml"
    file.write_text(
        '[[models]]\nknown = "wan-2.1-14b"\nname = "big"\n[models.defaults]\nsteps = 30\n'
        "[models.options]\nallow_download = true\n"
    )
    entry = load_catalogue(CatalogueSettings(catalogue=file)).default
    assert (entry.name, entry.source) == ("big", "Wan-AI/Wan2.1-T2V-14B-Diffusers")
    assert (entry.defaults.steps, entry.defaults.width) == (30, 1280)
    assert entry.options == {"flow_shift": 5.0, "allow_download": True}
    file.write_text('[[models]]\nknown = "wan-2.1-14b"\nname = "own"\nsource = "someone/wan"\n')
    assert load_catalogue(CatalogueSettings(catalogue=file)).default.revision is None, (
        "a commit of the other source"
    )
    file.write_text('[[models]]\nknown = "wan-9"\n')
    with pytest.raises(
        CatalogueError, match=r"model 1: known: there is no 'wan-9'; there are wan-2\.1-1\.3b"
    ):
        load_catalogue(CatalogueSettings(catalogue=file))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("options = 3", "model 1: options: Input should be a valid dictionary"),
        ("known = [1]", r"model 1: known: there is no \[1\]; there are wan"),
    ],
)
def test_a_wrong_kind_of_value_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "models.toml"
    known = "" if line.startswith("known") else 'known = "wan-2.1-14b"\n'
    file.write_text(f"[[models]]\n{known}{line}\n")
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(CatalogueSettings(catalogue=file))
