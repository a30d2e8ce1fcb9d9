"""What `kinolog doctor` looks at: each check says what it found, and what to do when that is wrong."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from kinolog.adapters.jetstream.subjects import (
    ADVISORIES,
    EVENTS,
    KEYS_STREAM,
    PROGRESS,
    WORK,
    WORKERS_STREAM,
)
from kinolog.models.catalogue import CatalogueError, load_catalogue
from kinolog.process.settings import CatalogueSettings
from kinolog_stack.data_folder import DataFolder, RunningStack
from kinolog_stack.errors import StartError
from kinolog_stack.servers.nats_server import nats_server_binary
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.servers.postgres_server import DATABASE, SUPERUSER, postgres_binary

OK, WARNING, WRONG = "ok", "warning", "wrong"
SCARCE_BYTES = 5 * 1024**3
TOO_FEW_BYTES = 1024**3
ANSWER_SECONDS = 5.0
LOADING_SECONDS = 120.0
WAITS = "not ready, waits for: "
STREAMS = (EVENTS, WORK, PROGRESS, ADVISORIES, KEYS_STREAM, WORKERS_STREAM)


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One finding. `status` is `ok`, `warning` (works, but look at it) or `wrong`."""

    name: str
    status: str
    found: str
    remedy: str = ""


def run_checks(folder: DataFolder) -> list[DoctorCheck]:
    """Look at every part; what cannot be looked at because the stack does not run is left out."""
    checks = [_folder(folder), _disk(folder), _programs(), _models()]
    running = folder.running()
    checks.append(_stack(folder, running))
    if running is None or not running.addresses:
        return checks
    checks += _parts(folder, running)
    at = running.addresses
    checks += [
        _nats(folder, at["nats-monitor"]),
        _streams(at["nats-monitor"]),
        _postgres(folder, at["postgres"]),
    ]
    probes = [name for name in at if name.endswith("-probe")]
    checks += [_ready(folder, name.removesuffix("-probe"), f"{at[name]}/ready") for name in probes]
    checks += [_api(folder, at["api"]), _ready(folder, "gateway", f"{at['gateway']}/ready")]
    return [_patient(check, running) for check in checks]


def _patient(check: DoctorCheck, running: RunningStack) -> DoctorCheck:
    """A part that serves but waits for something is no fault yet when it has just started: models load."""
    since = str(running.processes.get(check.name, {}).get("since") or "")
    if check.status != WRONG or not check.found.startswith(WAITS) or not since:
        return check
    if (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds() > LOADING_SECONDS:
        return check
    return DoctorCheck(check.name, WARNING, check.found, "Wait a moment and ask again.")


def _folder(folder: DataFolder) -> DoctorCheck:
    path = folder.path
    if not path.exists():
        return DoctorCheck("data folder", WARNING, f"{path} does not exist yet", "kinolog up makes it.")
    if not os.access(path, os.W_OK | os.X_OK):
        remedy = "Change its owner or mode, or choose another with --data (KINOLOG_DATA)."
        return DoctorCheck("data folder", WRONG, f"{path} cannot be written", remedy)
    try:
        folder.check_layout()
    except StartError as error:
        return DoctorCheck("data folder", WRONG, error.problem, error.remedy)
    return DoctorCheck("data folder", OK, str(path))


def _disk(folder: DataFolder) -> DoctorCheck:
    there = next(parent for parent in (folder.path, *folder.path.parents) if parent.exists())
    free_bytes = shutil.disk_usage(there).free
    found = f"{free_bytes / 1024**3:.1f} GiB free"
    if free_bytes < TOO_FEW_BYTES:
        return DoctorCheck(
            "disk", WRONG, found, f"Make room on the disk of {there}: the log refuses writes when it is full."
        )
    if free_bytes < SCARCE_BYTES:
        return DoctorCheck("disk", WARNING, found, f"Make room on the disk of {there} soon.")
    return DoctorCheck("disk", OK, found)


def _programs() -> DoctorCheck:
    try:
        nats_server_binary()
        postgres_binary("postgres")
    except StartError as error:
        return DoctorCheck("programs", WRONG, error.problem, error.remedy)
    return DoctorCheck("programs", OK, "nats-server and Postgres are installed")


def _models() -> DoctorCheck:
    try:
        catalogue = load_catalogue(CatalogueSettings())
    except (CatalogueError, OSError) as error:
        return DoctorCheck(
            "models", WRONG, str(error), "Correct KINOLOG_CATALOGUE or KINOLOG_MODEL (docs/models.md)."
        )
    entries = list(catalogue)
    missing = [
        entry.name
        for entry in entries
        if entry.source.startswith(("/", ".")) and not Path(entry.source).is_dir()
    ]
    if missing:
        return DoctorCheck(
            "models",
            WRONG,
            f"no folder for {', '.join(missing)}",
            "Put the weights there, or correct the path.",
        )
    return DoctorCheck("models", OK, ", ".join(entry.name for entry in entries))


def _stack(folder: DataFolder, running: RunningStack | None) -> DoctorCheck:
    if running is None:
        return DoctorCheck("stack", WRONG, f"nothing runs on {folder.path}", "Start it with: kinolog up")
    if running.state != "running":
        return DoctorCheck(
            "stack", WARNING, f"process {running.pid} is {running.state}", "Wait a moment and ask again."
        )
    return DoctorCheck("stack", OK, f"process {running.pid}, since {running.started_at}")


def _parts(folder: DataFolder, running: RunningStack) -> list[DoctorCheck]:
    checks = []
    for name, about in running.processes.items():
        starts = int(about.get("starts", 0))
        if about.get("state") != "running":
            problem = f"{about.get('state')}: {about.get('problem') or 'no reason known'}"
            checks.append(DoctorCheck(f"process {name}", WRONG, problem, f"Look into {folder.log(name)}."))
        elif starts > 1:
            found = f"process {about.get('pid')}, started {starts} times"
            checks.append(
                DoctorCheck(f"process {name}", WARNING, found, f"Why it ended is in {folder.log(name)}.")
            )
        else:
            checks.append(DoctorCheck(f"process {name}", OK, f"process {about.get('pid')}"))
    return checks


def _nats(folder: DataFolder, monitor: str) -> DoctorCheck:
    page = _page(f"{monitor}/healthz")
    if isinstance(page, str) or page.get("status") != "ok":
        found = page if isinstance(page, str) else str(page.get("error"))
        return DoctorCheck("nats-server", WRONG, found, f"Look into {folder.log('nats-server')}.")
    return DoctorCheck("nats-server", OK, "healthy")


def _streams(monitor: str) -> DoctorCheck:
    page = _page(f"{monitor}/jsz?accounts=true&streams=true")
    if isinstance(page, str):
        return DoctorCheck("streams", WRONG, page, "See nats-server above.")
    details = [
        stream for account in page.get("account_details", []) for stream in account.get("stream_detail", [])
    ]
    last = {stream["name"]: stream["state"]["last_seq"] for stream in details}
    missing = [name for name in STREAMS if name not in last]
    if missing:
        return DoctorCheck(
            "streams",
            WRONG,
            f"missing: {', '.join(missing)}",
            "Stop kinolog and start it again: it makes them.",
        )
    return DoctorCheck("streams", OK, f"{len(STREAMS)} streams, the log is at position {last[EVENTS]}")


def _postgres(folder: DataFolder, address: str) -> DoctorCheck:
    try:
        password = load_passwords(folder.passwords, [SUPERUSER])[SUPERUSER]
        url = f"postgresql://{SUPERUSER}:{password}@{address}/{DATABASE}"
        with psycopg.connect(url, connect_timeout=int(ANSWER_SECONDS)) as connection:
            row = connection.execute("SELECT to_regclass('kinolog.schema_version') IS NOT NULL").fetchone()
            if row is None or not row[0]:
                return DoctorCheck(
                    "postgres",
                    WRONG,
                    "no migrations have run",
                    "Stop kinolog and start it again: it runs them.",
                )
            row = connection.execute("SELECT version_num FROM kinolog.schema_version").fetchone()
    except (psycopg.Error, StartError) as error:
        return DoctorCheck(
            "postgres", WRONG, str(error).strip().splitlines()[0], f"Look into {folder.log('postgres')}."
        )
    return DoctorCheck("postgres", OK, f"answers, schema {row[0] if row else 'unknown'}")


def _ready(folder: DataFolder, name: str, url: str) -> DoctorCheck:
    page = _page(url)
    remedy = f"Look into {folder.log(name)}."
    if isinstance(page, str):
        return DoctorCheck(name, WRONG, page, remedy)
    if missing := page.get("missing"):
        return DoctorCheck(name, WRONG, f"{WAITS}{', '.join(map(str, missing))}", remedy)
    if page.get("status") != "ready":
        return DoctorCheck(name, WRONG, str(page.get("detail") or page.get("status") or "not ready"), remedy)
    return DoctorCheck(name, OK, "ready")


def _api(folder: DataFolder, target: str) -> DoctorCheck:
    try:
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc
    except ImportError:
        return DoctorCheck(
            "api", WARNING, "grpc is not installed here", "Install it with: pip install 'kinolog[api]'"
        )
    with grpc.insecure_channel(target) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS
            )
        except grpc.RpcError as error:
            return DoctorCheck(
                "api", WRONG, f"does not answer: {error.code().name}", f"Look into {folder.log('api')}."
            )
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return DoctorCheck("api", OK if serving else WRONG, "serving" if serving else "not serving")


def _page(url: str) -> dict[str, Any] | str:
    """The JSON object at `url`, whatever its status; or what went wrong, in words."""
    try:
        page = httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False).json()
    except (httpx.HTTPError, ValueError) as error:
        return f"no answer at {url} ({type(error).__name__})"
    return page if isinstance(page, dict) else {}
