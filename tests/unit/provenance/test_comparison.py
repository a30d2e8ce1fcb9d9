"""`kinolog verify FILE`: the comparison with the log, and a missing library."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.file_verification import compare
from kinolog_client.models.history import CommitInfo, EventInfo, HistoryInfo
from tests.builders.signed_video import PROVENANCE

FILE = "c" * 64


def history(*, named: str = PROVENANCE.log_hash, stored: str = FILE) -> HistoryInfo:
    """A history with a commit of hash `named`, that completed with the file `stored`."""
    completed = EventInfo(
        type="completed", at=None, data={"artifacts": [{"sha256": stored}, {"kind": "video"}]}
    )
    before = CommitInfo(
        position=6, at=None, command="record_stages", actor="worker", events=(), version=4, hash=named
    )
    end = CommitInfo(
        position=9,
        at=None,
        command="complete",
        actor="worker",
        events=(completed,),
        version=5,
        hash="ee" * 32,
    )
    return HistoryInfo(job_id=PROVENANCE.job_id, commits=(before, end))


def test_the_log_agrees_with_its_own_file() -> None:
    """The file names a commit of the history, and the job completed with it."""
    found = compare(history(), PROVENANCE, FILE)
    assert found.agrees
    assert "at position 6" in found.detail


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (history(named="00" * 32), "does not hold the commit"),
        (history(stored="d" * 64), "did not complete with this file"),
        (HistoryInfo(job_id=PROVENANCE.job_id, commits=()), "does not hold the commit"),
    ],
    ids=["rewritten log", "another file", "no history"],
)
def test_the_log_contradicts_a_file(other: HistoryInfo, words: str) -> None:
    """A rewritten log, and a file that the job did not make, are named."""
    found = compare(other, PROVENANCE, FILE)
    assert found.agrees is False
    assert words in found.detail


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library that reads C2PA manifests, the command says what to install."""
    monkeypatch.delitem(sys.modules, "kinolog.adapters.c2pa.reader", raising=False)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))
    path = tmp_path / "clip.mp4"
    path.touch()
    done = CliRunner().invoke(app, ["verify", str(path)])
    assert done.exit_code == ExitCode.USAGE
    assert "pip install 'kinolog[provenance]'" in done.stderr


def test_a_root_that_is_no_certificate_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file given by --trust, not the video."""
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))
    video, root = tmp_path / "clip.mp4", tmp_path / "root.der"
    video.touch()
    root.write_bytes(b"\x30\x82\xff")
    done = CliRunner().invoke(app, ["verify", str(video), "--trust", str(root)])
    assert done.exit_code == ExitCode.USAGE
    assert f"cannot read {root}: it is not a certificate in PEM" in done.stderr
