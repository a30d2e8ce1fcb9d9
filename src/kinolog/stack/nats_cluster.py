"""Three nats-servers that replicate to each other, on one machine: for tests of replicated streams."""

from __future__ import annotations

import time
from pathlib import Path

from kinolog.stack.addresses import free_port
from kinolog.stack.errors import StartError
from kinolog.stack.nats_server import NatsServer, Route
from kinolog.subjects import Service

MEMBERS = 3
START_SECONDS = 60.0


class NatsCluster:
    """A cluster of three; single members can be killed and started again through `servers`."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1") -> None:
        ports: list[int] = []
        while len(ports) < MEMBERS:
            port = free_port(host)
            if port not in ports:
                ports.append(port)
        passwords_path = folder / "passwords.json"
        self.servers = tuple(
            NatsServer(
                folder / f"n{number}",
                host=host,
                name=f"n{number}",
                passwords_path=passwords_path,
                route=Route(port, tuple(ports)),
            )
            for number, port in enumerate(ports, start=1)
        )
        self.folder = folder

    def start(self) -> None:
        """Start all members and wait until they have a leader and are current. Raises StartError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for server in self.servers:
                server.launch()
            for server in self.servers:
                server.wait_ready(START_SECONDS)
            self._wait_for_leader()
        except StartError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all members."""
        for server in self.servers:
            server.stop()

    def leader(self) -> NatsServer | None:
        """The member that leads the cluster's own affairs, once all agree on it and see each other."""
        names: set[str] = set()
        for server in self.servers:
            meta = server.monitor("/jsz").get("meta_cluster", {})
            if meta.get("cluster_size") != MEMBERS:
                return None
            names.add(meta.get("leader", ""))
        if len(names) != 1:
            return None
        (name,) = names
        return next((server for server in self.servers if server.name == name), None)

    def url(self, service: Service) -> str:
        """URLs of all members with user and password, separated by commas. Keep it out of logs."""
        return ",".join(server.url(service) for server in self.servers)

    def settings_env(self, service: Service) -> dict[str, str]:
        """The settings with which a process connects as `service`, streams replicated three times."""
        env = self.servers[0].settings_env(service)
        env["KINOLOG_NATS_URL"] = ",".join(f"nats://{server.host}:{server.port}" for server in self.servers)
        env["KINOLOG_NATS_REPLICAS"] = str(MEMBERS)
        return env

    def _wait_for_leader(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.leader() is None:
            if time.monotonic() > deadline:
                raise StartError(f"the nats cluster in {self.folder} found no leader.")
            time.sleep(0.05)
