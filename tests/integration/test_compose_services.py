"""docker-compose.yml, run: every service as the process that its container would be, against real servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from deploy.make_env import give_to_containers, make_env
from kinolog_client import JobEnded, KinologClient
from kinolog_stack.processes.child_process import ChildCommand, ProcessAccount
from kinolog_stack.servers.libpq import connect
from kinolog_stack.servers.postgres_account import allow_traversal
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.fixtures.compose_services import ROOT, Compose, ComposeServices, NotSet, read_compose, read_env
from tests.fixtures.programs import started
from tests.fixtures.servers import temporary_folder
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import CATALOGUE


class ComposePostgres(PostgresServer):
    """Postgres with the options of the file. Its folder has been made by another one."""

    def __init__(self, folder: Path, port: int, options: list[str]) -> None:
        super().__init__(folder, port=port, fsync=False)
        self._options = options

    def _command(self, account: ProcessAccount | None) -> ChildCommand:
        own = super()._command(account)
        here = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=", "fsync=off")
        options = [*self._options, *(f"-c{setting}" for setting in here)]
        return replace(own, argv=[own.argv[0], "-D", str(self.folder), *options])


@contextmanager
def _postgres(services: ComposeServices, compose: Compose, made: Path, folder: Path) -> Iterator[None]:
    """Run Postgres as its image does with the variables and the command of the file, until it answers its check."""
    about = compose["services"]["postgres"]
    shutil.copytree(made, folder / "postgres", copy_function=shutil.copy)
    program, *options = about["command"]
    assert program == "postgres"
    user, password, database = (
        about["environment"][f"POSTGRES_{name}"] for name in ("USER", "PASSWORD", "DB")
    )
    server = ComposePostgres(folder / "postgres" / "data", services.port("postgres", 5432), options)
    with started(server):
        server.drop_database(database)
        with connect(server.url("postgres"), autocommit=True) as connection:
            create = sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}")
            connection.execute(create.format(sql.Identifier(user), sql.Literal(password)))
            recycled = connection.execute("SHOW wal_recycle").fetchone()
        server.create_database(database)
        assert recycled == ("off",)
        services.note_healthy("postgres")
        yield


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of what docker-compose.yml mounts, with the passwords and keys of `make env`."""
    with temporary_folder() as folder:
        folder.chmod(0o755)
        allow_traversal(folder)
        own = ("api_keys", "master_key", "tree_key", "c2pa", "mail")  # of whoever works here
        shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("*.py", *own))
        for name in ("deploy/mail", "deploy/c2pa", "models"):  # an engine makes them
            (folder / name).mkdir(exist_ok=True)
        (folder / "models" / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
        make_env(folder)
        give_to_containers(folder)
        yield folder


def test_a_start_without_passwords_names_one(checkout: Path) -> None:
    """No password has a default."""
    (checkout / ".env").unlink()
    with pytest.raises(NotSet, match=r"^required variable NATS_\w+_PASSWORD is missing a value: .*make env"):
        read_compose({})


@pytest.mark.timeout(600)  # nine programs start one after the other
def test_every_service_runs_and_a_job_is_rendered(
    checkout: Path, stopped_postgres: Path, tmp_path: Path
) -> None:
    """Each service of the file, that of the profile gpu too, runs with nothing but what the file gives it."""
    variables = read_env(checkout / ".env") | {"KINOLOG_CATALOGUE": "/models/catalogue.toml"}
    compose = read_compose(variables)
    with temporary_folder() as folder, ExitStack() as running:
        folder.chmod(0o755)
        services = ComposeServices(compose, checkout, folder)
        services.translate_file("nats", "/etc/nats/nats.conf")
        services.run("folders")
        running.enter_context(services.running("nats"))
        running.enter_context(_postgres(services, compose, stopped_postgres, folder))
        for service in ("provision", "logins", "migrate"):
            services.run(service)
        for service in ("projector", "api", "gateway", "worker", "worker-gpu"):
            running.enter_context(services.running(service))
        key = (checkout / "deploy" / "api_keys").read_text(encoding="utf-8").split()[0]
        url = f"http://127.0.0.1:{services.port('gateway', 8085)}"
        with KinologClient(url, api_key=key) as client:
            wait_until(
                lambda: {each.device for each in client.workers().workers},
                "both workers are known",
                lambda found: found == {"cpu", "cuda:0"},
            )
            job_id = client.generate("bars", model="card").job_id
            last = list(client.watch(job_id))[-1]
            assert isinstance(last, JobEnded)
            assert last.state.status == "completed"
            assert client.download(job_id, tmp_path / "film.mp4").stat().st_size > 0
        stored = [path for path in (folder / "volumes" / "artifacts").rglob("*") if path.is_file()]
        assert stored
        assert {path.stat().st_uid for path in stored} == {services.user("worker")}
