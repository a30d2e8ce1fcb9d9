"""The disk of the videos goes away under a running stack, another one is in its place, and it comes back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from kinolog.ports.artifacts import job_folder
from kinolog_client import GatewayError, KinologClient
from kinolog_stack.doctor import run_checks
from kinolog_stack.stack import Stack
from tests.fixtures.waits import WAIT_SECONDS, wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(900)]

ALARM = "storage-full-artifacts"


class Drives:
    """File systems in memory, one of which may be mounted at a folder. Their content outlasts that."""

    def __init__(self, folder: Path, mounts: ExitStack) -> None:
        self._folder = folder
        self._mounts = mounts

    def new(self, name: str) -> Path:
        """Return a new, empty file system."""
        drive = self._folder / name
        drive.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(drive)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("mounting is not permitted here")
        self._mounts.callback(subprocess.run, ["umount", "-l", str(drive)], check=True)
        return drive

    def mount(self, drive: Path, at: Path) -> None:
        """Mount a file system at a folder."""
        subprocess.run(["mount", "--bind", str(drive), str(at)], check=True)
        self._mounts.callback(subprocess.run, ["umount", "-l", str(at)], capture_output=True, check=False)

    def unmount(self, at: Path) -> None:
        """Unmount what is mounted at a folder."""
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.fixture
def drives(tmp_path: Path) -> Iterator[Drives]:
    """Drives that are gone after the test. Only root has them."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    with ExitStack() as mounts:
        yield Drives(tmp_path, mounts)


def test_a_disk_that_goes_away_and_comes_back_loses_nothing(data_folder: Path, drives: Drives) -> None:
    """Jobs wait, downloads and erasures say that the store is away, and restarted processes take no other disk."""
    videos = data_folder / "artifacts"
    first, again, other = drives.new("first"), drives.new("again"), drives.new("other")
    videos.mkdir(parents=True)
    data_folder.chmod(0o700)
    drives.mount(first, videos)
    (data_folder / "layout.json").write_text('{"layout": 1}\n')
    with whole_stack(data_folder) as stack, KinologClient(stack.addresses["gateway"]) as client:
        done = client.generate("bars", model="card").job_id
        erased = client.generate("bars", model="card").job_id
        for job_id in (done, erased):
            _until(client, job_id, "completed")
        running = client.generate("bars", model="slow-card", steps=30).job_id
        _until(client, running, "processing")

        drives.unmount(videos)
        _until_alarm(stack, "is not mounted")
        with pytest.raises(GatewayError) as refused:
            client.generate("bars", model="card")
        assert refused.value.status == 507
        with pytest.raises(GatewayError) as unavailable:
            b"".join(client.stream(done))
        assert unavailable.value.status == 503
        with pytest.raises(GatewayError) as unfinished:
            client.erase(erased)
        assert unfinished.value.status == 503
        _restart(stack, "worker-1")
        _restart(stack, "api")
        assert list(videos.iterdir()) == []

        drives.mount(other, videos)
        _until_alarm(stack, "Another disk is mounted")
        _restart(stack, "worker-1")
        (command,) = {
            check.found.rpartition("run: ")[2].rstrip(".")
            for check in run_checks(stack.folder)
            if check.name == f"alarm {ALARM}" and "run: " in check.found
        }
        assert command.split()[0] == "cp"
        assert list(videos.iterdir()) == []

        drives.unmount(videos)
        subprocess.run(["cp", "-a", f"{first}/.", str(again)], check=True)
        drives.mount(again, videos)
        wait_until(lambda: _ready(stack).status_code, "ready again", lambda code: code == 200)
        _until(client, running, "completed")
        assert b"".join(client.stream(done))
        wait_until(
            lambda: (videos / "jobs" / job_folder("default", erased)).exists(),
            "the erasure ends",
            lambda there: not there,
        )
        assert client.status(running).attempt >= 1


def _restart(stack: Stack, name: str) -> None:
    process = stack.process(name)
    starts, pid = process.starts, process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert process.wait_started(starts + 1)


def _until(client: KinologClient, job_id: str, status: str) -> None:
    wait_until(
        lambda: client.status(job_id).status, f"the job is {status}", lambda found: found == status, 120
    )


def _until_alarm(stack: Stack, text: str) -> None:
    def texts() -> list[str]:
        return [alarm["text"] for alarm in _ready(stack).json().get("alarms", []) if alarm["name"] == ALARM]

    wait_until(texts, f"/ready says: {text}", lambda found: any(text in each for each in found), 60)


def _ready(stack: Stack) -> httpx.Response:
    return httpx.get(f"{stack.addresses['gateway']}/ready", timeout=WAIT_SECONDS, trust_env=False)
