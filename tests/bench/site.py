"""Processes to measure: a stack with only the services that a row needs, and helpers of the bench as processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from kinolog.adapters.jetstream.subjects import Service
from kinolog.process.settings import LogSettings
from kinolog_stack.plan import StackPlan, StackSite, plan_stack
from kinolog_stack.processes.service_process import ServiceProcess, ServiceSpec
from kinolog_stack.processes.supervised_process import Supervisable
from kinolog_stack.servers.master_key import master_key_env
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.settings import StackSettings
from kinolog_stack.stack import Stack
from tests.fixtures.log import settings_of
from tests.fixtures.programs import started
from tests.fixtures.servers import temporary_folder
from tests.fixtures.whole_stack import CATALOGUE
from tests.renderers.installed import PYTHONPATH

ROOT = Path(__file__).parents[2]
STREAM_DURABILITY = "log synced to disk before each answer"


@contextmanager
def running(services: Collection[str]) -> Iterator[Stack]:
    """Run nats-server, Postgres (both durable) and these of `projector`, `api`, `worker` and `gateway`."""

    def chosen(site: StackSite) -> StackPlan:
        whole = plan_stack(site)
        waves = (tuple(s for s in wave if s.name.partition("-")[0] in services) for wave in whole.waves)
        return StackPlan(whole.set_up, tuple(wave for wave in waves if wave))

    with temporary_folder() as folder:
        catalogue = folder / "catalogue.toml"
        catalogue.write_text(CATALOGUE, encoding="utf-8")
        settings = StackSettings(
            data=folder / "data", gateway_port=0, api_port=0, workers=1, worker_devices=["cpu"]
        )
        extra = {"KINOLOG_CATALOGUE": str(catalogue), "PYTHONPATH": PYTHONPATH}
        with patch.dict(os.environ, extra), Stack(settings, make_plan=chosen) as stack:
            yield stack


def nats_of(stack: Stack) -> NatsServer:
    """Return the nats-server of a stack."""
    server = stack.process("nats-server").program
    if not isinstance(server, NatsServer):
        raise TypeError(f"nats-server is a {type(server).__name__}")
    return server


def log_settings(stack: Stack, service: Service) -> LogSettings:
    """Return the settings to connect to the log of a stack as `service`."""
    return settings_of(nats_of(stack), service)


def postgres_of(stack: Stack) -> PostgresServer:
    """Return the Postgres of a stack."""
    server = stack.process("postgres").program
    if not isinstance(server, PostgresServer):
        raise TypeError(f"postgres is a {type(server).__name__}")
    return server


def pid_of(program: Supervisable) -> int:
    """Return the id of a process that runs. Raises RuntimeError if it does not."""
    if program.child is None:
        raise RuntimeError("the process does not run")
    return program.child.pid


def api_env(stack: Stack) -> dict[str, str]:
    """Return the settings of an api on the log and the files of a stack, but for its database."""
    env = nats_of(stack).settings_env(Service.API) | master_key_env(stack.folder, os.environ)
    return env | {"KINOLOG_ARTIFACTS_URL": stack.folder.artifacts.as_uri()}


@contextmanager
def api_on(stack: Stack, database_url: str) -> Iterator[str]:
    """Run an api on the log of a stack and another database. Yield its address."""
    env = api_env(stack) | {"KINOLOG_DATABASE_URL": database_url, "KINOLOG_API_PORT": "0"}
    with process("api", ("kinolog_api",), env) as api:
        yield api.announced["target"]


@contextmanager
def gateway_on(api_target: str) -> Iterator[str]:
    """Run a gateway for the api at this address. Yield its URL."""
    env = {"KINOLOG_API_TARGET": api_target, "KINOLOG_GATEWAY_PORT": "0"}
    with process("gateway", ("kinolog_gateway",), env) as gateway:
        yield gateway.announced["url"]


@contextmanager
def helper(module: str, *arguments: str) -> Iterator[ServiceProcess]:
    """Run a module of the bench as a process. Yield it when it has announced that it is ready."""
    with process(module, (f"tests.bench.{module}", *arguments), {}) as running_helper:
        yield running_helper


@contextmanager
def process(name: str, module: tuple[str, ...], env: Mapping[str, str]) -> Iterator[ServiceProcess]:
    """Run a module with its arguments as a process for the duration of the block. Yield it when it serves."""
    whole = dict(os.environ) | {"PYTHONPATH": PYTHONPATH, "PYTHONUNBUFFERED": "1"} | dict(env)
    with temporary_folder() as folder:
        spec = ServiceSpec(name, (sys.executable, "-m", *module), whole)
        with started(ServiceProcess(spec, folder / f"{name}.log")) as running_process:
            yield running_process
