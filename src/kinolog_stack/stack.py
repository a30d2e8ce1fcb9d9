"""The whole system on one machine: started in order, kept alive, stopped in reverse order."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

from kinolog.process.logs import fields
from kinolog_stack.data_folder import DataFolder, RunningStack
from kinolog_stack.errors import PortError
from kinolog_stack.log_files import StackLog, rotate_at_start, rotate_when_large
from kinolog_stack.plan import (
    MARK,
    StackPlan,
    StackPorts,
    StackSite,
    base_env,
    plan,
    reachable,
    worker_devices,
)
from kinolog_stack.processes.orphan_reaper import OrphanReaper
from kinolog_stack.processes.orphans import end_marked
from kinolog_stack.processes.service_process import OneShotProcess, ServiceProcess, ServiceSpec
from kinolog_stack.processes.supervised_process import Supervisable, SupervisedProcess
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.settings import StackSettings
from kinolog_stack.tcp_ports import free_port, listening_problem

TRIM_SECONDS = 30.0

log = logging.getLogger(__name__)


class Stack:
    """`start`, then use `addresses`; `process(name)` is a part that tests may kill; `stop` ends all of it.

    Names: nats-server, postgres, projector, api, worker-1 …, gateway. `tell` hears of every change of a part;
    `make_plan` is for tests of the stack itself.
    """

    def __init__(
        self,
        settings: StackSettings,
        *,
        tell: Callable[[SupervisedProcess], None] = lambda kept: None,
        make_plan: Callable[[StackSite], StackPlan] = plan,
    ) -> None:
        self.settings = settings
        self.folder = DataFolder(settings.data)
        self.addresses: dict[str, str] = {}
        self._tell = tell
        self._make_plan = make_plan
        self._log = StackLog(self.folder.log("stack"))
        self._run = uuid4().hex
        self._sweeper = OrphanReaper(self._run)
        self._waves: list[list[SupervisedProcess]] = []
        self._one_offs: list[OneShotProcess] = []
        self._stopping = threading.Event()
        self._said = threading.Lock()
        self._state = "starting"
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")

    def start(self) -> None:
        """Start everything and return when all of it serves. Raises StartError, with nothing left running."""
        self.folder.open()
        try:
            self._log.open()
            self._say()
            ended = end_marked(MARK, str(self.folder.path))
            if ended:
                log.warning("ended what an earlier run left behind", extra=fields("leftovers", pids=ended))
            self._check_ports()
            self._sweeper.start()
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything, last started first; each part has its time limit and is killed after it."""
        self._stopping.set()
        self._state = "stopping"
        while self._waves:
            _together([kept.stop for kept in self._waves[-1]])
            self._waves.pop()
        self._sweeper.stop()
        self._log.close()
        if self.folder.held:
            self.folder.say(None)
            self.folder.close()

    def abort(self) -> None:
        """Kill every process now: for the second Ctrl-C, while `stop` waits."""
        self._stopping.set()
        parts = [kept.part for kept in self.processes.values()]
        for child in (part.child for part in [*parts, *self._one_offs]):
            if child is not None:
                child.signal(signal.SIGKILL)

    @property
    def processes(self) -> Mapping[str, SupervisedProcess]:
        """The parts by name, in the order of their start."""
        return {kept.name: kept for wave in self._waves for kept in wave}

    def process(self, name: str) -> SupervisedProcess:
        """One part. Raises KeyError."""
        return self.processes[name]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def _start_all(self) -> None:
        env = base_env(self.folder, self._run, os.environ)
        nats = NatsServer(
            self.folder.nats,
            port=self.settings.nats_port,
            passwords_path=self.folder.passwords,
            log_path=self.folder.log("nats-server"),
            env=env,
        )
        postgres = PostgresServer(
            self.folder.postgres,
            port=self.settings.postgres_port,
            fsync=self.settings.postgres_fsync,
            passwords_path=self.folder.passwords,
            log_path=self.folder.log("postgres"),
            env=env,
        )
        self._start_wave({"nats-server": nats, "postgres": postgres})
        ports = self._choose_ports()
        self._name_addresses(nats, postgres, ports)
        todo = self._make_plan(StackSite(self.settings, self.folder, nats, postgres, ports, env))
        self._set_up(todo.set_up)
        for wave in todo.waves:
            self._start_wave({spec.name: ServiceProcess(spec, self.folder.log(spec.name)) for spec in wave})
        self._state = "running"
        self._say()
        threading.Thread(target=self._trim_logs, name="trim-logs", daemon=True).start()

    def _start_wave(self, parts: Mapping[str, Supervisable]) -> None:
        for name in parts:
            rotate_at_start(self.folder.log(name))
        wave = [SupervisedProcess(name, part, self._changed) for name, part in parts.items()]
        self._waves.append(wave)
        _together([kept.start for kept in wave], [kept.stop for kept in wave])

    def _set_up(self, specs: Sequence[ServiceSpec]) -> None:
        for spec in specs:
            rotate_at_start(self.folder.log(spec.name))
        self._one_offs = [OneShotProcess(spec, self.folder.log(spec.name)) for spec in specs]
        steps = self._one_offs
        _together([step.start for step in steps], [step.stop for step in steps])

    def _check_ports(self) -> None:
        """Refuse before anything runs, rather than after half of it does."""
        wanted = (
            ("the gateway", self.settings.gateway_host, self.settings.gateway_port, "KINOLOG_GATEWAY_PORT"),
            ("the api", self.settings.api_host, self.settings.api_port, "KINOLOG_API_PORT"),
            ("nats-server", "127.0.0.1", self.settings.nats_port, "KINOLOG_NATS_PORT"),
            ("Postgres", "127.0.0.1", self.settings.postgres_port, "KINOLOG_POSTGRES_PORT"),
        )
        for part, host, port, setting in wanted:
            if port and (reason := listening_problem(host, port)):
                raise PortError(part, host, port, setting, reason)

    def _choose_ports(self) -> StackPorts:
        return StackPorts(
            api=self.settings.api_port or free_port(),
            gateway=self.settings.gateway_port or free_port(),
            projector_probe=free_port(),
            worker_probes=tuple(free_port() for _ in worker_devices(self.settings)),
        )

    def _name_addresses(self, nats: NatsServer, postgres: PostgresServer, ports: StackPorts) -> None:
        self.addresses = {
            "gateway": f"http://{reachable(self.settings.gateway_host)}:{ports.gateway}",
            "api": f"{reachable(self.settings.api_host)}:{ports.api}",
            "nats": f"nats://{nats.host}:{nats.port}",
            "nats-monitor": f"http://{nats.host}:{nats.monitor_port}",
            "postgres": f"{postgres.host}:{postgres.port}",
            "projector-probe": f"http://127.0.0.1:{ports.projector_probe}",
        }
        for number, port in enumerate(ports.worker_probes, start=1):
            self.addresses[f"worker-{number}-probe"] = f"http://127.0.0.1:{port}"

    def _changed(self, kept: SupervisedProcess) -> None:
        self._tell(kept)
        try:
            self._say()
        except OSError as error:  # a full disk must not end the supervision
            log.warning("cannot write stack.json", extra=fields("say", problem=str(error)))

    def _say(self) -> None:
        """Write what runs where into the folder, for `kinolog doctor` and other clients."""
        with self._said:
            if not self.folder.held:
                return
            processes = {
                name: {
                    "pid": kept.pid,
                    "state": kept.state,
                    "since": kept.since,
                    "starts": kept.starts,
                    "problem": kept.problem,
                }
                for name, kept in self.processes.items()
            }
            self.folder.say(
                RunningStack(os.getpid(), self._state, self.addresses, processes, self._started_at)
            )

    def _trim_logs(self) -> None:
        while not self._stopping.wait(TRIM_SECONDS):
            for name in self.processes:
                rotate_when_large(self.folder.log(name))


def _together(calls: Sequence[Callable[[], None]], undo: Sequence[Callable[[], None]] = ()) -> None:
    """Run all calls at once and wait for every one. When one fails, or somebody interrupts the wait, `undo` ends
    what the others are still doing; raises what went wrong first.
    """
    if not calls:
        return
    with ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(call) for call in calls]
        try:
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            _together(undo)
            raise
        for future in running:
            future.result()
