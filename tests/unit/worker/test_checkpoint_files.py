"""Checkpoints of a scene as files: when they are made, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest
from kinolog_worker.inference.checkpoints.checkpoint_messages import (
    CheckpointMessage,
    CheckpointPlan,
    EarlierCheckpoint,
    ResumedMessage,
)
from kinolog_worker.inference.checkpoints.scene_checkpoint_files import SceneCheckpointFiles


@pytest.fixture
def sent() -> list[CheckpointMessage | ResumedMessage]:
    """What the supervisor is told."""
    return []


def _files(folder: Path, sent: list[CheckpointMessage | ResumedMessage], **plan: Any) -> SceneCheckpointFiles:
    return SceneCheckpointFiles(CheckpointPlan(**plan), 0, folder, "job-1", sent.append)


def test_the_next_checkpoint_waits_for_the_one_before(
    tmp_path: Path, sent: list[CheckpointMessage | ResumedMessage]
) -> None:
    """A slow disk delays no step, and gets fewer checkpoints."""
    files, written = _files(tmp_path, sent, interval_seconds=1e-9), Event()

    def write(path: Path) -> None:
        written.wait()
        path.write_bytes(b"latents")

    assert files.is_due(1)
    files.put(1, write)
    assert not files.is_due(2)
    written.set()
    files.close()
    assert files.is_due(3)
    (made,) = sent
    assert isinstance(made, CheckpointMessage)
    assert (made.scene, made.step, made.path.read_bytes()) == (0, 1, b"latents")


def test_none_is_made_without_an_interval(
    tmp_path: Path, sent: list[CheckpointMessage | ResumedMessage]
) -> None:
    """Not even beside an earlier one, which is used."""
    path = tmp_path / "earlier"
    files = _files(tmp_path, sent, earlier=EarlierCheckpoint(scene=0, path=path))
    assert (files.is_due(1), files.earlier()) == (False, path)
    assert _files(tmp_path, sent, earlier=EarlierCheckpoint(scene=1, path=path)).earlier() is None


def test_one_that_cannot_be_written_is_left_out(
    tmp_path: Path, sent: list[CheckpointMessage | ResumedMessage]
) -> None:
    """As on a full disk: the reason is told, and nothing is left of it."""
    files = _files(tmp_path, sent, interval_seconds=1e-9)

    def write(path: Path) -> None:
        path.write_bytes(b"lat")
        raise OSError(28, "no space left")

    files.put(1, write)
    files.close()
    assert sent == [ResumedMessage(job_id="job-1", scene=0, refusal="no checkpoint can be written (OSError)")]
    assert list(tmp_path.iterdir()) == []
