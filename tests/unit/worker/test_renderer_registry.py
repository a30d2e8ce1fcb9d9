"""Renderers are found by their entry points."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_worker.renderers.registry import renderer_named
from kinolog_worker.renderers.renderer import RenderFailed

from kinolog.models.catalogue import load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.renderers import DEFAULT_RENDERER, RENDERER_GROUP, installed_renderers
from kinolog.process.settings import CatalogueSettings
from tests.renderers.installed import DISTRIBUTION


def _catalogue(folder: Path, renderer: str) -> CatalogueSettings:
    path = folder / "models.toml"
    path.write_text(f'[[models]]\nname = "card"\nsource = "card"\nrenderer = "{renderer}"\n')
    return CatalogueSettings(catalogue=path)


def test_the_default_renderer_is_installed() -> None:
    """The package has an entry point for the renderer of entries that name none."""
    assert DEFAULT_RENDERER in installed_renderers()


def test_a_package_can_add_a_renderer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The entry point of another package can be named in the catalogue and is found by the worker."""
    monkeypatch.syspath_prepend(DISTRIBUTION)
    entry = load_catalogue(_catalogue(tmp_path, "testcard")).get("card")
    assert entry is not None
    assert type(renderer_named(entry.renderer)).__name__ == "TestcardRenderer"


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "there is no renderer nowhere"), ("broken", "reinstall")]
)
def test_a_missing_renderer_is_not_retryable(monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    """A renderer that is not installed or cannot be imported is refused; the message states what to do."""
    monkeypatch.syspath_prepend(DISTRIBUTION)
    with pytest.raises(RenderFailed, match=f"(?i){words}") as refusal:
        renderer_named(name)
    assert (refusal.value.code, refusal.value.retryable) == ("RENDERER_NOT_FOUND", False)


def test_a_class_in_the_catalogue_is_refused(tmp_path: Path) -> None:
    """A catalogue that names a class is refused; the message has the group and the installed renderers."""
    with pytest.raises(CatalogueError, match=RENDERER_GROUP) as refusal:
        load_catalogue(_catalogue(tmp_path, "package.module:Class"))
    assert DEFAULT_RENDERER in str(refusal.value)
