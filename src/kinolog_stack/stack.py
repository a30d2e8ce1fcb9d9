"""The whole system on one machine: started in order, restarted on failure, stopped in reverse order."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from types import TracebackType
from typing import Self
from uuid import uuid4

from kinolog.mounted_folder import Mount, MountedFolder
from kinolog.process.logs import fields
from kinolog_stack.data_folder import DataFolder, RunningStack
from kinolog_stack.disks.disk_space import Disk, StoredPart, check_room, disks_of, stored_parts
from kinolog_stack.disks.disk_watch import DiskWatch
from kinolog_stack.disks.stack_alarms import StackAlarms
from kinolog_stack.environment import proxy_environment, server_environment, service_environment
from kinolog_stack.errors import PortError, StartError
from kinolog_stack.log_files import StackLog, rotate_at_start, rotate_when_large
from kinolog_stack.machine import check_devices, check_models
from kinolog_stack.plan import (
    STACK_MARK,
    StackPlan,
    StackSite,
    choose_ports,
    gateway_scheme,
    local_address,
    lost_ports,
    plan_stack,
    run_marks,
)
from kinolog_stack.processes.child_process import kill_marked
from kinolog_stack.processes.orphan_reaper import RUN_MARK, OrphanReaper
from kinolog_stack.processes.orphans import end_processes_with
from kinolog_stack.processes.service_process import OneShotProcess, ServiceProcess, ServiceSpec
from kinolog_stack.processes.supervised_process import Supervisable, SupervisedProcess
from kinolog_stack.processes.watchdog import Watchdog
from kinolog_stack.servers.master_key import master_key_env
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_account import user_name_variable
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.servers.tree_key import tree_env
from kinolog_stack.settings import StackSettings
from kinolog_stack.signing_certificates import SigningChain, signing_env
from kinolog_stack.tcp_ports import PORT_TRIES, listen_error

ROTATE_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Stack:
    """Starts and supervises all processes. `addresses` holds where they listen.

    Process names: nats-server, postgres, projector, api, worker-1 …, gateway. `on_change` is called for every
    change of a process. `make_plan` is for tests of the stack itself.
    """

    def __init__(
        self,
        settings: StackSettings,
        *,
        on_change: Callable[[SupervisedProcess], None] = lambda process: None,
        make_plan: Callable[[StackSite], StackPlan] = plan_stack,
    ) -> None:
        self.settings = settings
        self.folder = DataFolder(settings.data)
        self.addresses: dict[str, str] = {}
        self._on_change = on_change
        self._make_plan = make_plan
        self._log = StackLog(self.folder.log("stack"))
        self._run_id = uuid4().hex
        self._reaper = OrphanReaper(self._run_id)
        self._waves: list[list[SupervisedProcess]] = []
        self._one_shots: list[OneShotProcess] = []
        self._alarms: StackAlarms | None = None
        self._stopping = threading.Event()
        self._state_lock = threading.Lock()
        self._state = "starting"
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")

    def start(self) -> None:
        """Start all processes and return when all of them serve. Raises `StartError` and leaves nothing running."""
        check_devices(self.settings.worker_devices)
        check_models()
        check_room(self.folder, self.settings.disk_reserve_bytes)
        self.folder.open()
        try:
            self._log.open()
            self._write_state()
            ended = end_processes_with(STACK_MARK, str(self.folder.path))
            if ended:
                logger.warning("ended orphans of an earlier run", extra=fields("orphans", pids=ended))
            self._check_ports()
            self._reaper.start()
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all processes, last started first. Each is killed after its time limit."""
        self._stopping.set()
        self._state = "stopping"
        if self._alarms is not None:
            self._alarms.stop()
        self._stop_waves()
        self._reaper.stop()
        self._log.close()
        if self.folder.is_open:
            self.folder.write_state(None)
            self.folder.close()

    def _stop_waves(self, remain: int = 0) -> None:
        """Stop the waves of processes, last started first, but for the first `remain`."""
        while len(self._waves) > remain:
            run_together([process.stop for process in self._waves[-1]])
            self._waves.pop()

    def abort(self) -> None:
        """Kill every process of this run now, and start none again: for a second Ctrl-C while `stop` waits."""
        self._stopping.set()
        for process in self.processes.values():
            process.end_supervision()
        kill_marked(RUN_MARK, self._run_id)

    @property
    def processes(self) -> Mapping[str, SupervisedProcess]:
        """All supervised processes by name, in the order of their start."""
        return {process.name: process for wave in self._waves for process in wave}

    def process(self, name: str) -> SupervisedProcess:
        """Return one process. Raises `KeyError`."""
        return self.processes[name]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def _start_all(self) -> None:
        marks = run_marks(self.folder, self._run_id)
        server_env = server_environment(os.environ) | marks
        master_key = master_key_env(self.folder, os.environ)
        signing = signing_env(SigningChain(self.folder.signing_chain), self.settings)
        tree = tree_env(self.folder, os.environ)
        nats = NatsServer(
            self.folder.nats,
            port=self.settings.nats_port,
            passwords_path=self.folder.passwords,
            log_path=self.folder.log("nats-server"),
            env=server_env,
        )
        postgres = PostgresServer(
            self.folder.postgres,
            port=self.settings.postgres_port,
            fsync=self.settings.postgres_fsync,
            passwords_path=self.folder.passwords,
            log_path=self.folder.log("postgres"),
            env=server_env,
        )
        self._start_wave({"nats-server": nats, "postgres": postgres})
        postgres.make_logins()
        self._watch_disks(nats)
        site = StackSite(
            settings=self.settings,
            folder=self.folder,
            nats=nats,
            postgres=postgres,
            ports=choose_ports(self.settings),
            env=user_name_variable() | service_environment(os.environ) | marks,
            proxies=proxy_environment(os.environ),
            master_key=master_key,
            signing=signing,
            tree=tree,
        )
        self._start_services(site)
        self._state = "running"
        self._write_state()
        threading.Thread(target=self._rotate_logs, name="rotate-logs", daemon=True).start()

    def _start_services(self, site: StackSite) -> None:
        """Start the services, and again on other ports if another program took a chosen one in the meantime."""
        servers = len(self._waves)
        for remaining in reversed(range(PORT_TRIES)):
            self._set_addresses(site)
            plan = self._make_plan(site)
            try:
                self._set_up(plan.set_up)
                for wave in plan.waves:
                    self._start_wave(
                        {spec.name: ServiceProcess(spec, self.folder.log(spec.name)) for spec in wave}
                    )
            except StartError as error:
                self._stop_waves(servers)
                if damage := site.nats.damage():
                    raise damage from error
                lost = lost_ports(site)
                if not lost or not remaining:
                    raise
                logger.warning("another program took a port that was free", extra=fields("ports", ports=lost))
                site = replace(site, ports=choose_ports(self.settings))
            else:
                return

    def _watch_disks(self, nats: NatsServer) -> None:
        """Refuse new jobs while a disk is full, and heal the log when there is room again."""
        alarms = self._alarms = StackAlarms(nats)
        alarms.start()

        def disks() -> list[Disk]:
            return disks_of(stored_parts(self.folder))

        videos = [part for part in stored_parts(self.folder) if part.slug == "artifacts"]
        mounted = {part: MountedFolder(part.folder) for part in videos}

        def mounts() -> dict[StoredPart, Mount]:
            return {part: folder.state() for part, folder in mounted.items()}

        def restart_log() -> None:
            child = nats.child
            if child is not None:
                child.stop()  # its supervisor starts it again

        reserve = self.settings.disk_reserve_bytes
        watch = DiskWatch(disks, nats.write_error, restart_log, alarms, reserve, mounts=mounts)
        threading.Thread(target=watch.run, args=(self._stopping,), name="watch-disks", daemon=True).start()

    def _start_wave(self, programs: Mapping[str, Supervisable]) -> None:
        for name in programs:
            rotate_at_start(self.folder.log(name))
        wave = [SupervisedProcess(name, program, self._changed) for name, program in programs.items()]
        self._waves.append(wave)
        run_together([process.start for process in wave], [process.stop for process in wave])
        if self.settings.silent_seconds:
            for process in wave:
                watchdog = Watchdog(process, self.settings.silent_seconds)
                name = f"watch-{process.name}"
                threading.Thread(target=watchdog.run, args=(self._stopping,), name=name, daemon=True).start()

    def _set_up(self, specs: Sequence[ServiceSpec]) -> None:
        for spec in specs:
            rotate_at_start(self.folder.log(spec.name))
        self._one_shots = [OneShotProcess(spec, self.folder.log(spec.name)) for spec in specs]
        run_together([one.start for one in self._one_shots], [one.stop for one in self._one_shots])

    def _check_ports(self) -> None:
        """Raise `PortError` for a port that is taken, before anything is started."""
        settings = self.settings
        configured = (
            ("the gateway", settings.gateway_host, settings.gateway_port, "--port (KINOLOG_GATEWAY_PORT)"),
            ("the api", settings.api_host, settings.api_port, "--api-port (KINOLOG_API_PORT)"),
            ("nats-server", "127.0.0.1", settings.nats_port, "KINOLOG_NATS_PORT"),
            ("Postgres", "127.0.0.1", settings.postgres_port, "KINOLOG_POSTGRES_PORT"),
        )
        for program, host, port, setting in configured:
            if port and (reason := listen_error(host, port)):
                raise PortError(program=program, host=host, port=port, setting=setting, reason=reason)

    def _set_addresses(self, site: StackSite) -> None:
        nats, postgres, ports = site.nats, site.postgres, site.ports
        scheme = gateway_scheme(site.env)
        self.addresses = {
            "gateway": f"{scheme}://{local_address(self.settings.gateway_host)}:{ports.gateway}",
            "api": f"{local_address(self.settings.api_host)}:{ports.api}",
            "nats": f"nats://{nats.host}:{nats.port}",
            "nats-monitor": f"http://{nats.host}:{nats.monitor_port}",
            "postgres": f"{postgres.host}:{postgres.port}",
            "api-probe": f"http://127.0.0.1:{ports.api_probe}",
            "projector-probe": f"http://127.0.0.1:{ports.projector_probe}",
        }
        for number, port in enumerate(ports.worker_probes, start=1):
            self.addresses[f"worker-{number}-probe"] = f"http://127.0.0.1:{port}"

    def _changed(self, process: SupervisedProcess) -> None:
        if self._state == "starting" and isinstance(process.program, NatsServer) and process.program.damage():
            self._end_services()
        self._on_change(process)
        try:
            self._write_state()
        except OSError as error:  # a full disk must not end supervision
            logger.warning("cannot write stack.json", extra=fields("write_state", problem=str(error)))

    def _end_services(self) -> None:
        """Let the start of a service fail that waits for a log which cannot be read."""
        for one_shot in self._one_shots:
            one_shot.stop()
        for process in chain(*self._waves[1:]):
            process.program.stop()

    def _write_state(self) -> None:
        """Write the state of the processes into the data folder, for `kinolog doctor` and other clients."""
        with self._state_lock:
            if not self.folder.is_open:
                return
            processes = {
                name: {
                    "pid": process.pid,
                    "state": process.state,
                    "since": process.since,
                    "starts": process.starts,
                    "problem": process.problem,
                }
                for name, process in self.processes.items()
            }
            self.folder.write_state(
                RunningStack(
                    pid=os.getpid(),
                    state=self._state,
                    addresses=self.addresses,
                    processes=processes,
                    started_at=self._started_at,
                )
            )

    def _rotate_logs(self) -> None:
        while not self._stopping.wait(ROTATE_SECONDS):
            for name in self.processes:
                rotate_when_large(self.folder.log(name))


def run_together(calls: Sequence[Callable[[], None]], undo: Sequence[Callable[[], None]] = ()) -> None:
    """Run all calls concurrently and wait for them.

    If one fails, or the wait is interrupted, `undo` stops the others. Raises the first error.
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
            run_together(undo)
            raise
        for future in running:
            future.result()
