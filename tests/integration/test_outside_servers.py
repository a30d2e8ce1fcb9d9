"""The services with servers that are given by URL: everything by settings, as docker-compose sets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kinolog.adapters.jetstream.subjects import Service
from kinolog_client import JobEnded, KinologClient
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.tcp_ports import free_port
from tests.fixtures.master_key import MASTER_KEY_ENV
from tests.fixtures.whole_stack import CATALOGUE
from tests.renderers.installed import PYTHONPATH

STOP_SECONDS = 60


def _once(module: str, *arguments: str, env: dict[str, str]) -> None:
    """Run a program, which must exit with status 0."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def _service(module: str, env: dict[str, str], log: Path) -> Iterator[dict[str, str]]:
    """Run a service during the block and yield what it announced. It must exit with status 0 on SIGTERM."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=env, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ready "), log.read_text(encoding="utf-8")
            yield json.loads(line.removeprefix("ready "))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(STOP_SECONDS)
            finally:
                process.kill()
                process.communicate()
        assert code == 0, log.read_text(encoding="utf-8")


def test_a_job_runs_on_servers_given_by_url(
    own_nats_server: NatsServer, database_url: str, tmp_path: Path
) -> None:
    """With nothing but settings, the four services complete a job, and exit with status 0."""
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(CATALOGUE, encoding="utf-8")
    shared = (
        dict(os.environ)
        | MASTER_KEY_ENV
        | {
            "PYTHONPATH": PYTHONPATH,
            "KINOLOG_CATALOGUE": str(catalogue),
            "KINOLOG_LOG_FORMAT": "json",
            "KINOLOG_ARTIFACTS_URL": (tmp_path / "artifacts").as_uri(),
            "KINOLOG_WORKER_SCRATCH": str(tmp_path / "scratch"),
        }
    )
    database = {"KINOLOG_DATABASE_URL": database_url}

    def as_user(service: Service, **more: str) -> dict[str, str]:
        return shared | own_nats_server.settings_env(service) | more

    _once("kinolog.adapters.jetstream.provision", env=as_user(Service.ADMIN))
    _once("kinolog_projector", "migrate", env=shared | database)
    api_port, probe_port = free_port(), free_port()
    api_env = as_user(Service.API, KINOLOG_API_PORT=str(api_port), **database)
    gateway_env = shared | {"KINOLOG_GATEWAY_PORT": "0", "KINOLOG_API_TARGET": f"127.0.0.1:{api_port}"}
    projector_env = as_user(Service.PROJECTOR, KINOLOG_PROJECTOR_PROBE_PORT=str(probe_port), **database)
    with ExitStack() as running:
        running.enter_context(_service("kinolog_projector", projector_env, tmp_path / "projector.log"))
        running.enter_context(_service("kinolog_api", api_env, tmp_path / "api.log"))
        running.enter_context(_service("kinolog_worker", as_user(Service.WORKER), tmp_path / "worker.log"))
        about = running.enter_context(_service("kinolog_gateway", gateway_env, tmp_path / "gateway.log"))
        _once("kinolog_api.health", f"127.0.0.1:{api_port}", env=shared)
        _once("kinolog.process.probe_check", str(probe_port), env=shared)
        with KinologClient(about["url"]) as client:
            job_id = client.generate("bars", model="card").job_id
            last = list(client.watch(job_id))[-1]
        assert isinstance(last, JobEnded)
        assert last.state.status == "completed"
