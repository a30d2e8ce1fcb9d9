"""Upscalers in the file of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.models.catalogue import load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.postprocess.upscalers import UpscalerEntry
from kinolog.process.settings import CatalogueSettings

ENTRY = '[[upscalers]]\nname = "x2"\nsource = "/models/x2"\nlicence = "apache-2.0"\nscale = 2\n'


def test_entries_stand_beside_models(tmp_path: Path) -> None:
    """The embedded model is still the default."""
    file = tmp_path / "models.toml"
    file.write_text(f"{ENTRY}tile = 128\noverlap = 16\n")
    catalogue = load_catalogue(CatalogueSettings(catalogue=file))
    assert catalogue.default.name == "kinolog-tiny"
    found = catalogue.upscalers["x2"]
    assert (found.scale, found.tile, found.enlarged(64, 48)) == (2, 128, (128, 96))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("upscalers = 3\n", "written as"),
        (ENTRY.replace("scale = 2", "scale = 3"), "upscaler 1: scale: "),
        (ENTRY + ENTRY, "upscaler x2: there are 2 of this name"),
        (f"{ENTRY}overlap = 136\n", "overlap: must be at most 128, half of the tile"),
        ("[[loris]]\n", r"the catalogue has .*\[\[upscalers\]\]"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(text)
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(CatalogueSettings(catalogue=file))


def test_a_video_has_limits() -> None:
    """Neither its sides nor its frames may be larger than what codecs take."""
    entry = UpscalerEntry(name="x4", source="owner/x4", licence="mit", scale=4)
    assert entry.takes_size(2048, 1080)
    assert not entry.takes_size(2050, 16)
    assert not entry.takes_size(2048, 1090)
