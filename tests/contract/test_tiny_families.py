"""The folders of the tiny families are what tests of families take them for."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import pytest
from kinolog_worker.renderers.diffusers.model_folder import check_folder

from tests.renderers.tiny.families import GUARDED_FAMILIES, PICTURE_FAMILIES, TINY_FAMILIES

LARGEST_BYTES = 20 << 20
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
"""Two schedulers of diffusers convert tensors in a way that numpy 2 warns of."""


@pytest.mark.parametrize("name", TINY_FAMILIES)
def test_a_family_is_a_small_folder_that_a_worker_loads(name: str, tmp_path: Path) -> None:
    """It holds safetensors, configuration and the name of a class of diffusers, and two builds are the same bytes."""
    first, second = tmp_path / "first", tmp_path / "second"
    TINY_FAMILIES[name](first)
    TINY_FAMILIES[name](second)
    check_folder(first, frozenset(dir(diffusers.pipelines)))
    index = json.loads((first / "model_index.json").read_text())
    assert hasattr(diffusers, index["_class_name"])
    files = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert sum(map(len, files.values())) < LARGEST_BYTES
    assert files == {
        path.relative_to(second): path.read_bytes() for path in second.rglob("*") if path.is_file()
    }


def test_special_families_are_families() -> None:
    """The families with needs of their own are among those of the table."""
    assert set(TINY_FAMILIES) > PICTURE_FAMILIES | GUARDED_FAMILIES
