"""Files that were changed, torn or deleted behind kinolog's back: never served, and named with what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from kinolog.ports.artifacts import job_folder
from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import KinologClient, NotFound, ProblemError
from kinolog_stack.stack import Stack

KINDS = ("video", "thumbnail", "preview", "scenes/1")


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def tear(path: Path) -> None:
    """Cut the end off."""
    path.write_bytes(path.read_bytes()[:-7])


@pytest.fixture(scope="module")
def completed(stack: Stack) -> str:
    """A completed job with two scenes."""
    with KinologClient(stack.addresses["gateway"]) as client:
        job_id = client.generate(
            "A red square. Then a blue ring.", model="card", duration=2.0, shots="auto"
        ).job_id
        for _ in client.watch(job_id):
            pass
    return job_id


def stored(stack: Stack, job_id: str, kind: str) -> Path:
    """Where a file of the job is stored."""
    tag = httpx.head(f"{stack.addresses['gateway']}/api/v1/result/{job_id}/{kind}").headers["etag"].strip('"')
    (path,) = (stack.folder.artifacts / "jobs" / job_folder("default", job_id)).glob(f"{tag}.*")
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("damage", "status", "reason"),
    [
        (flip, 500, "ARTIFACT_DAMAGED"),
        (tear, 500, "ARTIFACT_DAMAGED"),
        (Path.unlink, 404, "ARTIFACT_MISSING"),
    ],
    ids=["flipped", "torn", "deleted"],
)
def test_no_byte_of_a_damaged_file_is_served(
    stack: Stack,
    completed: str,
    kind: str,
    damage: Callable[[Path], None],
    status: int,
    reason: str,
) -> None:
    """Every kind of file, whole, in part and its headers: refused. Put back, it is served again."""
    url = f"{stack.addresses['gateway']}/api/v1/result/{completed}/{kind}"
    path = stored(stack, completed, kind)
    whole = path.read_bytes()
    assert httpx.get(url).content == whole
    try:
        damage(path)
        for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=-3"}):
            answer = httpx.get(url, headers=headers)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason)
            assert str(path.relative_to(stack.folder.artifacts)) in answer.json()["detail"]
            assert "from a backup" in answer.json()["detail"]
        assert httpx.head(url).status_code == status
    finally:
        path.write_bytes(whole)
    assert httpx.get(url).content == whole
    assert httpx.get(url, headers={"Range": "bytes=2-5"}).content == whole[2:6]


def test_a_download_of_a_damaged_video_leaves_no_file(
    stack: Stack, gateway: KinologClient, completed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kinolog result -o` fails and leaves what was there; so does the client."""
    monkeypatch.setenv("KINOLOG_URL", stack.addresses["gateway"])
    path = stored(stack, completed, "video")
    whole = path.read_bytes()
    target = tmp_path / "film.mp4"
    target.write_bytes(b"an older film")
    try:
        flip(path)
        done = CliRunner().invoke(app, ["result", completed, "-o", str(target)])
        assert done.exit_code == ExitCode.UNREACHABLE
        assert "is damaged" in done.stderr
        with pytest.raises(ProblemError, match="is damaged"):
            gateway.download(completed, target)
        path.unlink()
        with pytest.raises(NotFound, match="is no longer stored"):
            gateway.download(completed, target)
    finally:
        path.write_bytes(whole)
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]
    assert target.read_bytes() == b"an older film"
