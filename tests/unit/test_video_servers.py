"""Models behind a server of videos, in the file of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.models.catalogue import load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.servers.video_server import video_server
from kinolog.process.settings import CatalogueSettings

ENTRY = """[[models]]
name = "wan"
source = "http://gpu-1:8091/v1/"
renderer = "openai-videos"
concurrency = 4
[models.defaults]
frames = 80
[models.options]
model = "Wan-AI/Wan2.2"
"""


def _load(folder: Path, text: str) -> CatalogueSettings:
    path = folder / "models.toml"
    path.write_text(text)
    return CatalogueSettings(catalogue=path)


def test_an_entry_names_a_server(tmp_path: Path) -> None:
    """The address has no slash at its end, and a worker has one job at once if the entry does not state more."""
    entry = load_catalogue(_load(tmp_path, ENTRY)).default
    server = video_server(entry)
    assert server is not None
    assert (server.url, server.model, entry.files_at_once) == ("http://gpu-1:8091/v1", "Wan-AI/Wan2.2", 4)
    assert not entry.takes_loras
    alone = load_catalogue(_load(tmp_path, ENTRY.replace("concurrency = 4\n", ""))).default
    assert alone.files_at_once == 1


def test_jobs_beside_the_device_have_a_class_of_their_own(tmp_path: Path) -> None:
    """Else a worker would take tickets for which it has no room."""
    other = '[[models]]\nname = "a"\nsource = "/a"\n'
    with pytest.raises(CatalogueError, match="default is also that of another model; give wan its own"):
        load_catalogue(_load(tmp_path, ENTRY + other))
    load_catalogue(_load(tmp_path, ENTRY + other + 'model_class = "other"\n'))


def test_a_device_draws_one_job_after_the_other(tmp_path: Path) -> None:
    """The renderer of this machine has no jobs beside each other."""
    with pytest.raises(CatalogueError, match="concurrency: a device draws one job after the other"):
        load_catalogue(_load(tmp_path, '[[models]]\nname = "a"\nsource = "/a"\nconcurrency = 2\n'))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("http://gpu-1:8091/v1/", "gpu-1:8091", "source: must be the address that /videos is below"),
        ("http://gpu-1:8091/v1/", "http://a:b@gpu-1/v1", "source: must hold no password; state api_key_file"),
        ("model =", "modell =", "options.modell: "),
        ("model =", 'body = "xml"\nmodel =', "options.body: "),
        ("model =", 'fields = { colour = "c" }\nmodel =', "options.fields.colour"),
        ("model =", 'api_key_file = "k"\napi_key_variable = "K"\nmodel =', "options: state api_key_file or"),
        (
            "frames = 80",
            "frames = 81",
            "defaults.frames: the server is asked for whole seconds, and 81 frames at 16",
        ),
        ("[models.defaults]", "[models.profiles.fast]\nsteps = 4\n[models.defaults]", "profiles: a server"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        load_catalogue(_load(tmp_path, ENTRY.replace(old, new)))
    assert message in str(refused.value)
