"""What keeps a process from starting is one line on standard error, without a secret, and exit status 2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

SECRET = "s3cr3t"
PROCESSES = ("api", "projector", "worker", "gateway")


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of this process with these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KINOLOG_")}
    return inherited | {f"KINOLOG_{name}": value for name, value in settings.items()}


def start(process: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a process with these settings to its end: `start("api", API_PORT="0")`."""
    return subprocess.run(
        [sys.executable, "-m", f"kinolog_{process}"],
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _assert_one_line(done: subprocess.CompletedProcess[str], process: str, text: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"kinolog-{process}: "), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert text in done.stderr
    assert SECRET not in done.stderr


@pytest.mark.usefixtures("executed_programs")
@pytest.mark.parametrize("process", PROCESSES)
def test_an_unknown_log_level(process: str) -> None:
    """The setting and the possible values are named. The program is started as its users start it."""
    done = start(process, LOG_LEVEL="LOUD")
    _assert_one_line(done, process, "KINOLOG_LOG_LEVEL: must be one of DEBUG")


@pytest.mark.parametrize(
    ("process", "name", "value"),
    [
        ("api", "NATS_URL", f"nats://u:{SECRET}@host:99999"),
        ("worker", "NATS_URL", f"http://u:{SECRET}@host:4222"),
        ("projector", "DATABASE_URL", f"mysql://u:{SECRET}@host/kinolog"),
        ("gateway", "API_TARGET", "http://host:1"),
        ("gateway", "API_TARGET", "nonsense"),
        ("api", "API_PORT", "99999"),
    ],
)
def test_an_address_that_cannot_be(process: str, name: str, value: str) -> None:
    """An address of another form is refused before anything is connected."""
    _assert_one_line(start(process, **{name: value}), process, f"KINOLOG_{name}: ")


@pytest.mark.parametrize("process", ["api", "worker"])
def test_an_artifact_store_that_cannot_be_used(process: str) -> None:
    """The message has the URL without its password."""
    done = start(process, ARTIFACTS_URL=f"ftp://u:{SECRET}@host/path")
    _assert_one_line(done, process, "KINOLOG_ARTIFACTS_URL: cannot use ftp://host/path")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_missing_library(process: str) -> None:
    """A process whose extra is not installed says what to install."""
    blocked = {"api": "grpc", "projector": "sqlalchemy", "worker": "av", "gateway": "uvicorn"}[process]
    program = (
        f"import sys; sys.modules[{blocked!r}] = None; import runpy; "
        f"runpy.run_module('kinolog_{process}', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    _assert_one_line(done, process, f"pip install 'kinolog[{process}]'")


@pytest.mark.parametrize("process", ["api", "worker"])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"models = 3", b"default = 7"])
def test_a_catalogue_that_is_none(process: str, content: bytes, tmp_path: Path) -> None:
    """A file of another encoding or form is refused with its path."""
    path = tmp_path / "models.toml"
    path.write_bytes(content)
    _assert_one_line(start(process, CATALOGUE=str(path)), process, str(path))


def test_an_error_that_nobody_expects() -> None:
    """It ends with status 1 and one line at last; the log has its place, what led to it, and no text of either."""
    program = (
        "import sys\n"
        "from kinolog.process.main import run_process\n"
        "from kinolog.process.settings import AdminSettings\n"
        "async def serve(settings):\n"
        "    try:\n"
        "        {}['no such key']\n"
        "    except KeyError:\n"
        "        raise ExceptionGroup('all', [ValueError(sys.argv[1])])\n"  # tracebacks of Python 3.13 show lines of -c
        "run_process('api', AdminSettings, serve)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, SECRET], capture_output=True, text=True, check=False, timeout=60
    )
    *logged, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert (
        last == "kinolog-api: ended by an error that it does not expect, ExceptionGroup: a fault of kinolog"
    )
    assert "CRITICAL api" in logged[0]
    assert "in serve" in done.stderr
    assert "KeyError" in done.stderr
    assert "ValueError" in done.stderr
    assert SECRET not in done.stderr
