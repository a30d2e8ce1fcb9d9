"""The folders of the tiny families are what tests of families take them for."""

from __future__ import annotations

from pathlib import Path

import diffusers
import pytest
import torch
from kinolog_worker.renderers.diffusers.model_folder import check_folder

from kinolog.models.hub.snapshots import folder_files
from kinolog.models.model_index import pipeline_class
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.fixtures.tiny_folders import tiny_folder
from tests.renderers.tiny.families import GUARDED_FAMILIES, PICTURE_FAMILIES, TINY_FAMILIES

LARGEST_BYTES = 20 << 20
pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)


@pytest.mark.parametrize("name", TINY_FAMILIES)
def test_a_family_is_a_small_folder_that_a_worker_loads(name: str) -> None:
    """It holds safetensors, configuration and the name of a class of diffusers."""
    folder = tiny_folder(name)
    check_folder(folder, frozenset(dir(diffusers.pipelines)))
    assert folder_files(folder).missing == ()
    assert hasattr(diffusers, str(pipeline_class(str(folder))))
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LARGEST_BYTES


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    """The random weights depend on the code alone, and building takes no random numbers from the process."""
    before = torch.random.get_rng_state()
    TINY_FAMILIES["wan22"](tmp_path / "first")
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(5)
    TINY_FAMILIES["wan22"](tmp_path / "second")
    assert _files(tmp_path / "first") == _files(tmp_path / "second")


def _files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_special_families_are_families() -> None:
    """The families with needs of their own are among those of the table."""
    assert set(TINY_FAMILIES) > PICTURE_FAMILIES | GUARDED_FAMILIES
