"""The stack: order, addresses, restarts, refusals, and that no process is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from kinolog_stack.errors import PortError, StartError
from kinolog_stack.plan import STACK_MARK, StackPlan, StackSite
from kinolog_stack.stack import Stack
from kinolog_stack.tcp_ports import free_port
from tests.fixtures.servers import temporary_folder
from tests.fixtures.small_stack import small_plan, small_settings
from tests.fixtures.up_command import all_gone, marked_processes, processes_of
from tests.fixtures.waits import WAIT_SECONDS

NAMES = ["nats-server", "postgres", "projector", "api", "worker-1", "gateway"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A running stack, shared by the tests that leave it running."""
    with (
        temporary_folder() as folder,
        Stack(small_settings(folder / "data"), make_plan=small_plan) as stack,
    ):
        yield stack


def test_everything_runs_at_the_addresses_of_stack_json(stack: Stack) -> None:
    """All processes run, and stack.json names them with their addresses."""
    status = json.loads((stack.folder.path / "stack.json").read_text())
    assert status["state"] == "running"
    assert status["pid"] == os.getpid()
    assert list(status["processes"]) == NAMES
    assert {name: about["pid"] for name, about in status["processes"].items()} == {
        name: stack.process(name).pid for name in NAMES
    }
    assert httpx.get(status["addresses"]["gateway"]).status_code == 501


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_process_is_restarted(stack: Stack, name: str) -> None:
    """A killed process is started again at the same address."""
    supervised = stack.process(name)
    before, starts = supervised.pid, supervised.starts
    supervised.kill()
    assert supervised.wait_started(starts + 1)
    assert supervised.pid not in (None, before)
    assert httpx.get(stack.addresses["gateway"]).status_code == 501


def test_children_of_a_killed_process_are_ended(stack: Stack) -> None:
    """Children of a killed process are ended before it is started again."""
    supervised = stack.process("worker-1")
    announced: Callable[[], str] = lambda: supervised.program.announced["grandchild"]  # type: ignore[attr-defined] # noqa: E731
    grandchild, starts = psutil.Process(int(announced())), supervised.starts
    supervised.kill()
    assert supervised.wait_started(starts + 1)
    assert psutil.wait_procs([grandchild], timeout=WAIT_SECONDS)[1] == []


def test_second_stack_on_a_folder_is_refused(stack: Stack) -> None:
    """A second stack on the same folder names the first one's process and address, and leaves it running."""
    with pytest.raises(StartError, match=rf"process {os.getpid()}, at {stack.addresses['gateway']}"):
        Stack(stack.settings, make_plan=small_plan).start()
    assert httpx.get(stack.addresses["gateway"]).status_code == 501


def test_two_stacks_run_beside_each_other(stack: Stack, data_folder: Path) -> None:
    """Another folder and other ports make another stack."""
    with Stack(small_settings(data_folder), make_plan=small_plan) as other:
        assert set(other.addresses.values()).isdisjoint(stack.addresses.values())


def test_stop_leaves_nothing_and_data_survives(data_folder: Path) -> None:
    """After a stop no process is left. The next start finds the data and rotates the logs."""
    settings = small_settings(data_folder)
    first = Stack(settings, make_plan=small_plan)
    first.start()
    password = json.loads((data_folder / "passwords.json").read_text())["postgres"]
    url = f"postgresql://postgres:{password}@{first.addresses['postgres']}/kinolog"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE stored AS SELECT 1 AS number")
    first.stop()
    assert all_gone(settings.data)
    assert not (settings.data / "stack.json").exists()
    with Stack(settings, make_plan=small_plan) as second:
        url = f"postgresql://postgres:{password}@{second.addresses['postgres']}/kinolog"
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT number FROM stored").fetchall() == [(1,)]
    assert (settings.data / "logs/api.log.1").exists()


def test_taken_port_is_named_before_anything_starts(data_folder: Path) -> None:
    """A taken port is refused with its number and its setting before anything starts."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = small_settings(data_folder).model_copy(update={"gateway_port": port})
        with pytest.raises(PortError, match=rf"(?s)gateway.*{port}.*KINOLOG_GATEWAY_PORT"):
            Stack(settings, make_plan=small_plan).start()
    assert not list((settings.data / "nats").iterdir())
    assert all_gone(settings.data)


@pytest.mark.parametrize("part", ["projector-probe", "gateway"])
def test_a_port_that_is_lost_before_its_service_listens_is_chosen_again(data_folder: Path, part: str) -> None:
    """Another program takes a free port between choice and start: all services start on other ports."""
    with contextlib.ExitStack() as others:
        taken: list[int] = []

        def plan(site: StackSite) -> StackPlan:
            if not taken:
                port = {"projector-probe": site.ports.projector_probe, "gateway": site.ports.gateway}[part]
                others.enter_context(socket.create_server(("127.0.0.1", port)))
                taken.append(port)
            return small_plan(site)

        with Stack(small_settings(data_folder), make_plan=plan) as stack:
            assert httpx.URL(stack.addresses[part]).port not in taken
            assert httpx.get(stack.addresses["gateway"]).status_code == 501
            assert httpx.get(stack.addresses["projector-probe"]).status_code == 501
            assert [process.state for process in stack.processes.values()] == ["running"] * len(NAMES)
            assert json.loads((data_folder / "stack.json").read_text())["addresses"] == stack.addresses
    assert all_gone(data_folder)


def test_a_named_port_that_is_lost_is_not_replaced(data_folder: Path) -> None:
    """Nobody would look for the gateway at another port than the one that was asked for."""
    port = free_port()
    settings = small_settings(data_folder).model_copy(update={"gateway_port": port})
    with contextlib.ExitStack() as others:

        def plan(site: StackSite) -> StackPlan:
            others.enter_context(socket.create_server(("127.0.0.1", port)))
            return small_plan(site)

        with pytest.raises(StartError, match=r"(?s)gateway ended with status 1.*Address already in use"):
            Stack(settings, make_plan=plan).start()
    assert all_gone(data_folder)


def test_failing_service_shows_its_log_and_leaves_nothing(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that does not start is named with the end of its log, and everything else is stopped."""
    monkeypatch.setenv("SMALL_FAILS", "api")
    settings = small_settings(data_folder)
    with pytest.raises(StartError, match=r"(?s)api ended with status 1.*told to fail"):
        Stack(settings, make_plan=small_plan).start()
    assert all_gone(settings.data)


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """A folder with other files is not used as a data folder."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StartError, match=r"not a kinolog data folder: it holds thesis\.txt"):
        Stack(small_settings(tmp_path), make_plan=small_plan).start()


@pytest.mark.parametrize(
    ("layout", "reason"),
    [('{"layout": 99}', "newer kinolog"), ("{", "damaged"), ('{"layout": []}', "damaged")],
)
def test_unknown_layout_is_refused(tmp_path: Path, layout: str, reason: str) -> None:
    """A folder of a newer layout, or with an unreadable one, is refused with the reason."""
    (tmp_path / "layout.json").write_text(layout)
    with pytest.raises(StartError, match=reason):
        Stack(small_settings(tmp_path), make_plan=small_plan).start()


def test_unwritable_folder_is_refused() -> None:
    """A folder that cannot be written is named together with what to do."""
    with pytest.raises(StartError, match=r"(?s)/proc/kinolog cannot be used.*--data"):
        Stack(small_settings(Path("/proc/kinolog")), make_plan=small_plan).start()


def test_damaged_log_is_refused(data_folder: Path) -> None:
    """A stream that nats-server cannot recover stops the start, instead of being created empty."""
    settings = small_settings(data_folder)
    folder = Stack(settings, make_plan=small_plan).folder
    folder.open()
    folder.close()
    stream = settings.data / "nats/jetstream/$G/streams/EVENTS"
    stream.mkdir(parents=True)
    (stream / "meta.inf").write_text("garbage")
    with pytest.raises(StartError, match=r"EVENTS' could not be recovered.*damaged"):
        Stack(settings, make_plan=small_plan).start()
    assert all_gone(settings.data)


RUN = """
import sys
from pathlib import Path
from kinolog_stack.stack import Stack
from tests.fixtures.servers import temporary_folder
from tests.fixtures.small_stack import small_plan, small_settings
stack = Stack(small_settings(Path(sys.argv[1])), make_plan=small_plan)
stack.start()
print("up", flush=True)
sys.stdin.read()
"""


def test_killed_supervisor_leaves_nothing(data_folder: Path) -> None:
    """SIGKILL to the supervisor ends every process, and the next start works on the same folder."""
    settings = small_settings(data_folder)
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(settings.data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"up\n"
        names = set(processes_of(settings.data))
        assert {"nats-server", "postgres"} <= names
        supervisor.send_signal(signal.SIGKILL)
    assert all_gone(settings.data)
    with Stack(settings, make_plan=small_plan) as again:
        assert httpx.get(again.addresses["gateway"]).status_code == 501


def test_start_ends_orphans_of_an_earlier_run(data_folder: Path) -> None:
    """A process of an earlier run on the folder is ended before anything else starts."""
    env = os.environ | {STACK_MARK: str(data_folder)}
    with (
        subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], env=env) as orphan,
        Stack(small_settings(data_folder), make_plan=small_plan) as stack,
    ):
        assert orphan.pid not in [process.pid for process in marked_processes(data_folder)]
        assert stack.process("gateway").pid is not None
