"""Facts of the machine that readings were taken on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from time import perf_counter

import psutil

from kinolog_stack.servers.nats_server import nats_server_binary
from kinolog_stack.servers.postgres_server import postgres_binary

PACKAGES = (
    "grpcio",
    "protobuf",
    "nats-py",
    "psycopg",
    "uvloop",
    "uvicorn",
    "websockets",
    "torch",
    "diffusers",
    "av",
)
SYNCS = 40


def facts() -> dict[str, str]:
    """Return the facts by name, as the report prints them."""
    return {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "nats-server": _first_line(nats_server_binary()),
        "postgres": _first_line(postgres_binary("postgres")),
        **{name: _version(name) for name in PACKAGES},
        "write and sync of 4 KiB": f"{sync_seconds() * 1e3:.2f} ms",
    }


def load() -> str:
    """Return the load averages of the last 1, 5 and 15 minutes."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def sync_seconds() -> float:
    """Return the median seconds to append 4 KiB to a file in the temporary folder and sync it."""
    readings = []
    with NamedTemporaryFile(prefix="kinolog-bench-") as file:
        for _ in range(SYNCS):
            started = perf_counter()
            file.write(os.urandom(4096))
            file.flush()
            os.fsync(file.fileno())
            readings.append(perf_counter() - started)
    return median(readings)


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _first_line(binary: Path) -> str:
    output = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=20)
    return (output.stdout or output.stderr).strip().partition("\n")[0]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
