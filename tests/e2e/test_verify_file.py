"""`kinolog verify FILE` against a running kinolog and without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import KinologClient
from kinolog_stack.stack import Stack
from tests.builders.signed_video import small_video


@pytest.fixture(autouse=True)
def at_the_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands reach the stack of these tests, and know its data folder."""
    monkeypatch.setenv("KINOLOG_URL", stack.addresses["gateway"])
    monkeypatch.setenv("KINOLOG_DATA", str(stack.folder.path))


@pytest.fixture(scope="module")
def completed(stack: Stack) -> str:
    """A completed job."""
    with KinologClient(stack.addresses["gateway"]) as client:
        job_id = client.generate("A purple unicorn.", model="card").job_id
        for _ in client.watch(job_id):
            pass
    return job_id


@pytest.fixture
def video(gateway: KinologClient, completed: str, tmp_path: Path) -> Path:
    """Its video, downloaded."""
    path: Path = gateway.download(completed, tmp_path / "clip.mp4")
    return path


def verify(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def test_a_downloaded_video_is_intact(gateway: KinologClient, completed: str, video: Path) -> None:
    """The file names its job, its model and its place in the log, which agrees; and nothing of the prompt."""
    done = verify(video)
    assert done.exit_code == ExitCode.OK, done.output
    assert "is intact: nothing has changed since it was signed" in done.stdout
    assert "the model card" in done.stdout
    assert completed in done.stdout
    assert "whose root you trust" in done.stdout
    assert "the job completed with this file" in done.stdout
    assert b"unicorn" not in video.read_bytes()
    answer = json.loads(verify(video, "--json").stdout)
    assert (answer["state"], answer["failures"], answer["log"]["agrees"]) == ("trusted", [], True)
    assert answer["provenance"]["job_id"] == completed
    (artifact,) = [a for a in gateway.result(completed).artifacts if a.kind == "video"]
    assert (artifact.sha256, len(artifact.signed_by or "")) == (answer["sha256"], 64)
    hashes = [commit.hash for commit in gateway.history(completed).commits]
    assert answer["provenance"]["log_hash"] in hashes[:-1]
    stages = [stage.stage for stage in gateway.status(completed).stages]
    assert stages[-2:] == ["sign", "store"]


def test_a_changed_video_is_not_intact(video: Path) -> None:
    """One changed byte of the media is found by the file alone, and by the log too."""
    content = bytearray(video.read_bytes())
    content[-1] ^= 1
    video.write_bytes(content)
    done = verify(video)
    assert done.exit_code == ExitCode.FAILED
    assert "is not intact: the file was changed after it was signed" in done.stdout
    assert "the job did not complete with this file" in done.stdout


def test_a_byte_that_the_signature_leaves_out_is_found_by_the_log(video: Path) -> None:
    """C2PA leaves out the box that names the file's type; the log has the hash of the whole file."""
    content = bytearray(video.read_bytes())
    content[content.index(b"isom") + 5] ^= 1
    video.write_bytes(content)
    done = verify(video, "--json")
    answer = json.loads(done.stdout)
    assert (answer["state"], answer["log"]["agrees"]) == ("trusted", False)
    assert done.exit_code == ExitCode.FAILED


def test_a_video_on_another_machine(
    stack: Stack, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without kinolog and its root the video is intact and its signer unknown, until the root is named."""
    monkeypatch.setenv("KINOLOG_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "nothing"))
    done = verify(video)
    assert done.exit_code == ExitCode.OK, done.output
    assert "unknown here" in done.stdout
    assert "not compared with the log" in done.stdout
    trusting = verify(video, "--trust", stack.folder.signing_chain / "root.pem")
    assert "whose root you trust" in trusting.stdout


def test_a_video_of_somebody_else(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video without a manifest says nothing; missing files and wrong roots are errors of usage."""
    done = verify(small_video(tmp_path / "plain.mp4"))
    assert done.exit_code == ExitCode.FAILED
    assert "has no C2PA manifest" in done.stdout
    assert verify(tmp_path / "missing.mp4").exit_code == ExitCode.USAGE
    assert verify(video, "--trust", tmp_path / "missing.pem").exit_code == ExitCode.USAGE
