"""Profiles in the file of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.job.rendering.profile import StepCache
from kinolog.models.catalogue import Catalogue, load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.process.settings import CatalogueSettings

INK = '[[loras]]\nname = "ink"\nsource = "/loras/ink"\nlicence = "mit"\nfamilies = ["WanPipeline"]\n'


def _read(folder: Path, profile: str, pipeline: str = "WanPipeline", loras: str = INK) -> Catalogue:
    path = folder / "models.toml"
    model = f'[[models]]\nname = "m"\nsource = "owner/m"\npipeline = "{pipeline}"\nmax_steps = 60\n'
    path.write_text(f"{model}{profile}\n{loras}")
    return load_catalogue(CatalogueSettings(catalogue=path))


def test_a_profile_states_what_jobs_have_instead(tmp_path: Path) -> None:
    """Noise levels count the steps, and a last 0 is left out: pipelines add it."""
    text = "[models.profiles.turbo]\nguidance = 1.0\nsigmas = [1.0, 0.75, 0.4, 0.0]\nloras = [{ name = 'ink' }]\n"
    profile = _read(tmp_path, f"{text}[models.profiles.fast]\nsteps = 8\nflow_shift = 3.0\n").default.profiles
    assert (profile["turbo"].sigmas, profile["turbo"].made_steps) == ((1.0, 0.75, 0.4), 3)
    assert (profile["fast"].made_steps, profile["fast"].flow_shift) == (8, 3.0)


@pytest.mark.parametrize(
    ("pipeline", "stated", "problem"),
    [
        ("WanPipeline", "", "state loras, steps, sigmas, guidance, flow_shift or cache"),
        ("WanPipeline", "sigmas = [0.5, 0.9]", "must be less than the one before"),
        ("WanPipeline", "sigmas = [1.5]", "sigmas"),
        ("WanPipeline", "sigmas = [0.9, 0.5]\nsteps = 4", "steps: there are 2 sigmas; leave steps out"),
        ("WanPipeline", "sigmas = [0.9]\nflow_shift = 3.0", "sigmas are not shifted"),
        ("WanPipeline", "steps = 61", "steps: the model takes at most 60"),
        ("WanPipeline", "loras = [{ name = 'oil' }]", "oil is no LoRA that fits; there are: ink"),
        ("CogVideoXPipeline", "sigmas = [0.9, 0.5]", "CogVideoXPipeline takes no list of noise levels"),
        ("CogVideoXPipeline", "flow_shift = 3.0", "CogVideoXPipeline has no flow shift"),
        ("CogVideoXPipeline", "loras = [{ name = 'ink' }]", "ink is no LoRA that fits; there are: none"),
        ("WanPipeline", "cache = { kind = 'tea' }", "'first-block', 'taylor' or 'taylor-blocks'"),
        ("WanPipeline", "cache = { kind = 'taylor', threshold = 0.1 }", "threshold: taylor has none"),
        ("WanPipeline", "cache = { kind = 'first-block', order = 2 }", "order: first-block has none"),
        ("WanPipeline", "cache = { kind = 'first-block', threshold = 0.0 }", "greater than 0"),
        (
            "AllegroPipeline",
            "cache = { kind = 'taylor' }",
            "AllegroPipeline has no step cache taylor; it takes none",
        ),
        ("WanVACEPipeline", "cache = { kind = 'first-block' }", "it takes taylor, taylor-blocks"),
        ("", "cache = { kind = 'taylor' }", "cache: the entry needs `pipeline`"),
        ("Cosmos3DistilledModularPipeline", "guidance = 2.0", "draws without"),
        ("Cosmos3DistilledModularPipeline", "steps = 2", "are fixed"),
    ],
)
def test_what_a_model_cannot_do_is_refused(pipeline: str, stated: str, problem: str, tmp_path: Path) -> None:
    """As the catalogue is read, with the name of the model and of the profile, or the number of the model."""
    with pytest.raises(CatalogueError) as caught:
        _read(tmp_path, f"[models.profiles.turbo]\n{stated}\n", pipeline)
    assert problem in str(caught.value)
    assert "turbo" in str(caught.value)


def test_the_model_as_it_is_cannot_be_stated(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"profiles\.exact: it is the model as it is"):
        _read(tmp_path, "[models.profiles.exact]\nsteps = 8\n")


def test_a_name_is_one_word(tmp_path: Path) -> None:
    """It is a value of a request and of a command line."""
    with pytest.raises(CatalogueError, match="First Block"):
        _read(tmp_path, '[models.profiles."First Block"]\nsteps = 8\n')


def test_a_step_cache_has_the_values_of_its_kind(tmp_path: Path) -> None:
    """Those that a profile leaves out are filled in; those that the kind does not have are 0 in the job."""
    text = "[models.profiles.quick]\ncache = { kind = 'first-block' }\n"
    profiles = _read(
        tmp_path, f"{text}[models.profiles.series]\ncache = {{ kind = 'taylor', order = 2 }}\n"
    ).default.profiles
    assert profiles["quick"].step_cache == StepCache(kind="first-block", threshold=0.05)
    assert profiles["series"].step_cache == StepCache(kind="taylor", interval=5, full_steps=3, order=2)
