"""The processes of a stack: the order in which they start, and the environment of each.

A process gets only the passwords that it needs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kinolog.adapters.jetstream.subjects import Service
from kinolog.readmodel.roles import API_LOGIN, PROJECTOR_LOGIN
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.devices import assign_devices, model_memory
from kinolog_stack.processes.orphan_reaper import RUN_MARK
from kinolog_stack.processes.service_process import ServiceSpec
from kinolog_stack.servers.memory_guard import machine_bytes
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.settings import StackSettings
from kinolog_stack.tcp_ports import free_port, port_is_taken

UPDATE_SECONDS = 3_600.0
MODEL_MEMORY = "KINOLOG_WORKER_MODEL_MEMORY"
STACK_MARK = "KINOLOG_STACK"


@dataclass(frozen=True, slots=True)
class StackPorts:
    """Ports of the services, chosen before they start so that a restart keeps them."""

    api: int
    api_probe: int
    gateway: int
    projector_probe: int
    worker_probes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What to run once nats-server and Postgres answer: the set-up first, then the services wave by wave."""

    set_up: tuple[ServiceSpec, ...]
    waves: tuple[tuple[ServiceSpec, ...], ...]


@dataclass(frozen=True, slots=True)
class StackSite:
    """Input of a plan: settings, data folder, servers, ports, the base environment, and what only some processes get.

    That is the proxies of the shell and the settings of the master key.
    """

    settings: StackSettings
    folder: DataFolder
    nats: NatsServer
    postgres: PostgresServer
    ports: StackPorts
    env: Mapping[str, str] = field(repr=False)
    proxies: Mapping[str, str] = field(repr=False, default_factory=dict)
    master_key: Mapping[str, str] = field(repr=False, default_factory=dict)
    signing: Mapping[str, str] = field(default_factory=dict)
    tree: Mapping[str, str] = field(default_factory=dict)


def choose_ports(settings: StackSettings) -> StackPorts:
    """Return the ports of the settings, and free ones where a setting is 0 and for the probes."""
    return StackPorts(
        api=settings.api_port or free_port(),
        api_probe=free_port(),
        gateway=settings.gateway_port or free_port(),
        projector_probe=free_port(),
        worker_probes=tuple(free_port() for _ in worker_devices(settings)),
    )


def lost_ports(site: StackSite) -> list[int]:
    """Return the ports chosen by `choose_ports` that another program took. No service of `site` may run."""
    settings, ports, probe_host = site.settings, site.ports, _probe_host(site)
    chosen = [(probe_host, port) for port in (ports.api_probe, ports.projector_probe, *ports.worker_probes)]
    if not settings.api_port:
        chosen.append((settings.api_host, ports.api))
    if not settings.gateway_port:
        chosen.append((settings.gateway_host, ports.gateway))
    return [port for host, port in chosen if port_is_taken(host, port)]


def plan_stack(site: StackSite) -> StackPlan:
    """Return the plan of the whole system."""
    projector = replace(
        _spec(site, "projector", "kinolog_projector", _projector_env(site)),
        health_url=_probe_url(site, site.ports.projector_probe),
    )
    set_up = (
        _spec(site, "streams", "kinolog.adapters.jetstream.provision", site.nats.settings_env(Service.ADMIN)),
        # Read models of an earlier version are rebuilt from the log, which takes time in proportion to the log.
        replace(
            _spec(site, "migrations", "kinolog_projector", _projector_env(site), "update"),
            ready_seconds=UPDATE_SECONDS,
        ),
    )
    serving = (
        replace(
            _spec(site, "api", "kinolog_api", _api_env(site)),
            health_url=_probe_url(site, site.ports.api_probe),
        ),
        *_workers(site),
        replace(
            _spec(site, "gateway", "kinolog_gateway", _gateway_env(site), stop_seconds=8.0),
            health_url=_health_url(site.settings.gateway_host, site.ports.gateway, gateway_scheme(site.env)),
        ),
    )
    # The projector refuses a log that lost its end. Nothing may be written before it has checked (decision 12).
    return StackPlan(set_up, ((projector,), serving))


def run_marks(folder: DataFolder, run: str) -> dict[str, str]:
    """Return the variables by which the processes of a stack, and of one run of it, are found."""
    return {STACK_MARK: str(folder.path), RUN_MARK: run}


def worker_devices(settings: StackSettings) -> list[str]:
    """Return the device of each worker process."""
    return assign_devices(settings.workers, settings.worker_devices)


def _spec(
    site: StackSite,
    name: str,
    module: str,
    env: Mapping[str, str],
    *arguments: str,
    stop_seconds: float = 10.0,
) -> ServiceSpec:
    environment = dict(site.env) | dict(env)
    return ServiceSpec(
        name, (sys.executable, "-P", "-m", module, *arguments), environment, stop_seconds=stop_seconds
    )


def _artifacts(site: StackSite) -> dict[str, str]:
    return {"KINOLOG_ARTIFACTS_URL": site.folder.artifacts.as_uri()}


def _projector_env(site: StackSite) -> dict[str, str]:
    probe = {"KINOLOG_PROJECTOR_PROBE_PORT": str(site.ports.projector_probe)}
    servers = site.nats.settings_env(Service.PROJECTOR) | site.postgres.settings_env(user=PROJECTOR_LOGIN)
    return servers | dict(site.master_key) | dict(site.tree) | _artifacts(site) | probe


def _api_env(site: StackSite) -> dict[str, str]:
    at = {
        "KINOLOG_API_HOST": site.settings.api_host,
        "KINOLOG_API_PORT": str(site.ports.api),
        "KINOLOG_API_PROBE_PORT": str(site.ports.api_probe),
        "KINOLOG_NO_AUTH": str(site.settings.no_auth),
    }
    servers = site.nats.settings_env(Service.API) | site.postgres.settings_env(user=API_LOGIN)
    return servers | dict(site.master_key) | _artifacts(site) | at


def _workers(site: StackSite) -> list[ServiceSpec]:
    specs = []
    devices = worker_devices(site.settings)
    for number, device in enumerate(devices, start=1):
        name = f"worker-{number}"
        env = dict(site.proxies) | site.nats.settings_env(Service.WORKER) | _artifacts(site)
        env |= dict(site.signing)
        if MODEL_MEMORY not in site.env:
            env[MODEL_MEMORY] = str(model_memory(device, devices, machine_bytes()))
        env |= {
            "KINOLOG_WORKER_NAME": name,
            "KINOLOG_WORKER_DEVICE": device,
            "KINOLOG_WORKER_SCRATCH": str(site.folder.scratch / name),
            "KINOLOG_WORKER_PROBE_PORT": str(site.ports.worker_probes[number - 1]),
        }
        spec = _spec(site, name, "kinolog_worker", env, stop_seconds=15.0)
        specs.append(replace(spec, health_url=_probe_url(site, site.ports.worker_probes[number - 1])))
    return specs


def _gateway_env(site: StackSite) -> dict[str, str]:
    return {
        "KINOLOG_GATEWAY_HOST": site.settings.gateway_host,
        "KINOLOG_GATEWAY_PORT": str(site.ports.gateway),
        "KINOLOG_NO_AUTH": str(site.settings.no_auth),
        "KINOLOG_API_TARGET": f"{local_address(site.settings.api_host)}:{site.ports.api}",
    }


def _probe_url(site: StackSite, port: int) -> str:
    """Return the address at which the probe of a process says that its event loop runs."""
    return _health_url(_probe_host(site), port)


def _probe_host(site: StackSite) -> str:
    return site.env.get("KINOLOG_PROBE_HOST", "127.0.0.1")


def gateway_scheme(env: Mapping[str, str]) -> str:
    """Return the scheme of the gateway's address in this environment."""
    return "https" if env.get("KINOLOG_GATEWAY_TLS_CERTIFICATE") else "http"


def _health_url(host: str, port: int, scheme: str = "http") -> str:
    local = local_address(host)
    if ":" in local and not local.startswith("["):
        local = f"[{local}]"
    return f"{scheme}://{local}:{port}/health"


def local_address(host: str) -> str:
    """Return the address under which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - not bound
