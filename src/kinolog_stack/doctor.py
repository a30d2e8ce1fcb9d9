"""The checks of `kinolog doctor`. Each reports what it found and what to do if that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from kinolog.adapters.jetstream.subjects import EVENTS, STREAMS
from kinolog.models.catalogue import load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.process.settings import CatalogueSettings
from kinolog_stack.checks.doctor_check import OK, WARNING, WRONG, DoctorCheck
from kinolog_stack.checks.process_pages import ANSWER_SECONDS, process_page
from kinolog_stack.checks.tree_check import tree_checks
from kinolog_stack.data_folder import DataFolder, RunningStack
from kinolog_stack.disks.disk_space import Disk, disks_of, mebibytes, stored_parts
from kinolog_stack.errors import StartError
from kinolog_stack.known_alarms import known_alarms
from kinolog_stack.machine import missing_folders
from kinolog_stack.servers.libpq import connect
from kinolog_stack.servers.nats_server import monitor_folder, nats_server_binary
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.servers.postgres_server import DATABASE, SUPERUSER, postgres_binary
from kinolog_stack.settings import StackSettings
from kinolog_stack.signing_certificates import SigningChain, certificate_end

SCARCE_BYTES = 5 * 1024**3
TOO_FEW_BYTES = 1024**3
EXPIRES_SOON = timedelta(days=30)
LOADING_SECONDS = 120.0
WAITING = "not ready, waits for: "


def run_checks(folder: DataFolder) -> list[DoctorCheck]:
    """Run all checks. Those that need a running stack are left out if none runs."""
    checks = [_folder(folder), *_disks(folder), _programs(), _models(), _signing(folder)]
    running = folder.running()
    checks.append(_stack(folder, running))
    if running is None or not running.addresses:
        return checks
    checks += _processes(folder, running)
    addresses = running.addresses
    checks += [
        *_broker(folder, addresses["nats-monitor"]),
        *_database(folder, addresses["postgres"]),
    ]
    probes = [name for name in addresses if name.endswith("-probe") and name != "api-probe"]
    checks += [_ready(folder, name.removesuffix("-probe"), f"{addresses[name]}/ready") for name in probes]
    checks += [_api(folder, addresses), _ready(folder, "gateway", f"{addresses['gateway']}/ready")]
    checks += _alarms(folder, addresses)
    return [_tolerate_start(check, running) for check in checks]


def _tolerate_start(check: DoctorCheck, running: RunningStack) -> DoctorCheck:
    """Return a warning instead of an error for a process that started a moment ago: models take time to load."""
    since = str(running.processes.get(check.name, {}).get("since") or "")
    if check.status != WRONG or not check.found.startswith(WAITING) or not since:
        return check
    if (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds() > LOADING_SECONDS:
        return check
    return DoctorCheck(
        name=check.name, status=WARNING, found=check.found, remedy="Wait a moment and run the check again."
    )


def _folder(folder: DataFolder) -> DoctorCheck:
    path = folder.path
    if not path.exists():
        return DoctorCheck(
            name="data folder",
            status=WARNING,
            found=f"{path} does not exist yet",
            remedy="kinolog up creates it.",
        )
    if not os.access(path, os.W_OK | os.X_OK):
        remedy = "Change its owner or mode, or choose another with --data (KINOLOG_DATA)."
        return DoctorCheck(name="data folder", status=WRONG, found=f"{path} cannot be written", remedy=remedy)
    try:
        folder.check_layout()
    except StartError as error:
        return DoctorCheck(name="data folder", status=WRONG, found=error.problem, remedy=error.remedy)
    return DoctorCheck(name="data folder", status=OK, found=str(path))


def _disks(folder: DataFolder) -> list[DoctorCheck]:
    """Return a check of each disk that holds a part of the data folder."""
    found = disks_of(stored_parts(folder))
    return [_disk(disk, "disk" if len(found) == 1 else f"disk ({disk.slug})") for disk in found]


def _disk(disk: Disk, name: str) -> DoctorCheck:
    room = f"{disk.free_bytes / 1024**3:.1f} GiB free"
    if disk.free_bytes < TOO_FEW_BYTES:
        return DoctorCheck(
            name=name,
            status=WRONG,
            found=f"{mebibytes(disk.free_bytes)} free",
            remedy=f"Make room on the disk of {disk.parts[0].folder}: when it is full, new jobs are refused.",
        )
    if disk.free_bytes < SCARCE_BYTES:
        remedy = f"Make room on the disk of {disk.parts[0].folder} soon."
        return DoctorCheck(name=name, status=WARNING, found=room, remedy=remedy)
    return DoctorCheck(name=name, status=OK, found=room)


def _programs() -> DoctorCheck:
    try:
        nats_server_binary()
        postgres_binary("postgres")
    except StartError as error:
        return DoctorCheck(name="programs", status=WRONG, found=error.problem, remedy=error.remedy)
    return DoctorCheck(name="programs", status=OK, found="nats-server and Postgres are installed")


def _models() -> DoctorCheck:
    try:
        catalogue = load_catalogue(CatalogueSettings())
    except (CatalogueError, OSError) as error:
        return DoctorCheck(
            name="models",
            status=WRONG,
            found=str(error),
            remedy="Correct KINOLOG_CATALOGUE or KINOLOG_MODEL (docs/models.md).",
        )
    missing = missing_folders(catalogue)
    if missing:
        return DoctorCheck(
            name="models",
            status=WRONG,
            found=f"there is no folder {', '.join(missing)}",
            remedy="Put the weights there, or correct the path.",
        )
    return DoctorCheck(name="models", status=OK, found=", ".join(catalogue.names))


def _signing(folder: DataFolder) -> DoctorCheck:
    settings = StackSettings()
    chain = SigningChain(folder.signing_chain)
    path = settings.signing_certificate or chain.signer
    if not settings.signing or not (settings.signing_certificate or path.exists()):
        why = "a start makes the certificate" if settings.signing else "KINOLOG_SIGNING is false"
        return DoctorCheck(name="signing", status=OK, found=f"videos are not signed: {why}")
    try:
        ends_at = certificate_end(path)
    except (OSError, ValueError) as error:
        remedy = "Correct KINOLOG_SIGNING_CERTIFICATE, or restore secrets/c2pa (docs/running.md)."
        return DoctorCheck(name="signing", status=WRONG, found=f"{path}: {error}", remedy=remedy)
    remedy = "" if settings.signing_certificate else chain.problem()
    if ends_at - datetime.now(UTC) <= EXPIRES_SOON:
        remedy = f"Renew it: finished jobs wait once it has expired. {remedy}".strip()
    status = WARNING if remedy else OK
    found = f"the certificate {path} signs videos until {ends_at:%Y-%m-%d}"
    return DoctorCheck(name="signing", status=status, found=found, remedy=remedy)


def _stack(folder: DataFolder, running: RunningStack | None) -> DoctorCheck:
    if running is None:
        return DoctorCheck(
            name="stack",
            status=WRONG,
            found=f"no stack runs on {folder.path}",
            remedy="Start it with: kinolog up",
        )
    if running.state != "running":
        return DoctorCheck(
            name="stack",
            status=WARNING,
            found=f"process {running.pid} is {running.state}",
            remedy="Wait a moment and run the check again.",
        )
    return DoctorCheck(name="stack", status=OK, found=f"process {running.pid}, since {running.started_at}")


def _processes(folder: DataFolder, running: RunningStack) -> list[DoctorCheck]:
    checks = []
    for name, about in running.processes.items():
        starts = int(about.get("starts", 0))
        if about.get("state") != "running":
            problem = f"{about.get('state')}: {about.get('problem') or 'no reason known'}"
            checks.append(
                DoctorCheck(
                    name=f"process {name}", status=WRONG, found=problem, remedy=f"Read {folder.log(name)}."
                )
            )
        elif starts > 1:
            found = f"process {about.get('pid')}, started {starts} times"
            checks.append(
                DoctorCheck(
                    name=f"process {name}",
                    status=WARNING,
                    found=found,
                    remedy=f"Read {folder.log(name)} for the reason.",
                )
            )
        else:
            checks.append(DoctorCheck(name=f"process {name}", status=OK, found=f"process {about.get('pid')}"))
    return checks


def _broker(folder: DataFolder, address: str) -> list[DoctorCheck]:
    try:
        monitor = address + monitor_folder(folder.passwords)
    except StartError as error:
        return [DoctorCheck(name="nats-server", status=WRONG, found=error.problem, remedy=error.remedy)]
    return [_nats(folder, monitor), _streams(monitor)]


def _nats(folder: DataFolder, monitor: str) -> DoctorCheck:
    page = _fetch_json(f"{monitor}/healthz")
    if isinstance(page, str) or page.get("status") != "ok":
        found = page if isinstance(page, str) else str(page.get("error"))
        return DoctorCheck(
            name="nats-server", status=WRONG, found=found, remedy=f"Read {folder.log('nats-server')}."
        )
    return DoctorCheck(name="nats-server", status=OK, found="healthy")


def _streams(monitor: str) -> DoctorCheck:
    page = _fetch_json(f"{monitor}/jsz?accounts=true&streams=true")
    if isinstance(page, str):
        return DoctorCheck(name="streams", status=WRONG, found=page, remedy="See nats-server above.")
    details = [
        stream for account in page.get("account_details", []) for stream in account.get("stream_detail", [])
    ]
    last = {stream["name"]: stream["state"]["last_seq"] for stream in details}
    missing = [name for name in STREAMS if name not in last]
    if missing:
        return DoctorCheck(
            name="streams",
            status=WRONG,
            found=f"missing: {', '.join(missing)}",
            remedy="Restart kinolog: it creates them.",
        )
    return DoctorCheck(
        name="streams", status=OK, found=f"{len(STREAMS)} streams, the log is at position {last[EVENTS]}"
    )


def _database(folder: DataFolder, address: str) -> list[DoctorCheck]:
    """Return the check of the database and, if it answers, that of the tree in it."""
    try:
        password = load_passwords(folder.passwords, [SUPERUSER])[SUPERUSER]
    except StartError as error:
        return [DoctorCheck(name="postgres", status=WRONG, found=str(error))]
    url = f"postgresql://{SUPERUSER}:{password}@{address}/{DATABASE}"
    found = _postgres(folder, url)
    return [found, *(tree_checks(url) if found.status == OK else ())]


def _postgres(folder: DataFolder, url: str) -> DoctorCheck:
    try:
        with connect(url, connect_timeout=int(ANSWER_SECONDS)) as connection:
            row = connection.execute("SELECT to_regclass('kinolog.schema_version') IS NOT NULL").fetchone()
            if row is None or not row[0]:
                return DoctorCheck(
                    name="postgres",
                    status=WRONG,
                    found="no migrations have run",
                    remedy="Restart kinolog: it runs them.",
                )
            row = connection.execute("SELECT version_num FROM kinolog.schema_version").fetchone()
    except psycopg.Error as error:
        return DoctorCheck(
            name="postgres",
            status=WRONG,
            found=str(error).strip().splitlines()[0],
            remedy=f"Read {folder.log('postgres')}.",
        )
    return DoctorCheck(name="postgres", status=OK, found=f"answers, schema {row[0] if row else 'unknown'}")


def _ready(folder: DataFolder, name: str, url: str) -> DoctorCheck:
    page = _fetch_json(url)
    remedy = f"Read {folder.log(name)}."
    if isinstance(page, str):
        return DoctorCheck(name=name, status=WRONG, found=page, remedy=remedy)
    if missing := page.get("missing"):
        return DoctorCheck(
            name=name, status=WRONG, found=f"{WAITING}{', '.join(map(str, missing))}", remedy=remedy
        )
    if page.get("status") != "ready":
        return DoctorCheck(
            name=name,
            status=WRONG,
            found=str(page.get("detail") or page.get("status") or "not ready"),
            remedy=remedy,
        )
    return DoctorCheck(name=name, status=OK, found="ready")


def _alarms(folder: DataFolder, addresses: Mapping[str, str]) -> list[DoctorCheck]:
    """Return one check per alarm that stands."""
    page = _fetch_json(f"{addresses['gateway']}/ready")
    listed = None if isinstance(page, str) else page.get("alarms")
    return [
        DoctorCheck(
            name=f"alarm {alarm.name}",
            status=WRONG if alarm.severity == "refuse_writes" else WARNING,
            found=". ".join(part.rstrip(".") for part in alarm.parts) + ".",
            remedy=f"Reported by {alarm.source} {alarm.instance}".rstrip() + f", since {alarm.since}.",
        )
        for alarm in known_alarms(addresses, folder.passwords, listed)
    ]


def _api(folder: DataFolder, addresses: Mapping[str, str]) -> DoctorCheck:
    try:
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc
    except ImportError:
        return DoctorCheck(
            name="api",
            status=WARNING,
            found="grpc is not installed here",
            remedy="Install it with: pip install 'kinolog[api]'",
        )
    no_proxy = [("grpc.enable_http_proxy", 0)]  # of the shell: it is a process of this machine
    request = health_pb2.HealthCheckRequest()
    with grpc.insecure_channel(addresses["api"], options=no_proxy) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            if _ready(folder, "api", f"{addresses['api-probe']}/ready").status == OK:
                return DoctorCheck(name="api", status=OK, found="ready, by its probe")  # it may be encrypted
            return DoctorCheck(
                name="api",
                status=WRONG,
                found=f"does not answer: {error.code().name}",
                remedy=f"Read {folder.log('api')}.",
            )
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return DoctorCheck(name="api", status=OK, found="serving")
    probed = _ready(folder, "api", f"{addresses['api-probe']}/ready")
    found = probed.found if probed.status == WRONG else "not serving"
    return DoctorCheck(name="api", status=WRONG, found=found, remedy=f"Read {folder.log('api')}.")


def _fetch_json(url: str) -> dict[str, Any] | str:
    """Return the JSON object at `url`, whatever the HTTP status, or a sentence with the reason why there is none."""
    try:
        page = process_page(url).json()
    except (httpx.HTTPError, ValueError) as error:
        return f"no answer at {'/'.join(url.split('/')[:3])} ({type(error).__name__})"
    return page if isinstance(page, dict) else {}
