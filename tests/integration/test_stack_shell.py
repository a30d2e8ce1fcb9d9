"""A stack in the shells that people have: variables of other programs, odd folders, a user without a name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.programs import started
from tests.fixtures.servers import temporary_folder
from tests.fixtures.up_command import ROOT, UP, up_command
from tests.fixtures.waits import WAIT_SECONDS

DEAD = "http://127.0.0.1:9"
FREE_PORTS = ("--port", "0", "--api-port", "0")
SHELL = {
    "PGSSLMODE": "require",
    "PGSERVICE": "work",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGHOSTADDR": "192.0.2.1",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "none",
    "PGCLIENTENCODING": "latin1",
    "PGDATA": "/missing",
    "https_proxy": DEAD,
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "PYTHONIOENCODING": "ascii",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "TZ": "Mars/Olympus",
    "WEB_CONCURRENCY": "many",
}
NAMES = ["jürgen", "赤い丸", "with a space", "it's", 'quo"te', "$HOME", "back\\slash", "#hash %41", "a:b,c;d"]


@contextmanager
def _running(folder: Path, **options: Any) -> Iterator[dict[str, Any]]:
    """Run a small stack; yield what it reports when everything runs."""
    with up_command(folder, "--json", *FREE_PORTS, **options) as up:
        assert up.stdout is not None
        line = up.stdout.readline()
        if not line:
            raise AssertionError(up.communicate(timeout=WAIT_SECONDS)[1])
        yield json.loads(line)
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0


def test_variables_of_other_programs_change_nothing(data_folder: Path) -> None:
    """Proxies, libpq's variables and a strange locale keep no part from the servers; the doctor finds it well too."""
    with _running(data_folder, env=SHELL) as report:
        assert report["state"] == "running"
        done = subprocess.run(
            [sys.executable, *UP, "--json", "doctor", "--data", str(data_folder)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | SHELL,
            check=False,
        )
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["nats-server"]["status"] == "ok"
    # The small services made no tables; the doctor can say so because it was let in.
    assert found["postgres"]["found"] == "no migrations have run"


@pytest.mark.usefixtures("executed_programs")
def test_modules_of_the_current_folder_are_not_run(data_folder: Path, tmp_path: Path) -> None:
    """A file that is named as a module of the standard library is nobody's module where `kinolog up` is typed."""
    for name in ("lzma", "decimal", "http", "asyncio", "psutil"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\n")
    with _running(data_folder, cwd=tmp_path) as report:
        assert report["state"] == "running"
    assert not (tmp_path / "was-run").exists()


def test_a_data_folder_may_have_any_name() -> None:
    """The whole stack starts below folders with letters of all scripts, spaces and quotes."""
    with temporary_folder() as folder, _running(folder / "jürgen's 赤い丸" / 'a "b"') as report:
        assert report["state"] == "running"
        assert (folder / "jürgen's 赤い丸" / 'a "b"' / "nats").is_dir()


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_of_nats_names_any_folder(name: str) -> None:
    """nats-server stores its streams in the folder itself, whatever its name is."""
    with temporary_folder() as folder, started(NatsServer(folder / name / "nats")) as server:
        stored = server.monitor("/varz")["jetstream"]["config"]["store_dir"]
        assert stored == f"{folder / name}/nats/jetstream"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a name")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
def test_a_user_without_a_name() -> None:
    """A container runs under any user id. `up` starts, or says which name is missing and how to add it."""
    with temporary_folder() as folder:
        os.chown(folder, 12_345, 0)
        folder.chmod(0o700)
        home = folder / "data"
        python = _python_for_anybody()
        argv = [
            *("setpriv", "--reuid", "12345", "--regid", "0", "--clear-groups"),
            *("env", "-i", "PATH=/usr/bin:/bin", f"PYTHONPATH={os.pathsep.join(sys.path[1:])}"),
            *("KINOLOG_POSTGRES_FSYNC=false", python, *UP),
            *("up", "--data", str(home), "--workers", "1", "--json", *FREE_PORTS),
        ]
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as up:
            assert up.stdout is not None
            if not up.stdout.readline():
                output = up.communicate(timeout=WAIT_SECONDS)[1]
                assert "12345" in output, output
                assert "/etc/passwd" in output
                return
            up.send_signal(signal.SIGINT)
            assert up.wait(60) == 0
        assert (home / "postgres" / "PG_VERSION").stat().st_uid == 12_345


def _python_for_anybody() -> str:
    """Return an interpreter that every user may run, of the version that runs this test."""
    for found in (Path(sys.executable).resolve(), Path(f"/usr/bin/python3.{sys.version_info.minor}")):
        if found.is_file() and all(folder.stat().st_mode & stat.S_IXOTH for folder in found.parents):
            return str(found)
    pytest.skip("no interpreter that another user may run")
