"""The histories of every release replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.codec.commits import decode_commit, encode_commit
from kinolog.job.commit import RecordedCommit
from kinolog.job.evolve import fold
from kinolog.job.state import FOLD_VERSION, Job

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("v*/*.log"))


def _read(path: Path) -> list[RecordedCommit]:
    """The commits of a recorded history, numbered from 1."""
    data, commits = path.read_bytes(), list[RecordedCommit]()
    while data:
        size = int.from_bytes(data[:4], "big")
        commits.append(decode_commit(len(commits) + 1, data[4 : 4 + size]))
        data = data[4 + size :]
    return commits


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recorded_history_replays(path: Path) -> None:
    """Every commit of an earlier release is read, its chain holds, and its events fold to a job of this version."""
    commits = _read(path)
    assert commits
    job: Job | None = None
    digest = b""
    for recorded in commits:
        commit = recorded.commit
        assert commit.previous_hash == digest
        assert commit.previous_position == recorded.position - 1
        job = fold(job, commit.job_id, commit.events, commit.command.id)
        if commit.fold_version == FOLD_VERSION:
            assert job == commit.state
            assert encode_commit(commit).raw == recorded.raw
        digest = recorded.digest


def test_there_are_histories_of_every_ending() -> None:
    """The recorded histories end in every way in which a job can end."""
    assert {str(_read(path)[-1].commit.state.status) for path in GOLDEN} == {
        "completed",
        "cancelled",
        "failed",
    }
