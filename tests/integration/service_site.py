"""Servers for processes of the services, and the environment of these."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from kinolog.adapters.jetstream.subjects import Service
from kinolog_stack.processes.service_process import ServiceProcess, ServiceSpec
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.master_key import MASTER_KEY_ENV

SECONDS = 30.0
"""Timeout of a call, including restarts of servers."""


@dataclass(frozen=True)
class Site:
    """Running servers, and the environment of processes that use them."""

    nats: NatsServer
    database_url: str
    folder: Path

    def env(self, service: Service, **more: str) -> dict[str, str]:
        """Return the environment of a process of `service`."""
        return {
            **os.environ,
            **self.nats.settings_env(service),
            **MASTER_KEY_ENV,
            "KINOLOG_DATABASE_URL": self.database_url,
            "KINOLOG_ARTIFACTS_URL": (self.folder / "artifacts").as_uri(),
            "KINOLOG_API_PORT": "0",
            **more,
        }

    def process(self, name: str, service: Service, module: str, **more: str) -> ServiceProcess:
        """Return a process, not started."""
        spec = ServiceSpec(name, (sys.executable, "-m", module), self.env(service, **more))
        return ServiceProcess(spec, self.folder / f"{name}.log")

    def log(self, name: str) -> str:
        """Return the log of a process."""
        return (self.folder / f"{name}.log").read_text()
