"""What identifies the content of a model folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kinolog_worker.renderers.diffusers import content_hash
from kinolog_worker.renderers.diffusers.content_hash import revision_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with a large file."""
    made = tmp_path / "model"
    (made / "transformer").mkdir(parents=True)
    (made / "model_index.json").write_text("{}")
    (made / "transformer" / "weights.safetensors").write_bytes(b"0123456789" * 10)
    return made


@pytest.fixture(autouse=True)
def _small_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_hash, "_LARGE_BYTES", 50)


def test_every_byte_and_every_name_counts(folder: Path, tmp_path: Path) -> None:
    """Also one in the middle of a large file. Hidden files, as the hub leaves them, do not count."""
    cache = tmp_path / "hashes.json"
    before = revision_of(folder, cache)
    weights = folder / "transformer" / "weights.safetensors"
    weights.write_bytes(b"0123456789" * 5 + b"9876543210" * 5)
    os.utime(weights, ns=(1, 1))
    changed = revision_of(folder, cache)
    assert before.startswith("sha256:")
    assert changed != before
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("x")
    assert revision_of(folder, cache) == changed
    weights.rename(weights.with_name("others.safetensors"))
    assert revision_of(folder, cache) != changed


def test_a_large_file_is_read_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until its size or its time changes. A damaged or missing cache costs time and nothing else."""
    cache = tmp_path / "deep" / "hashes.json"
    before = revision_of(folder, cache)
    weights = folder / "transformer" / "weights.safetensors"
    status = weights.stat()
    weights.write_bytes(b"x" * 100)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert revision_of(folder, cache) == before
    cache.write_text('{"a": 1}')
    assert revision_of(folder, cache) != before
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    revision_of(folder)
    assert (tmp_path / "home" / "kinolog" / "model-hashes.json").is_file()


def test_a_snapshot_of_the_hub_is_its_commit(folder: Path) -> None:
    snapshot = folder.parent / "snapshots" / "0123abcd"
    snapshot.parent.mkdir()
    folder.rename(snapshot)
    assert revision_of(snapshot) == "0123abcd"
