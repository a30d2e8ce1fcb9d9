"""A hub on this machine with a whole model, and a folder of downloads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from kinolog.models.hub.hub_model import HubModel
from tests.builders.model_folder import write_model
from tests.fixtures.model_hub import ModelHub, serving_hub

NAME = "someone/wan"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the hub has."""
    return write_model(tmp_path_factory.mktemp("published"))


@pytest.fixture
def hub(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """A hub that has it as `NAME`, and that the library of the hub uses."""
    with serving_hub() as hub:
        hub.add_folder(NAME, published)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def model(tmp_path: Path) -> HubModel:
    """That model, for a folder of downloads of this test."""
    return HubModel(name=NAME, cache=tmp_path / "cache")
