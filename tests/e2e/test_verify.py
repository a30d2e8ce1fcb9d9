"""`kinolog verify` against a running kinolog: records that hold, and files that were altered outside of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import JobUpdated, KinologClient
from kinolog_stack.stack import Stack
from tests.fixtures.waits import wait_until

CHECKS = ["hashes", "chain", "fold", "endings", "archive", "tree", "lists", "seals", "artifacts"]


@pytest.fixture(autouse=True)
def at_the_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands reach the stack of these tests."""
    monkeypatch.setenv("KINOLOG_URL", stack.addresses["gateway"])


@pytest.fixture
def completed(gateway: KinologClient) -> str:
    """A completed job with two scenes."""
    job_id = gateway.generate(
        "A red square. Then a blue ring.", model="card", duration=2.0, shots="auto"
    ).job_id
    for _ in gateway.watch(job_id):
        pass
    return job_id


@pytest.fixture
def video(stack: Stack, gateway: KinologClient, completed: str) -> Iterator[Path]:
    """Where its video is stored; put back as it was afterwards."""
    artifacts = gateway.result(completed).artifacts
    key = next(artifact.key for artifact in artifacts if artifact.kind == "video")
    path = stack.folder.artifacts / key
    whole = path.read_bytes()
    yield path
    path.write_bytes(whole)


def verify(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["verify", *arguments])


def proof(job_id: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer of `kinolog verify --json`."""
    done = verify(job_id, "--json")
    return done.exit_code, json.loads(done.stdout)


def test_a_completed_job_holds(completed: str) -> None:
    """A table with every check, a sentence with the verdict, exit code 0; the same as JSON."""
    done = verify(completed)
    assert done.exit_code == ExitCode.OK, done.output
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:-1]] == [[name, "✔", "yes"] for name in CHECKS]
    assert lines[-1] == f"the record of job {completed} is complete and untouched: all 9 checks hold"
    code, answer = proof(completed)
    assert (code, answer["valid"], answer["job_id"]) == (ExitCode.OK, True, completed)
    assert "7 files read to the end" in answer["checks"][-1]["detail"]


def test_an_altered_video_is_named(completed: str, video: Path) -> None:
    """One byte altered in the stored video: exit code 1, the file by its key, what to do; restored, it holds again."""
    whole = video.read_bytes()
    video.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = verify(completed)
    assert done.exit_code == ExitCode.FAILED
    assert f"video {_key(video)} was changed: its SHA-256 is now" in done.stdout
    assert f"the record of job {completed} does not hold: artifacts" in done.stdout
    assert "Put the named file back" in done.stderr
    code, answer = proof(completed)
    assert (code, answer["valid"]) == (ExitCode.FAILED, False)
    assert [check["name"] for check in answer["checks"] if not check["holds"]] == ["artifacts"]
    video.write_bytes(whole)
    assert proof(completed)[0] == ExitCode.OK


def test_a_truncated_and_a_deleted_video_are_named(completed: str, video: Path) -> None:
    """A truncated video is named with both sizes, a deleted one as not stored."""
    whole = video.read_bytes()
    video.write_bytes(whole[:1000])
    _, answer = proof(completed)
    expected = f"video {_key(video)} was changed: 1000 bytes instead of {len(whole)}"
    assert answer["checks"][-1]["detail"] == expected
    video.unlink()
    code, answer = proof(completed)
    assert code == ExitCode.FAILED
    assert answer["checks"][-1]["detail"] == f"video {_key(video)} is not stored"


def test_a_running_and_an_erased_job_hold(gateway: KinologClient, completed: str) -> None:
    """A job that renders holds as far as it is; an erased one holds without its files, unless one comes back."""
    running = gateway.generate("bars", model="endless-card").job_id
    for update in gateway.watch(running):
        if isinstance(update, JobUpdated) and update.state.step:
            break
    code, answer = proof(running)
    assert code == ExitCode.OK, answer
    assert "has not ended yet" in answer["checks"][3]["detail"]
    gateway.cancel(running)
    gateway.erase(completed)
    code, answer = proof(completed)
    assert code == ExitCode.OK, answer
    details = {check["name"]: check["detail"] for check in answer["checks"]}
    assert details["seals"].startswith("erased; the key is deleted")
    assert details["artifacts"] == "erased; no file of the job is stored"
    assert details["erasure"].startswith("finished at position ")


def test_a_server_without_the_route(stack: Stack) -> None:
    """If the route is missing, the command reports a server that is too old, not a missing job."""
    url = stack.addresses["gateway"] + "/elsewhere"
    done = CliRunner().invoke(app, ["--url", url, "verify", "a" * 26])
    assert done.exit_code == ExitCode.UNREACHABLE
    assert "too old to verify a record" in done.output


def _key(path: Path) -> str:
    """The key of a stored file."""
    return "/".join(path.parts[-4:])


def test_a_witness_accepts_the_heads_that_the_stack_signs(
    stack: Stack, completed: str, tmp_path: Path
) -> None:
    """The projector signs a head soon after the first commit, and appends it to a file of the data folder."""
    heads = stack.folder.tree_heads
    wait_until(lambda: heads.exists() and heads.stat().st_size, "a head of the tree is signed")
    done = CliRunner().invoke(app, ["audit", "witness", str(heads), "--state", str(tmp_path / "state")])
    assert done.exit_code == ExitCode.OK, done.output
    assert done.stdout.startswith("Nothing was changed up to head ")
