"""The small parts of the stack that need no server: passwords, logs, devices, ports, settings."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from kinolog_stack import devices
from kinolog_stack.data_folder import DataFolder, RunningStack
from kinolog_stack.devices import assign_devices, detect_devices, model_memory
from kinolog_stack.environment import service_environment
from kinolog_stack.errors import SettingError, StartError
from kinolog_stack.log_files import LogFileFollower, rotate_at_start, rotate_when_large
from kinolog_stack.machine import check_devices
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.settings import StackSettings
from kinolog_stack.tcp_ports import free_port, listen_error, port_is_free


def test_passwords_are_made_once(tmp_path: Path) -> None:
    """Servers that start concurrently agree on the passwords, and none is lost."""
    path = tmp_path / "passwords.json"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: load_passwords(path, [f"user-{number % 4}"]), range(32)))
    final = load_passwords(path, [])
    assert set(final) == {f"user-{number}" for number in range(4)}
    assert all(known.items() <= final.items() for known in answers)
    assert path.stat().st_mode & 0o777 == 0o600


def test_damaged_passwords_are_not_replaced(tmp_path: Path) -> None:
    """A password file that cannot be read stops the start; with a new one the servers would refuse every process."""
    path = tmp_path / "passwords.json"
    path.write_text("{")
    with pytest.raises(StartError, match="cannot be used"):
        load_passwords(path, ["api"])
    assert path.read_text() == "{"


def test_logs_are_rotated_and_the_oldest_is_deleted(tmp_path: Path) -> None:
    """Each start shifts the numbers of the logs by one. No more than the configured number stay."""
    log = tmp_path / "api.log"
    for number in range(5):
        log.write_text(str(number))
        rotate_at_start(log, files=3)
    assert [(tmp_path / f"api.log.{n}").read_text() for n in (1, 2, 3)] == ["4", "3", "2"]
    assert not (tmp_path / "api.log.4").exists()
    assert not log.exists()


def test_a_large_log_is_rotated_while_it_is_written(tmp_path: Path) -> None:
    """A log that is too large is copied and truncated; its process goes on appending to it."""
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"before\n")
        rotate_when_large(log, largest_bytes=3)
        writer.write(b"after\n")
    assert log.read_text() == "after\n"
    assert (tmp_path / "api.log.1").read_text() == "before\n"


def test_the_follower_emits_whole_lines_once(tmp_path: Path) -> None:
    """Each line is emitted once and complete, also if a file is truncated or appears late."""
    seen: list[tuple[str, str]] = []
    log = tmp_path / "api.log"
    follower = LogFileFollower([log], lambda name, line: seen.append((name, line)))
    follower.follow()
    log.write_text("one\ntw")
    follower.follow()
    with log.open("a") as writer:
        writer.write("o\n")
    follower.follow()
    log.write_text("3\n")
    follower.follow()
    assert seen == [("api", "one"), ("api", "two"), ("api", "3")]


def test_devices_are_assigned_round_robin() -> None:
    """There is one worker per device unless a number is set; more workers than devices share them."""
    assert assign_devices(None, ["cuda:0", "cuda:1"]) == ["cuda:0", "cuda:1"]
    assert assign_devices(3, ["cuda:0", "cuda:1"]) == ["cuda:0", "cuda:1", "cuda:0"]
    assert assign_devices(0, ["cpu"]) == []


def test_visible_cuda_devices_are_detected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CUDA_VISIBLE_DEVICES is counted, else the GPUs that the driver lists; without any, the CPU is used."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert detect_devices() == ["cuda:0", "cuda:1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("sys.platform", "linux")
    assert detect_devices() == ["cpu"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    (tmp_path / "0000:01:00.0").mkdir()
    monkeypatch.setattr(devices, "NVIDIA_DEVICES", tmp_path)
    assert detect_devices() == ["cuda:0"]


def test_free_ports_are_below_the_ephemeral_range() -> None:
    """A chosen port is free, and the system assigns it to no client while its server restarts."""
    port = free_port()
    assert port_is_free("127.0.0.1", port)
    assert 16_000 <= port < 32_768


def test_listen_errors() -> None:
    """A taken port and an address of another machine have different reasons."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert listen_error("127.0.0.1", other.getsockname()[1]) == "the port is taken"
    assert listen_error("192.0.2.1", 0) == "this machine has no such address"


def test_children_do_not_inherit_credentials() -> None:
    """Log and database credentials of the surrounding environment reach no child; other settings do."""
    environ = {
        "KINOLOG_NATS_PASSWORD": "x",
        "KINOLOG_DATABASE_URL": "y",
        "KINOLOG_MASTER_KEY": "z",
        "KINOLOG_MODEL": "/m",
        "PATH": "/bin",
    }
    env = service_environment(environ)
    assert env["KINOLOG_MODEL"] == "/m"
    assert env["PATH"] == "/bin"
    assert not {"x", "y", "z"} & set(env.values())


def test_the_default_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An ordinary user's data folder follows XDG_DATA_HOME; root's is the system's."""
    monkeypatch.delenv("KINOLOG_DATA", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert StackSettings().data == tmp_path / "kinolog"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert StackSettings().data == Path("/var/lib/kinolog")


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user of a container may have neither HOME nor an entry that names one; the system's folder is left."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("KINOLOG_DATA", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    monkeypatch.setattr(Path, "home", no_home)
    assert StackSettings().data == Path("/var/lib/kinolog")


@pytest.mark.parametrize("name", ["two\nlines", "clear\x1b[2J", "c1\x9b"])
def test_a_data_folder_has_no_control_characters(tmp_path: Path, name: str) -> None:
    """Its name is printed, and written into the configuration of servers; control characters are refused."""
    with pytest.raises(ValidationError, match="control characters"):
        StackSettings(data=tmp_path / name)


def test_devices_are_checked_without_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A device that cannot be is refused; a GPU only where the driver tells how many there are."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver = tmp_path / "gpus"
    for gpu in ("a", "b"):
        (driver / gpu).mkdir(parents=True)
    monkeypatch.setattr(devices, "NVIDIA_DEVICES", driver)
    check_devices(["auto", "cpu", "cuda", "cuda:0", "cuda:1"])
    for name in ("cuda:2", "gpu", "cuda:", "CUDA:0", "cuda:0 "):
        with pytest.raises(SettingError, match="--devices"):
            check_devices([name])
    monkeypatch.setattr(devices, "NVIDIA_DEVICES", tmp_path / "none")
    monkeypatch.setattr(devices, "GPU_INTERFACES", (tmp_path / "none",))
    with pytest.raises(SettingError, match="no device cuda:0"):
        check_devices(["cuda:0"])
    (tmp_path / "dxg").touch()
    monkeypatch.setattr(devices, "GPU_INTERFACES", (tmp_path / "dxg",))
    check_devices(["cuda:0", "cuda:7"])


def test_stack_json_is_read_only_while_the_lock_is_held(tmp_path: Path) -> None:
    """Clients read the addresses while the lock is held; a file that a dead stack left counts as none."""
    folder = DataFolder(tmp_path)
    folder.open()
    try:
        assert DataFolder(tmp_path).running() == RunningStack(os.getpid(), "starting")
        state = RunningStack(os.getpid(), "running", {"gateway": "http://127.0.0.1:1"}, started_at="now")
        folder.write_state(state)
        assert DataFolder(tmp_path).running() == state
    finally:
        folder.close()
    assert DataFolder(tmp_path).running() is None


@pytest.mark.parametrize(
    ("devices", "budgets"),
    [
        (["cpu"], [50]),
        (["cpu", "cpu"], [25, 25]),
        (["cuda:0", "cuda:1"], [25, 25]),
        (["cuda:0", "cuda:1", "cuda:0", "cpu"], [0, 12, 0, 12]),
    ],
)
def test_workers_share_the_memory_for_models(devices: list[str], budgets: list[int]) -> None:
    assert [model_memory(device, devices, 100) for device in devices] == budgets
